"""A byte-pair vocabulary in the form of CLIP's, learned from captions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

START = "<|startoftext|>"
END = "<|endoftext|>"
LENGTH = 77
WORD_END = "</w>"
ZERO = "!"
"""The vocabulary's first token, with which OpenCLIP pads."""
# The split of CLIP's tokenizer (Radford et al., 2021) without its special tokens.
WORDS = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""


def learn_vocabulary(captions: Sequence[str], size: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token ids and merges: all bytes, all bytes at a word's end, at most `size` - 514 merges, start and end."""
    model = models.BPE(end_of_word_suffix=WORD_END)
    learner = Tokenizer(model)
    learner.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=alphabet,
        end_of_word_suffix=WORD_END,
        show_progress=False,
        min_frequency=1,
    )
    learner.train_from_iterator(captions, trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    merges: list[tuple[str, str]] = [(left, right) for left, right in learned]
    tokens = [*alphabet, *(letter + WORD_END for letter in alphabet)]
    kept: list[tuple[str, str]] = []
    for left, right in merges:
        if len(tokens) >= size - 2:
            break
        if left + right not in tokens:
            tokens.append(left + right)
        kept.append((left, right))
    tokens += [START, END]
    return {token: index for index, token in enumerate(tokens)}, kept


def write_tokenizer(folder: Path, vocabulary: dict[str, int], merges: Sequence[tuple[str, str]], padding: str) -> None:
    """The files of a CLIP tokenizer that transformers, kohya and others read; `padding` is the token it pads with."""
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": padding}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": LENGTH, "do_lower_case": True, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=2), encoding="utf-8")
