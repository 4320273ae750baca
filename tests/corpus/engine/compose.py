"""Random compositions of functions over the lake's tables, asked of both engines.

`python -m tests.corpus.engine.compose http://127.0.0.1:8080 --seed 1 --count 3000`; the Trino has
to look at a sandbox, which AWS_ENDPOINT_URL and its credentials name.
"""

import argparse
import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import boto3

from clickstream_lake.engine.client import Client
from clickstream_lake.engine.errors import StatementError
from clickstream_lake.sandbox.athena.dialect import parse
from clickstream_lake.sandbox.athena.engine import QueryEngine
from clickstream_lake.sandbox.athena.results import as_text
from clickstream_lake.sandbox.athena.translate import Source, translate, types
from clickstream_lake.sandbox.athena.translate.aggregates import AGGREGATES
from clickstream_lake.sandbox.athena.translate.library import SCALARS
from clickstream_lake.sandbox.athena.translate.signatures import Pattern, Signature, signatures
from clickstream_lake.sandbox.athena.translate.types import Type
from clickstream_lake.sandbox.athena.trino_values import printed
from clickstream_lake.sandbox.errors import QueryError
from tests.corpus.engine.answers import REFUSED, alike
from tests.corpus.engine.lake import DATABASE, build

Column = tuple[str, ...]  # printed values; or `!` and the name of an error
_COLUMNS: Final = {
    "e.event_type": types.VARCHAR,
    "e.event_ts": types.timestamp(3),
    "e.session_id": types.VARCHAR,
    "e.user_key": types.BIGINT,
    "e.page_url": types.VARCHAR,
    "e.price": types.DOUBLE,
    "e.quantity": types.BIGINT,
    "e.is_new": types.BOOLEAN,
    "e.properties": types.VARCHAR,
    "e.day": types.VARCHAR,
    "u.country": types.VARCHAR,
    "u.signup": types.DATE,
    "u.balance": types.decimal(10, 2),
}
_CONSTANTS: Final = (
    "0", "3", "-2", "BIGINT '7'", "1.5", "-0.25e0", "''", "'a'", "'-'", "'ä€'", "'$.ab.test'",
    "'(\\d+)'", "'hour'", "'month'", "'%Y-%m-%d'", "true", "DATE '2024-02-29'",
    "TIMESTAMP '2025-03-30 02:30:00.123'", "INTERVAL '3' HOUR", "INTERVAL '2' MONTH",
    "CAST(NULL AS bigint)", "CAST(NULL AS varchar)", "ARRAY[3, NULL, 1]", "ARRAY['b', 'a', 'b']",
    "MAP(ARRAY['a', 'b'], ARRAY[1, 2])", "JSON '{\"a\": [1, null]}'", "to_utf8('ö')",
)  # fmt: skip
_OPERATORS: Final = (
    "({} + {})", "({} - {})", "({} * {})", "({} / {})", "({} % {})", "({} = {})", "({} < {})",
    "({} || {})", "({} AND {})", "coalesce({}, {})", "nullif({}, {})", "if(e.is_new, {}, {})",
    "({} IS NULL)", "CAST({} AS varchar)", "TRY_CAST({} AS double)", "TRY_CAST({} AS date)",
    "CAST({} AS json)", "try({})", "ARRAY[{}, {}]", "({} AT TIME ZONE 'America/New_York')",
    "({} IN ({}, {}))", "({} BETWEEN {} AND {})", "(NOT {})", "(-{})", "CAST({} AS bigint)",
)  # fmt: skip
_LAMBDAS: Final = {
    1: ("x -> x", "x -> x IS NOT NULL", "x -> CAST(x AS varchar)", "x -> x > x"),
    2: ("(x, y) -> y", "(x, y) -> x", "(x, y) -> x IS NULL"),
}
# What has no one answer, or is known to be near alone.
_LEFT_OUT: Final = frozenset(
    {"now", "rand", "random", "approx_distinct", "approx_percentile", "arbitrary", "any_value"}
)
_AT_ONCE = 16
_WRONG = 0.05  # of what cannot be right, so much is asked for
_LONGEST = 240  # of an expression, in letters
_FROM = (
    "FROM events_parquet e LEFT JOIN users u ON u.user_key = e.user_key WHERE e.day = '24' "
    "AND e.event_id < 'e24-014'"
)


