"""What a client is asked to do: runs in the client's own environment, and prints what came out."""

import json
from collections.abc import Callable
from typing import Any

DATABASE = WORKGROUP = "clickstream"
EVENTS, PARQUET = "clickstream_events", "clickstream_events_parquet"
BUCKET = "s3://clickstream-lake"
STAGING = f"{BUCKET}/athena-results/"

_CASES: dict[str, Callable[[], Any]] = {}


def case(function: Callable[[], Any]) -> Callable[[], Any]:
    """One thing to do; its name is the function's."""
    _CASES[function.__name__] = function
    return function


def run() -> None:
    """Do all of it, in the order in which it is written."""
    outcomes = {}
    for name, function in _CASES.items():
        try:
            outcomes[name] = {"answer": function()}
        except Exception as error:  # noqa: BLE001 - which one it is, is what the test looks at
            outcomes[name] = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(outcomes, default=str))  # noqa: T201 - the test reads it
