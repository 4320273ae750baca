"""The files of one source, written locally and counted."""
