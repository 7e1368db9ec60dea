"""What a pickle describes, without the power to run anything.

`pickle.load` calls whatever functions a file names. This reader knows the few instructions that torch writes for a
dictionary of tensors, and refuses the file at the first other one. Names of functions are looked up in a table of
ours, never imported.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LARGEST_PICKLE = 1 << 20
"""Bytes; the pickles of embeddings have about 1,000, since numbers lie beside them."""
MARK = object()


class RefusedPickleError(Exception):
    """The pickle asks for something that no file of tensors needs."""


class BrokenPickleError(Exception):
    """The pickle is cut off or altered."""


@dataclass(frozen=True)
class Name:
    """A name that a pickle mentions, known to the table."""

    text: str


@dataclass
class Instance:
    """An object of a class that the table lets be described."""

    name: str
    state: object = None


@dataclass(frozen=True)
class Table:
    """All that a pickle may name."""

    constants: frozenset[str]
    """Names that are mentioned only, such as types of storages."""
    functions: Mapping[str, Callable[..., object]]
    """What stands for a function; raises RefusedPickleError or BrokenPickleError for arguments that do not fit."""
    classes: frozenset[str]
    """Classes of which an `Instance` may be made, without arguments."""
    persistent: Callable[[object], object]
    """Looks up what lies outside the pickle."""


@dataclass
class _Machine:
    table: Table
    stack: list[object] = field(default_factory=list)
    memo: dict[int, object] = field(default_factory=dict)

    def pop(self) -> object:
        if not self.stack or self.stack[-1] is MARK:
            raise BrokenPickleError("it takes a value where there is none")
        return self.stack.pop()

    def pop_to_mark(self) -> list[object]:
        values: list[object] = []
        while self.stack:
            value = self.stack.pop()
            if value is MARK:
                return values[::-1]
            values.append(value)
        raise BrokenPickleError("it takes a list where there is none")

    def top(self) -> object:
        value = self.pop()
        self.stack.append(value)
        return value


def read_pickle(content: bytes, table: Table) -> object:
    """The value that a pickle describes: None, numbers, text, tuples, lists, dictionaries and what `table` gives.

    Raises RefusedPickleError and BrokenPickleError, nothing else.
    """
    if len(content) > LARGEST_PICKLE:
        raise RefusedPickleError(f"its pickle has {len(content)} bytes, more than {LARGEST_PICKLE}")
    machine = _Machine(table)
    instructions = pickletools.genops(content)
    while True:
        try:
            opcode, argument, _ = next(instructions)
        except (ValueError, StopIteration) as error:
            raise BrokenPickleError(f"its pickle ends or breaks in the middle: {error}") from error
        if opcode.name == "STOP":
            return machine.pop()
        act = _INSTRUCTIONS.get(opcode.name)
        if act is None:
            raise RefusedPickleError(f"it uses the instruction {opcode.name}")
        act(machine, argument)


def _constant(value: object) -> Callable[[_Machine, object], None]:
    def act(machine: _Machine, argument: object) -> None:
        del argument
        machine.stack.append(value)

    return act


def _tuple(count: int) -> Callable[[_Machine, object], None]:
    def act(machine: _Machine, argument: object) -> None:
        del argument
        values = [machine.pop() for _ in range(count)]
        machine.stack.append(tuple(values[::-1]))

    return act


def _new(kind: type[list[object]] | type[dict[object, object]]) -> Callable[[_Machine, object], None]:
    def act(machine: _Machine, argument: object) -> None:
        del argument
        machine.stack.append(kind())

    return act


def _literal(machine: _Machine, argument: object) -> None:
    machine.stack.append(argument)


def _put(machine: _Machine, argument: object) -> None:
    assert isinstance(argument, int)
    machine.memo[argument] = machine.top()


def _get(machine: _Machine, argument: object) -> None:
    assert isinstance(argument, int)
    if argument not in machine.memo:
        raise BrokenPickleError("it recalls a value that it never had")
    machine.stack.append(machine.memo[argument])


def _tuple_to_mark(machine: _Machine, argument: object) -> None:
    del argument
    machine.stack.append(tuple(machine.pop_to_mark()))


def _append(machine: _Machine, argument: object) -> None:
    del argument
    _extend(machine, [machine.pop()])


def _appends(machine: _Machine, argument: object) -> None:
    del argument
    _extend(machine, machine.pop_to_mark())


def _extend(machine: _Machine, values: list[object]) -> None:
    target = machine.top()
    if not isinstance(target, list):
        raise BrokenPickleError("it appends to something that is no list")
    target.extend(values)


def _set_item(machine: _Machine, argument: object) -> None:
    del argument
    value, key = machine.pop(), machine.pop()
    _update(machine, [key, value])


def _set_items(machine: _Machine, argument: object) -> None:
    del argument
    _update(machine, machine.pop_to_mark())


def _update(machine: _Machine, values: list[object]) -> None:
    target = machine.top()
    if not isinstance(target, dict) or len(values) % 2:
        raise BrokenPickleError("it sets an item of something that is no dictionary")
    for key, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(key, str | int):
            raise RefusedPickleError("a key of a dictionary is neither text nor a whole number")
        target[key] = value


def _name(machine: _Machine, argument: object) -> None:
    # pickletools gives module and name with a space between.
    text = str(argument).replace(" ", ".", 1)
    table = machine.table
    if text not in table.constants and text not in table.functions and text not in table.classes:
        raise RefusedPickleError(f"it names {text}, which could run code")
    machine.stack.append(Name(text))


def _call(machine: _Machine, argument: object) -> None:
    del argument
    arguments, function = machine.pop(), machine.pop()
    known = machine.table.functions.get(function.text) if isinstance(function, Name) else None
    if known is None or not isinstance(arguments, tuple):
        raise RefusedPickleError("it calls something that is no known function")
    machine.stack.append(known(*arguments))


def _make(machine: _Machine, argument: object) -> None:
    del argument
    arguments, name = machine.pop(), machine.pop()
    known = isinstance(name, Name) and name.text in machine.table.classes
    if not isinstance(name, Name) or not known or not isinstance(arguments, tuple) or len(arguments) > 0:
        raise RefusedPickleError("it makes an object of an unknown class")
    machine.stack.append(Instance(name.text))


def _build(machine: _Machine, argument: object) -> None:
    del argument
    state = machine.pop()
    target = machine.top()
    if not isinstance(target, Instance):
        raise RefusedPickleError("it sets the state of something that has none")
    target.state = state


def _persistent(machine: _Machine, argument: object) -> None:
    del argument
    machine.stack.append(machine.table.persistent(machine.pop()))


def _nothing(machine: _Machine, argument: object) -> None:
    del machine, argument


_INSTRUCTIONS: Mapping[str, Callable[[_Machine, object], None]] = {
    "PROTO": _nothing,
    "FRAME": _nothing,
    "MARK": _constant(MARK),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_LIST": _new(list),
    "EMPTY_DICT": _new(dict),
    **dict.fromkeys(["BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"], _literal),
    **dict.fromkeys(["BINPUT", "LONG_BINPUT"], _put),
    **dict.fromkeys(["BINGET", "LONG_BINGET"], _get),
    "TUPLE": _tuple_to_mark,
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "GLOBAL": _name,
    "REDUCE": _call,
    "NEWOBJ": _make,
    "BUILD": _build,
    "BINPERSID": _persistent,
}
