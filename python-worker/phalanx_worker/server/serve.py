"""Puts the worker together, says that it is ready, and waits for its end."""

from __future__ import annotations

import errno
import faulthandler
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import msgspec
import zmq

from phalanx_worker.errors import WorkerError
from phalanx_worker.protocol.messages import SCHEMA_SHA256, Launch, Ready, StartFailed, StartReport
from phalanx_worker.server.capture import Capture
from phalanx_worker.server.control import Control
from phalanx_worker.server.curve import ServerKeys, admit
from phalanx_worker.server.guard import die_with_parent, watch_stdin
from phalanx_worker.server.job_loop import JobLoop
from phalanx_worker.server.job_record import JobTable
from phalanx_worker.server.jobs_socket import JobsSocket, Waker
from phalanx_worker.server.wire_error import wire_error

LAST_WORDS_SECONDS = 0.05
"""For the farewell to leave the process."""
SEND_QUEUE_MESSAGES = 256


def serve(argument: str) -> None:
    """Serve until told to stop. `argument` is a `Launch` as JSON."""
    launch = msgspec.json.decode(argument, type=Launch)
    die_with_parent(launch.parent_pid)
    watch_stdin()
    # The whole group gets the terminal's Ctrl-C; what it means is decided on the other side.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serving = _start(launch)
    except Exception as error:
        _report(launch, StartFailed(error=wire_error(error, ())))
        raise SystemExit(1) from error
    _report(
        launch,
        Ready(
            pid=os.getpid(),
            epoch=launch.epoch,
            control_endpoint=serving.control_endpoint,
            jobs_endpoint=serving.jobs_endpoint,
            server_key=serving.server_key,
            schema_sha256=SCHEMA_SHA256,
        ),
    )
    serving.stopped.wait()
    # Nothing else is waited for: a job may sit in a long C call.
    time.sleep(LAST_WORDS_SECONDS)
    os._exit(0)


@dataclass(frozen=True)
class _Serving:
    """A worker at work: where others connect, its CURVE key if it has one, and what is set when it shall end."""

    control_endpoint: str
    jobs_endpoint: str
    server_key: str | None
    stopped: threading.Event


def _start(launch: Launch) -> _Serving:
    capture = Capture(launch.stdout_file, launch.stderr_file)
    faulthandler.enable()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    network = launch.network
    keys = None if network is None else admit(context, network.client_key)
    control_socket = _socket(context, keys)
    jobs_socket = _socket(context, keys)
    control_endpoint = _listen(control_socket, launch.control_endpoint)
    jobs_endpoint = _listen(jobs_socket, launch.jobs_endpoint)
    if network is not None:
        control_endpoint = _listen(control_socket, network.control_endpoint)
        jobs_endpoint = _listen(jobs_socket, network.jobs_endpoint)
    stopped = threading.Event()
    table = JobTable()
    waker = Waker()
    loop = JobLoop(epoch=launch.epoch, device=launch.device, capture=capture, wake=waker.wake)
    JobsSocket(jobs_socket, launch, table, loop, waker).start()
    Control(control_socket, launch, table, loop, stopped.set).start()
    loop.start()
    capture.start()
    return _Serving(control_endpoint, jobs_endpoint, None if keys is None else keys.public.decode("ascii"), stopped)


def _socket(context: zmq.Context[zmq.Socket[bytes]], keys: ServerKeys | None) -> zmq.Socket[bytes]:
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    socket.setsockopt(zmq.SNDHWM, SEND_QUEUE_MESSAGES)
    socket.setsockopt(zmq.LINGER, 0)
    if keys is not None:
        keys.guard(socket)
    return socket


def _listen(socket: zmq.Socket[bytes], endpoint: str) -> str:
    """Bind, and give the address with the port that was free."""
    address = urlparse(endpoint)
    # A second bind on the same path succeeds and takes the address away from the first.
    if address.scheme == "ipc" and Path(address.path).exists():
        raise WorkerError(
            f"{address.path} is there already and another worker may use it; start this one in a folder of its own",
            code="socket-in-use",
            facts={"endpoint": endpoint},
        )
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        if error.errno == errno.EADDRINUSE:
            raise WorkerError(
                f"{endpoint} is in use by another program; choose another port, or none to get one that is free",
                code="port-in-use",
                facts={"endpoint": endpoint},
            ) from error
        raise WorkerError(
            f"cannot listen on {endpoint}: {error}", code="socket-unusable", facts={"endpoint": endpoint}
        ) from error
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


def _report(launch: Launch, report: StartReport) -> None:
    with os.fdopen(launch.ready_descriptor, "wb") as ready:
        ready.write(msgspec.json.encode(report) + b"\n")
