"""The control socket: answered from its own thread, so that nothing a job does stands in its way."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import zmq

from phalanx_worker.protocol.codec import decode_control, encode
from phalanx_worker.protocol.messages import (
    PROTOCOL_VERSION,
    SCHEMA_SHA256,
    Bye,
    Cancel,
    ControlReply,
    ControlRequest,
    Hello,
    Launch,
    Ping,
    Pong,
    Refused,
    Shutdown,
    Status,
    StatusRequest,
    Welcome,
)
from phalanx_worker.server.job_loop import JobLoop
from phalanx_worker.server.job_record import JobTable
from phalanx_worker.server.versions import versions


class Control:
    """Owns the control socket; `stop` ends the worker."""

    def __init__(
        self, socket: zmq.Socket[bytes], launch: Launch, table: JobTable, loop: JobLoop, stop: Callable[[], None]
    ) -> None:
        self._socket = socket
        self._launch = launch
        self._table = table
        self._loop = loop
        self._stop = stop
        self._started_at = time.monotonic()

    def start(self) -> None:
        """Serve from a thread of its own."""
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def _serve(self) -> None:
        while True:
            sender, *frames = self._socket.recv_multipart()
            try:
                request = decode_control(frames[0] if frames else b"")
            except msgspec.DecodeError as error:
                self._send(sender, self._refused("malformed", str(error)))
                continue
            reply = self._answer(request)
            if reply is not None:
                self._send(sender, reply)
            if isinstance(reply, Bye):
                self._stop()

    def _answer(self, request: ControlRequest) -> ControlReply | None:
        epoch = self._launch.epoch
        if request.epoch != epoch:
            return self._refused("stale-epoch", f"this worker is {epoch}, the message is for {request.epoch}")
        match request:
            case Hello():
                return self._greet(request)
            case Ping():
                return Pong(epoch=epoch, id=request.id)
            case StatusRequest():
                return self._status(request.id)
            case Cancel():
                record = self._table.cancel(request.job_id)
                if record is not None:
                    self._loop.withdraw(record)
                    if request.how == "exception":
                        self._loop.interrupt(record)
                return None
            case Shutdown():
                return Bye(epoch=epoch)

    def _greet(self, hello: Hello) -> ControlReply:
        if hello.protocol_version != PROTOCOL_VERSION:
            return self._refused("version-mismatch", f"the worker speaks protocol {PROTOCOL_VERSION}")
        if hello.schema_sha256 != SCHEMA_SHA256:
            return self._refused("schema-mismatch", f"the worker's schema is {SCHEMA_SHA256}")
        return Welcome(
            epoch=self._launch.epoch,
            schema_sha256=SCHEMA_SHA256,
            pid=os.getpid(),
            device=self._launch.device,
            versions=versions(),
        )

    def _status(self, request_id: int) -> Status:
        running = self._loop.running()
        queued = tuple(
            record.job_id for record in self._table.all() if not record.finished and record.job_id != running
        )
        return Status(
            epoch=self._launch.epoch,
            id=request_id,
            running=running,
            queued=queued,
            uptime_seconds=time.monotonic() - self._started_at,
            resident_bytes=_resident_bytes(),
        )

    def _refused(self, reason: str, message: str) -> Refused:
        return msgspec.convert(
            {"type": "refused", "epoch": self._launch.epoch, "reason": reason, "message": message, "jobId": None},
            Refused,
        )

    def _send(self, receiver: bytes, reply: ControlReply) -> None:
        try:
            self._socket.send_multipart((receiver, encode(reply)), zmq.NOBLOCK)
        except zmq.ZMQError:
            # The client is gone or does not read; it asks again if it still wants to know.
            return


def _resident_bytes() -> int:
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
