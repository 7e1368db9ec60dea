"""The jobs socket: takes submissions, sends each reader its messages as fast as it takes them."""

from __future__ import annotations

import socket as sockets
import threading
import time
from typing import Any

import msgspec
import zmq

from phalanx_worker.protocol.codec import decode_jobs, encode
from phalanx_worker.protocol.messages import (
    Accepted,
    Attach,
    Credit,
    Detach,
    Gap,
    JobsReply,
    JobsRequest,
    Launch,
    Refused,
    Replay,
    Submit,
    Waiting,
)
from phalanx_worker.server.job_loop import JobLoop
from phalanx_worker.server.job_record import JobRecord, JobTable
from phalanx_worker.server.journal import Journal

RETRY_MILLISECONDS = 10
"""Before a reader whose queue is full is tried again."""
WAITING_MILLISECONDS = 500
"""Between two notes to a reader that holds a job back; they also show whether it is still there."""


class Waker:
    """Lets other threads end the socket's wait."""

    def __init__(self) -> None:
        self.reading_end, self._writing_end = sockets.socketpair()
        self.reading_end.setblocking(False)
        self._writing_end.setblocking(False)
        self._called = threading.Event()

    def wake(self) -> None:
        """End the wait, once for any number of calls."""
        if not self._called.is_set():
            self._called.set()
            self._writing_end.send(b"\0")

    def clear(self) -> None:
        """Forget the calls so far, of which there is one at least; look at what they were about after this."""
        # In this order: a call in between whose byte was taken here would silence all that follow.
        self.reading_end.recv(4096)
        self._called.clear()


class JobsSocket:
    """Owns the jobs socket and the thread that serves it."""

    def __init__(self, socket: zmq.Socket[bytes], launch: Launch, table: JobTable, loop: JobLoop, waker: Waker) -> None:
        self._socket = socket
        self._launch = launch
        self._table = table
        self._loop = loop
        self._waker = waker
        self._noted_at = 0.0

    def start(self) -> None:
        """Serve from a thread of its own."""
        threading.Thread(target=self._serve, name="jobs", daemon=True).start()

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._waker.reading_end, zmq.POLLIN)
        blocked = False
        while True:
            ready = dict(poller.poll(RETRY_MILLISECONDS if blocked else WAITING_MILLISECONDS))
            if self._waker.reading_end.fileno() in ready:
                self._waker.clear()
            if self._socket in ready:
                self._receive_all()
            blocked = sum(self._flush(record) for record in self._table.all()) > 0
            self._note_waiting()

    def _receive_all(self) -> None:
        while True:
            try:
                sender, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            reply = self._handle(sender, frames[0] if frames else b"")
            if reply is not None:
                self._send(sender, (encode(reply),))

    def _handle(self, sender: bytes, data: bytes) -> JobsReply | None:
        epoch = self._launch.epoch
        try:
            request = decode_jobs(data)
        except msgspec.DecodeError as error:
            return self._refused("malformed", str(error), _job_id(data))
        if request.epoch != epoch:
            message = f"this worker is {epoch}, the message is for {request.epoch}"
            return self._refused("stale-epoch", message, request.job_id)
        record = self._table.get(request.job_id)
        if isinstance(request, Submit) and record is None:
            self._accept(sender, request)
            return Accepted(epoch=epoch, job_id=request.job_id)
        if record is None:
            return self._refused("unknown-job", "no job of this id is known here", request.job_id)
        return self._follow(sender, request, record)

    def _accept(self, sender: bytes, request: Submit) -> None:
        journal = Journal(
            progress_buffer=self._launch.progress_buffer,
            blob_credit_bytes=self._launch.blob_credit_bytes,
            kept_messages=self._launch.journal_messages,
        )
        journal.attach(sender, 1)
        record = JobRecord(request.job_id, request.job, journal)
        self._table.add(record)
        self._loop.enqueue(record)

    def _follow(self, sender: bytes, request: JobsRequest, record: JobRecord) -> JobsReply | None:
        match request:
            case Credit():
                record.journal.credit(sender, request.bytes)
                return None
            case Detach():
                record.journal.detach(sender)
                return None
            case Attach() | Submit():
                wanted = request.from_sequence if isinstance(request, Attach) else 1
                start = record.journal.attach(sender, wanted)
                epoch, job_id = self._launch.epoch, record.job_id
                if start > wanted:
                    return Gap(epoch=epoch, job_id=job_id, from_sequence=wanted, first_available=start)
                return Replay(epoch=epoch, job_id=job_id, from_sequence=start)

    def _flush(self, record: JobRecord) -> bool:
        """Send what is there; true when a reader could not take all of it."""
        return sum(self._flush_to(reader, record.journal) for reader in record.journal.readers()) > 0

    def _flush_to(self, reader: bytes, journal: Journal) -> bool:
        while (following := journal.next_for(reader)) is not None:
            entry, dropped = following
            header = encode(entry.make(entry.sequence, dropped))
            try:
                frames: tuple[Any, ...] = (reader, header, *(blob.data for blob in entry.blobs))
                self._socket.send_multipart(frames, zmq.NOBLOCK, copy=not entry.blobs)
            except zmq.Again:
                return True
            except zmq.ZMQError:
                journal.detach(reader)
                return False
            journal.sent(reader, entry)
        return False

    def _note_waiting(self) -> None:
        now = time.monotonic()
        if now - self._noted_at < WAITING_MILLISECONDS / 1000:
            return
        self._noted_at = now
        for record in self._table.all():
            for reader, outstanding in record.journal.waiting_for():
                note = Waiting(epoch=self._launch.epoch, job_id=record.job_id, outstanding_bytes=outstanding)
                if not self._send(reader, (encode(note),)):
                    record.journal.detach(reader)

    def _send(self, receiver: bytes, frames: tuple[bytes, ...]) -> bool:
        """False when the receiver is not connected."""
        try:
            self._socket.send_multipart((receiver, *frames), zmq.NOBLOCK)
        except zmq.Again:
            return True
        except zmq.ZMQError:
            return False
        return True

    def _refused(self, reason: str, message: str, job_id: str | None) -> Refused:
        return msgspec.convert(
            {"type": "refused", "epoch": self._launch.epoch, "reason": reason, "message": message, "jobId": job_id},
            Refused,
        )


def _job_id(data: bytes) -> str | None:
    """The job a message was about, when that much of it can be read."""
    try:
        value = msgspec.msgpack.decode(data)
    except msgspec.DecodeError:
        return None
    job_id = value.get("jobId") if isinstance(value, dict) else None
    return job_id if isinstance(job_id, str) else None
