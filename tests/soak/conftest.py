import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Shows a line of progress at once."""

    def say(text: str) -> None:
        with capsys.disabled():
            sys.stderr.write(f"\n{text}")
            sys.stderr.flush()

    return say
