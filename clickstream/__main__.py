"""`python -m clickstream` is the `clickstream` command."""

from clickstream.cli import main

if __name__ == "__main__":
    main()
