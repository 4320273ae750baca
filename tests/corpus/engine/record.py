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
from tests.corpus.engine.answers import FOLDER, of_trino, queries
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
    everything = [json.loads(line)[0] for line in file.read_text("utf-8").splitlines()]
    lines = []
    for start in range(0, len(everything), _AT_ONCE):
        for sql, answer in of_trino(client, everything[start : start + _AT_ONCE]).items():
            lines.append(json.dumps([sql, *answer], ensure_ascii=False, separators=(",", ":")))
    file.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
