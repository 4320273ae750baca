"""Many files into few, row for row."""
