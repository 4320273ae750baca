"""What the lake costs: AWS's prices, measured inputs, and the bill that both come to."""