@dataclass(frozen=True)
class Part:
    """An expression with Trino's type."""

    sql: str
    type: Type


class Composer:
    """Makes expressions, each of those that it has made before."""

    def __init__(self, seed: int) -> None:
        """Begin with the tables' columns and some constants."""
        self._chance = random.Random(seed)  # noqa: S311 - the same expressions for a seed
        self._pool: dict[str, list[Part]] = defaultdict(list)
        self._seen: set[str] = set()
        for sql, of in _COLUMNS.items():
            self._pool[of.name] += [Part(sql, of)] * 3
        for sql in _CONSTANTS:
            self._keep(Part(sql, _type(sql)))
        scalars = {key.partition("(")[0] for key in SCALARS} - _LEFT_OUT
        self._calls = [(n, one) for n in sorted(scalars) for one in signatures().get(n, ())]

    def expressions(self, count: int) -> list[str]:
        """Make so many new ones that this engine does not refuse; a few of them are wrong."""
        found: list[str] = []
        while len(found) < count:
            sql = self._operator() if self._chance.random() < 0.3 else self._call()
            if sql is None or sql in self._seen or len(sql) > _LONGEST:
                continue
            try:
                _type(sql)
            except QueryError as error:
                if error.code == REFUSED or self._chance.random() > _WRONG:
                    continue
            self._seen.add(sql)
            found.append(sql)
        return found

    def keep(self, expressions: Iterable[str]) -> None:
        """Take these as parts of others: they fail on no row, so that nothing hangs on order."""
        for sql in expressions:
            self._keep(Part(sql, _type(sql)))

    def aggregates(self, count: int) -> list[str]:
        """Make new calls of aggregate functions of what was kept."""
        names = sorted(set(AGGREGATES) - _LEFT_OUT - {"listagg"})
        calls = [(n, one) for n in names for one in signatures()[n] if one.kind == "aggregate"]
        found: list[str] = []
        while len(found) < count:
            name, signature = self._chance.choice(calls)
            arguments = self._arguments(signature)
            if arguments is None:
                continue
            order = " ORDER BY e.event_id" if name == "array_agg" else ""
            where = self._chance.choice(["", "", " FILTER (WHERE e.is_new)"])
            sql = f"{name}({', '.join(arguments)}{order}){where}"
            if sql not in self._seen and len(sql) <= _LONGEST:
                self._seen.add(sql)
                found.append(sql)
        return found

    def _keep(self, part: Part) -> None:
        if part.type.name != "unknown":
            self._pool[part.type.name].append(part)

    def _operator(self) -> str | None:
        form = self._chance.choice(_OPERATORS)
        first = self._chance.choice(self._pool[self._chance.choice(sorted(self._pool))])
        others = [self._chance.choice(self._pool[first.type.name]).sql for _ in range(2)]
        return form.format(first.sql, *others)

    def _call(self) -> str | None:
        name, signature = self._chance.choice(self._calls)
        arguments = self._arguments(signature)
        return None if arguments is None else f"{name}({', '.join(arguments)})"

    def _arguments(self, signature: Signature) -> list[str] | None:
        chosen = [self._argument(pattern) for pattern in signature.arguments]
        return None if None in chosen else [one for one in chosen if one is not None]

    def _argument(self, pattern: Pattern) -> str | None:
        if pattern.name == "function":
            return self._chance.choice(_LAMBDAS.get(len(pattern.args) - 1, ("() -> 1",)))
        name = {"jsonpath": "varchar", "joniregexp": "varchar", "codepoints": "varchar"}.get(
            pattern.name, pattern.name
        )
        if pattern.is_variable:
            name = self._chance.choice(sorted(self._pool))
        found = self._pool.get(name) or (self._pool["bigint"] if name in types.INTEGERS else None)
        return self._chance.choice(found).sql if found else None


