"""What happens to a partition, step by step."""
