"""The two sockets, the queue of jobs and what guards them. Imports no torch."""
