"""A bare ZeroMQ socket to compare with: sends back what it gets, or images on `images/COUNT/SIDE`."""

from __future__ import annotations

import sys

import numpy as np
import zmq


def main(endpoint: str) -> None:
    socket = zmq.Context.instance().socket(zmq.ROUTER)
    socket.bind(endpoint)
    print("ready", flush=True)
    while True:
        peer, message = socket.recv_multipart()
        word, _, rest = message.partition(b"/")
        if word == b"end":
            return
        if word != b"images":
            socket.send_multipart([peer, message])
            continue
        count, side = map(int, rest.split(b"/"))
        for index in range(count):
            pixels = np.full((side, side, 3), index % 256, np.uint8)
            socket.send_multipart([peer, b"image", pixels], copy=False)


if __name__ == "__main__":
    main(sys.argv[1])
