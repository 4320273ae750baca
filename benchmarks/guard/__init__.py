"""What must not change unseen: the kernel's instructions, and what commands and handlers import."""
