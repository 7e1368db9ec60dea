"""Keys for sockets that listen on the network: CurveZMQ (ZeroMQ RFC 26) with one client key (ZAP, RFC 27)."""

from __future__ import annotations

from dataclasses import dataclass

import zmq
from zmq.auth.thread import ThreadAuthenticator

from phalanx_worker.errors import WorkerError

DOMAIN = "phalanx"


@dataclass(frozen=True)
class ServerKeys:
    """The worker's own pair in Z85, made anew by each process."""

    public: bytes
    secret: bytes

    def guard(self, socket: zmq.Socket[bytes]) -> None:
        """Let in nobody without keys; call before the socket is bound."""
        socket.curve_server = True
        socket.curve_publickey = self.public
        socket.curve_secretkey = self.secret
        # Without a domain libzmq would let in every key.
        socket.zap_domain = DOMAIN.encode("ascii")


def admit(context: zmq.Context[zmq.Socket[bytes]], client_key: str) -> ServerKeys:
    """Admit the holder of `client_key` alone to sockets of this context, from a thread of its own."""
    if not zmq.has("curve"):
        raise WorkerError(
            "this build of ZeroMQ cannot encrypt, so the worker does not listen on the network; install pyzmq from a"
            " wheel of the package index",
            code="curve-unsupported",
        )
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve_callback(DOMAIN, _OneKey(client_key.encode("ascii")))
    return ServerKeys(*zmq.curve_keypair())


class _OneKey:
    """Takes one key, as the authenticator asks for it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def callback(self, _domain: str, key: bytes) -> bool:
        return key == self._key
