"""The parts of `dev/package/command.py`. Nothing in here runs in Lambda."""
