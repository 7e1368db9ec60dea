"""What crosses the wire: generated messages and their codec."""
