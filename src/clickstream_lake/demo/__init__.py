"""A lake in the sandbox, and the demo that shows what happens to events in it."""
