"""What Athena's operations share: requests, what is wrong with them, and answers in pages."""

from collections.abc import Callable, Sequence
from typing import Any

from clickstream_lake.sandbox.errors import ApiError

Payload = dict[str, Any]
Operations = dict[str, Callable[[Payload], Payload]]
"""By name, as in `X-Amz-Target`."""

MAX_LISTED = 50


def invalid(message: str) -> ApiError:
    """Say that a request is wrong."""
    return ApiError("InvalidRequestException", message)


def required(payload: Payload, name: str) -> Any:  # noqa: ANN401 - JSON
    """Give a parameter.

    Raises:
        ApiError: it is missing.
    """
    if payload.get(name) in (None, ""):
        raise invalid(f"Value at '{name}' failed to satisfy constraint: Member must not be null")
    return payload[name]


def page(payload: Payload, name: str, everything: Sequence[Any], most: int = MAX_LISTED) -> Payload:
    """Answer with the part of a list that is asked for, and the token of what follows.

    Raises:
        ApiError: MaxResults or NextToken is wrong.
    """
    start = position(payload.get("NextToken"))
    end = start + count(payload.get("MaxResults"), most)
    answer: Payload = {name: list(everything[start:end])}
    return answer | ({"NextToken": str(end)} if end < len(everything) else {})


def batch(
    payload: Payload, names: str, found: Callable[[str], Payload | None], plural: str, singular: str
) -> Payload:
    """Answer for up to 50 names at once: what is there, and which are not.

    Raises:
        ApiError: there are none or too many names.
    """
    asked = payload.get(names) or []
    if not 0 < len(asked) <= MAX_LISTED:
        raise invalid(f"1 to {MAX_LISTED} {names} are needed, not {len(asked)}")
    answers = {name: found(name) for name in asked}
    return {
        plural: [answer for answer in answers.values() if answer],
        f"Unprocessed{names}": [
            {singular: name, "ErrorCode": "NOT_FOUND", "ErrorMessage": f"{name} was not found"}
            for name, answer in answers.items()
            if answer is None
        ],
    }


def position(token: str | None) -> int:
    """Where a page begins."""
    if token is None:
        return 0
    if not token.isdecimal():
        raise invalid(f"NextToken {token} is not valid")
    return int(token)


def count(asked: int | None, most: int) -> int:
    """How much a page holds."""
    if asked is None:
        return most
    if not 1 <= asked <= most:
        raise invalid(f"MaxResults is between 1 and {most}, not {asked}")
    return asked
