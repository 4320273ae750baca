"""What `clickstream estimate` reckons with, and the page about costs: `python -m dev.costs`."""
