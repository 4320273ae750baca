"""`python -m clickstream_lake` is the `clickstream` command."""

from clickstream_lake.cli import main

if __name__ == "__main__":
    main()
