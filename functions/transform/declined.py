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

    def among(self, left_out: tuple[int, ...]) -> "Declined":
        """The same for the lines it was about and those at the indexes that were left out of them.

        Where it is not known which lines it is about, it is not known then, either.
        """
        if not left_out or not self.places:
            return self
        places = list(self.places)
        for index in sorted(left_out):
            places = [place + (place >= index) for place in places]
        return Declined((*left_out, *places))
