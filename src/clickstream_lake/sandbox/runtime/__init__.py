"""The Lambda side of the sandbox: real handlers in real processes, called as Lambda calls them."""
