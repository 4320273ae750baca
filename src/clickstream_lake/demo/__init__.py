"""A lake in the sandbox, and the demo that shows what becomes of events in it."""
