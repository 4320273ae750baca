"""What must not move unseen: the kernel's instructions, and what commands and handlers import."""
