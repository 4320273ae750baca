"""What an operator asks of a lake."""
