"""The least that each stage can take; our total is compared with the sum."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Work
from benchmarks.transform.candidates import Candidate

_PIECE: Final = 250_000
_HERE: Final = "benchmarks.transform.floors"

FLOORS: Final = (
    Candidate("decompress", f"{_HERE}:decompress"),
    Candidate("parse", f"{_HERE}:parse"),
    Candidate("Parquet encode", f"{_HERE}:encode"),
    Candidate("JSON write", f"{_HERE}:write"),
)


def _pieces(source: str) -> list[bytes]:
    found, rest = [], b""
    for part in _inflated(source):
        piece = rest + part
        cut = piece.rfind(b"\n") + 1
        found.append(piece[:cut])
        rest = piece[cut:]
    return found


def _inflated(source: str) -> Iterator[bytes]:
    from isal import isal_zlib

    member = isal_zlib.decompressobj(wbits=31)
    with Path(source).open("rb") as raw:
        while data := member.unconsumed_tail or raw.read(65_536):
            yield member.decompress(data, _PIECE)


def decompress(source: str, out: str) -> Work:
    """ISA-L over the raw object, its output thrown away."""
    import isal.isal_zlib  # noqa: F401 - counted as start-up

    del out
    return lambda: {"bytes": sum(map(len, _inflated(source)))}


def parse(source: str, out: str) -> Work:
    """A strict, typed parse of every line (msgspec), the objects thrown away."""
    import gc

    import msgspec

    from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS
    from clickstream_lake.lake.catalog_file import load_catalog

    del out
    kinds = {"double": float, "bigint": int, "boolean": bool}
    fields: list[Any] = [
        (column.name, msgspec.Raw, msgspec.Raw())
        if column.type == "json"
        else (column.name, kinds.get(column.type, str) | None, None)
        for column in load_catalog().columns
        if column.name not in {EXTRA, PROCESSED_TS}
    ]
    event = msgspec.defstruct("Event", [*fields, ("user_id", str | None, None)], gc=False)
    decode = msgspec.json.Decoder(event).decode_lines
    pieces = _pieces(source)

    def work() -> dict[str, Any]:
        gc.disable()
        return {"events": sum(len(decode(piece)) for piece in pieces)}

    return work


def encode(source: str, out: str) -> Work:
    """Our Parquet file's table, ready in memory, encoded again as by our writer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from clickstream_lake.lake.catalog_file import load_catalog
    from clickstream_lake.lake.config import OutputOptions
    from clickstream_lake.transform.write.parquet import ParquetOutput

    del source
    pa.set_cpu_count(1)
    batches = pq.read_table(Path(out) / "events.parquet").combine_chunks().to_batches()

    def work() -> dict[str, Any]:
        path = Path(out) / "floor.parquet"
        with closing(ParquetOutput(path, load_catalog(), OutputOptions())) as output:
            for batch in batches:
                for start in range(0, batch.num_rows, 131_072):
                    output.write_batch(batch.slice(start, 131_072))
            output.finish()
        return {"bytes": path.stat().st_size}

    return work


def write(source: str, out: str) -> Work:
    """Our JSON output, ready in memory, written again."""
    del source
    body = (Path(out) / "events.json").read_bytes()

    def work() -> dict[str, Any]:
        with (Path(out) / "floor.json").open("wb") as sink:
            for start in range(0, len(body), 1 << 20):
                sink.write(body[start : start + (1 << 20)])
        return {"bytes": len(body)}

    return work
