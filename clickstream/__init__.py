"""The operator's toolkit: the `clickstream` command, the event generator, the local sandbox."""
