"""How the fast path says that it does not take a block."""


class Declined(Exception):  # noqa: N818 - no error: the lines take the other way
    """Something about some lines was not shown.

    Attributes:
        places: indexes of the lines it was not shown of, where that is known; else empty.
    """

    def __init__(self, places: tuple[int, ...] = ()) -> None:
        """Keep the places."""
        super().__init__(places)
        self.places = places
