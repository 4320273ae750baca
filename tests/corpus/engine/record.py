"""Record what a Trino answers: `python -m tests.corpus.engine.record http://127.0.0.1:8080`.

A new expression is a new line of `expressions.ndjson`, a list with its text alone; with `--new`,
only such lines are asked for, and the rest stays.

The Trino has to look at a sandbox, which AWS_ENDPOINT_URL and its credentials name.
"""

import json
import sys

import boto3

from clickstream_lake.engine.client import Client
from clickstream_lake.engine.errors import StatementError
from clickstream_lake.sandbox.athena.trino_values import printed, shown_type
from tests.corpus.engine.answers import FOLDER, Answer, of_trino, queries
from tests.corpus.engine.lake import DATABASE, build

_AT_ONCE = 24


def of_query(client: Client, sql: str) -> dict[str, object]:
    """Ask for one whole query."""
    try:
        answer = client.run(sql, schema=DATABASE)
    except StatementError as error:
        return {"error": error.name}
    rows = [
        [
            printed(value, column.signature)
            for value, column in zip(row, answer.columns, strict=True)
        ]
        for row in answer.rows
    ]
    return {"types": [shown_type(column.signature) for column in answer.columns], "rows": rows}


def main() -> None:
    """Write both files anew, or the new expressions' answers."""
    client = Client(sys.argv[1])
    if "--new" not in sys.argv:
        bucket = "engine-corpus"
        boto3.client("s3").create_bucket(Bucket=bucket)
        build(boto3.client("s3"), boto3.client("glue"), bucket)
        lines = [_line(sql, of_query(client, sql)) for sql in queries()]
        (FOLDER / "queries.ndjson").write_text("".join(lines), "utf-8")
    file = FOLDER / "expressions.ndjson"
    before = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    found: dict[str, Answer] = {}
    asked = [(sql, answer) for sql, *answer in before]
    if "--new" in sys.argv:
        found = {sql: (answer[0], answer[1]) for sql, answer in asked if answer}
        asked = [one for one in asked if not one[1]]
    # What failed before is asked alone: one failure fails the whole statement that it is in.
    failing = [sql for sql, answer in asked if answer and answer[0] == "!"]
    others = [sql for sql, answer in asked if not answer or answer[0] != "!"]
    for some, at_once in ((others, _AT_ONCE), (failing, 1)):
        for start in range(0, len(some), at_once):
            found |= of_trino(client, some[start : start + at_once])
    file.write_text("".join(_line(sql, *found[sql]) for sql, *_ in before), "utf-8")


def _line(*parts: object) -> str:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    main()
