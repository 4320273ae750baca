"""Merge many files into few, row for row."""
