"""Files and folders that a job writes, whole or not at all."""
