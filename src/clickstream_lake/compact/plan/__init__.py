"""What is worth compacting, and how: pure decisions."""