def _type(sql: str) -> Type:
    tables = {"e": "events_parquet", "u": "users"}
    sources = {
        table: Source(
            [(n[2:], of) for n, of in _COLUMNS.items() if n[0] == alias],
            frozenset(n[2:] for n in _COLUMNS if n[0] == alias),
        )
        for alias, table in tables.items()
    }
    tree = parse(f"SELECT {sql} FROM events_parquet e, users u")  # noqa: S608 - our own text
    return translate(tree, sources).types[0]


def of_embedded(engine: QueryEngine, some: Sequence[str], tail: str = "") -> dict[str, Column]:
    """Ask the embedded engine, for many expressions at once where all of them have values."""
    try:
        found = engine.execute(_statement(some, tail), DATABASE)
    except QueryError as error:
        if len(some) == 1:
            return {some[0]: ("!", error.code)}
        half = len(some) // 2
        return of_embedded(engine, some[:half], tail) | of_embedded(engine, some[half:], tail)
    columns = as_text(found.table).columns[1:]
    return {
        sql: tuple(str(value) for value in column.to_pylist())
        for sql, column in zip(some, columns, strict=True)
    }


def of_trino(client: Client, some: Sequence[str], tail: str = "") -> dict[str, Column]:
    """Ask Trino, likewise."""
    try:
        found = client.run(_statement(some, tail), schema=DATABASE)
    except StatementError as error:
        if len(some) == 1:
            return {some[0]: ("!", error.name)}
        half = len(some) // 2
        return of_trino(client, some[:half], tail) | of_trino(client, some[half:], tail)
    return {
        sql: tuple(str(printed(row[place], found.columns[place].signature)) for row in found.rows)
        for place, sql in enumerate(some, start=1)
    }


def _statement(some: Sequence[str], tail: str) -> str:
    key = "e.event_type" if tail else "e.event_id"
    return f"SELECT {key}, {', '.join(some)} {_FROM}{tail} ORDER BY 1"


@dataclass
class Found:
    """What came of some compositions.

    Attributes:
        different: expression, Trino's answer and the embedded engine's; one may be refused.
        answered: how many were not refused.
    """

    different: list[tuple[str, Column, Column]] = field(default_factory=list)
    answered: int = 0


def compare(client: Client, engine: QueryEngine, composer: Composer, count: int) -> Iterator[Found]:
    """Ask both engines for so many expressions, and for a fourth as many aggregates of them."""
    tails = [""] * count + [" GROUP BY e.event_type"] * (count // 4)
    for tail in tails[::_AT_ONCE]:
        some = (composer.aggregates if tail else composer.expressions)(_AT_ONCE)
        theirs, ours = of_trino(client, some, tail), of_embedded(engine, some, tail)
        answered = [sql for sql in some if ours[sql] != ("!", REFUSED)]
        yield Found(
            [(s, theirs[s], ours[s]) for s in answered if not _same(ours[s], theirs[s])],
            len(answered),
        )
        if not tail:
            composer.keep(s for s in answered if "!" not in (ours[s][0], theirs[s][0]))


def _same(ours: Column, theirs: Column) -> bool:
    if "!" in (ours[0], theirs[0]):
        return ours == theirs
    return len(ours) == len(theirs) and all(map(_near, ours, theirs))


def _near(one: str, other: str) -> bool:
    """Allow for what errors of rounding become in a composition."""
    if alike(one, other):
        return True
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-9)
    except ValueError:
        return False


def main() -> None:
    """Print what differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3000)
    given = parser.parse_args()
    s3, glue = boto3.client("s3"), boto3.client("glue")
    names = [one["Name"] for one in glue.get_databases()["DatabaseList"]]
    if DATABASE not in names:
        s3.create_bucket(Bucket="engine-corpus")
        build(s3, glue, "engine-corpus")
    engine = QueryEngine(s3=s3, glue=glue)
    total = 0
    for found in compare(Client(given.url), engine, Composer(given.seed), given.count):
        total += found.answered
        for sql, theirs, ours in found.different:
            sys.stdout.write(f"{sql}\n    Trino: {theirs}\n    here:  {ours}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{total} answered\n")


if __name__ == "__main__":
    main()
