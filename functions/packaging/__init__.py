"""What `functions/package.py` is made of. Nothing in here runs in Lambda."""
