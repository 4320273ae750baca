"""`python -m dev.package`: see `command.py`."""

import sys

from dev.package.command import main

sys.exit(main())
