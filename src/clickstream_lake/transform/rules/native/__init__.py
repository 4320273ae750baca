"""The kernel in C, and how Python calls it."""
