"""Record what a Trino answers: `python -m tests.corpus.engine.record http://127.0.0.1:8080`.

A new expression is a new line of `expressions.ndjson`, a list with its text alone.

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
    """Write both files anew."""
    client = Client(sys.argv[1])
    bucket = "engine-corpus"
    boto3.client("s3").create_bucket(Bucket=bucket)
    build(boto3.client("s3"), boto3.client("glue"), bucket)
    lines = [
        json.dumps([sql, of_query(client, sql)], ensure_ascii=False, separators=(",", ":"))
        for sql in queries()
    ]
    (FOLDER / "queries.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
    file = FOLDER / "expressions.ndjson"
    before = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    found: dict[str, Answer] = {}
    # What failed before is asked alone: one failure fails the whole statement that it is in.
    failing = [sql for sql, *answer in before if answer and answer[0] == "!"]
    others = [sql for sql, *answer in before if not answer or answer[0] != "!"]
    for some, at_once in ((others, _AT_ONCE), (failing, 1)):
        for start in range(0, len(some), at_once):
            found |= of_trino(client, some[start : start + at_once])
    lines = [
        json.dumps([sql, *found[sql]], ensure_ascii=False, separators=(",", ":"))
        for sql, *_ in before
    ]
    file.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
