"""Starts a worker: `python -m phalanx_worker '<launch as JSON>'`."""

import sys

from phalanx_worker.server.serve import serve

if __name__ == "__main__":
    serve(sys.argv[1])
