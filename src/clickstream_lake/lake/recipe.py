"""What a file was made by, apart from its raw object: the same recipe gives the same rows."""

from typing import Final

import msgspec

RULES: Final = 1
"""The version of the rules of the data: raised when they give other rows from the same catalog."""

UNKNOWN_CATALOG: Final = ""
"""Of files that say only a counter, as all did before catalogs had a name."""


class Recipe(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a file was made by.

    Attributes:
        catalog: SHA-256 of the catalog.
        suppression: version of the list of people whose events are left out, empty without one;
            versions sort by time.
        rules: version of the rules; 0 where it is not known.
        routes: SHA-256 of what tells families of one stream apart; empty in a family that others
            are not told apart from, and in those that events are routed to.
    """

    catalog: str = UNKNOWN_CATALOG
    suppression: str = ""
    rules: int = 0
    routes: str = ""

    @property
    def is_known(self) -> bool:
        """Whether the file says it at all."""
        return self.catalog != UNKNOWN_CATALOG

    @property
    def words(self) -> str:
        """For people: `the catalog 0123456789ab, rules 1`."""
        people = f", list {self.suppression}" if self.suppression else ""
        routes = f", routes {self.routes[:12]}" if self.routes else ""
        return f"the catalog {self.catalog[:12]}{people}{routes}, rules {self.rules}"

    def is_newer_than(self, other: "Recipe") -> bool:
        """Whether, by the same catalog, a list or rules are newer, and none is older."""
        return (self.suppression, self.rules) > (other.suppression, other.rules)


UNKNOWN: Final = Recipe()
