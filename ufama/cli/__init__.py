"""The command `ufama`."""
