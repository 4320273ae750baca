"""The transform against what users would otherwise write, and against the floor of its stages."""
