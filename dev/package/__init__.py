"""What `dev/package/command.py` is made of. Nothing in here runs in Lambda."""
