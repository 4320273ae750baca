"""What hostile raw objects cost per byte, and a search for worse ones."""
