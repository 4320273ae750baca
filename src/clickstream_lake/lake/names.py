"""Names of fields, as they are compared: `user_id`, `userId` and `USER-ID` are one."""

import unicodedata
from typing import Final

# Control and format characters, spaces, connectors such as `_`, dashes.
_DROPPED: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Pc", "Pd"})
_ASCII: Final = {
    code: None if unicodedata.category(chr(code)) in _DROPPED else chr(code).lower()
    for code in range(128)
}


def fold_name(name: str) -> str:
    """A name without what people write it differently in: case, width, `_`, `-` and spaces.

    NFKC first, then case folding (Unicode Standard, 3.13), then without control and format
    characters, spaces, connectors and dashes. Letters that only look alike stay apart: a dotless i
    is no i, and neither is a Cyrillic one.
    """
    if name.isascii():
        return name.translate(_ASCII)
    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(letter for letter in normal if unicodedata.category(letter) not in _DROPPED)
