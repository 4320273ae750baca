"""A JSON text that people write: what it says, and the line of each thing that it says."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from clickstream_lake.lake.errors import CatalogError, Problem

Place = tuple[str | int, ...]
"""Where a value is: the keys and indices that lead to it."""

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_value_at: Final = json.JSONDecoder().raw_decode


class JsonFile:
    """A JSON text of a person's.

    Attributes:
        document: what it says.
    """

    def __init__(self, name: str, content: bytes) -> None:
        """Read a text; `name` is what errors call it.

        Raises:
            CatalogError: it is no JSON, or names a key twice in one object.
        """
        self._name = name
        try:
            self._text = content.decode("utf-8")
            self.document: Any = json.loads(self._text)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise CatalogError(f"{name}:{line}: this is no UTF-8; save it as UTF-8") from error
        except json.JSONDecodeError as error:
            place = f"{name}:{error.lineno}:{error.colno}"
            raise CatalogError(
                f"{place}: this is no JSON: {error.msg[:1].lower()}{error.msg[1:]}"
            ) from error
        self._places: dict[Place, int] = {(): 0}
        twice: list[Problem] = []
        self._walk(_skip(self._text, 0), (), twice)
        if twice:
            raise self.located(CatalogError.of(twice))

    def located(self, error: CatalogError) -> CatalogError:
        """The same problems, each with its file, line and column, in the file's order."""
        found = sorted((self._at(problem.place), problem.message) for problem in error.problems)
        return CatalogError.of(
            Problem(f"{self._name}:{line}:{column}: {message}") for (line, column), message in found
        )

    def start(self, *place: str | int) -> int:
        """Where a value that is there begins, or its key: characters before it."""
        return self._places[place]

    def _at(self, place: Place) -> tuple[int, int]:
        """Line and column, from 1, of a value; of what should hold it, if it is missing."""
        while place not in self._places:
            place = place[:-1]
        at = self._places[place]
        return self._text.count("\n", 0, at) + 1, at - self._text.rfind("\n", 0, at)

    def _walk(self, at: int, place: Place, twice: list[Problem]) -> int:
        """Note where everything in the value at an offset is; the offset of its end."""
        text = self._text
        opening = text[at]
        if opening not in "{[":
            return _value_at(text, at)[1]
        at, number = _skip(text, at + 1), 0
        while text[at] not in "}]":
            name, start = number, at
            if opening == "{":
                name, end = _value_at(text, at)
                at = _skip(text, _skip(text, end) + 1)  # over the colon
            here = (*place, name)
            if here in self._places:
                twice.append(Problem(f"{name!r} stands here for a second time: drop one", here))
            self._places[here] = start
            at = _skip(text, self._walk(at, here, twice))
            if text[at] == ",":
                at = _skip(text, at + 1)
            number += 1
        return at + 1


class Problems:
    """What is wrong with a catalog, gathered, so that one look at it mends all."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    @contextmanager
    def at(self, *place: str | int) -> Iterator[None]:
        """Note what goes wrong inside, at a place in the file."""
        try:
            yield
        except CatalogError as error:
            self._found += [
                Problem(problem.message, (*place, *problem.place)) for problem in error.problems
            ]
        except KeyError as error:
            self._found.append(Problem(f"{error} is missing here: add it", place))
        except (TypeError, ValueError, AttributeError):
            self._found.append(
                Problem("this is not what belongs here; see catalog.schema.json", place)
            )

    def stop(self) -> None:
        """Raise what was found, if anything was."""
        if self._found:
            raise CatalogError.of(self._found)


def check_keys(entry: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    """Refuse a key that nothing reads: it is a slip, and what it meant would be left out.

    Raises:
        CatalogError: names each such key.
    """
    unknown = [
        Problem(f"{what} has no {name!r}{_like(name, known)}", (name,))
        for name in entry
        if name not in known
    ]
    if unknown:
        raise CatalogError.of(unknown)


def _like(name: str, known: frozenset[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only a wrong catalog needs it

    found = get_close_matches(name, known, 1)
    return (
        f"; is it {found[0]!r}?"
        if found
        else f": drop it, or use one of {', '.join(sorted(known))}"
    )


def object_of(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member that is an object.

    Raises:
        CatalogError: it is something else.
    """
    value = document[name]
    if not isinstance(value, Mapping):
        raise CatalogError(f"{name} is an object: {{ … }}", name)
    return value


def flag_of(document: Mapping[str, Any], name: str) -> bool:
    """A member that is true or false; true if there is none.

    Raises:
        CatalogError: it is something else.
    """
    value = document.get(name, True)
    if not isinstance(value, bool):
        raise CatalogError(f"{name} is {value!r}; it has to be true or false", name)
    return value


def texts_of(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A member that is a list of texts.

    Raises:
        CatalogError: it is something else.
    """
    value = document[name]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise CatalogError(f'{name} is a list of texts: ["…", "…"]', name)
    return tuple(value)


def _skip(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
