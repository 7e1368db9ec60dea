"""Ways to change a base, one file each."""
