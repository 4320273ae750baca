"""The only modules of the lake that talk to AWS."""
