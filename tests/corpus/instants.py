"""What Trino's `from_iso8601_timestamp` answers for hostile texts: see joda/Instants.java."""

from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).with_name("joda") / "instants.tsv"


def joda_instants() -> dict[str, int | None]:
    """Texts and their UTC milliseconds; None where the function fails the query."""
    lines = [line.split("\t") for line in _TABLE.read_text(encoding="ascii").splitlines()]
    return {_unescape(text): None if answer == "-" else int(answer) for text, answer in lines}


def _unescape(text: str) -> str:
    """Java's escapes, which spell what is beyond U+FFFF as two surrogates."""
    decoded = text.encode("ascii").decode("unicode-escape")
    return decoded.encode("utf-16", "surrogatepass").decode("utf-16")
