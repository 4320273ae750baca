import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from clickstream_lake.cli import app
from clickstream_lake.cli.errors import UsageError
from clickstream_lake.lake.errors import ConfigError
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.rules.native import library
from tests.catalogs import EXAMPLES

EVENT = (
    b'{"event_id":"e1","event_type":"click","event_ts":"2025-11-26T10:00:00Z",'
    b'"page_url":"/p","user_id":"u1"}\n'
)
PARTITION = "year=2025/month=11/day=26"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["transform", *map(str, arguments)], catch_exceptions=False)


def raw(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content))
    return path


def statistics(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_file_becomes_json_and_parquet_in_its_partition(tmp_path: Path) -> None:
    file = raw(tmp_path / f"raw/{PARTITION}/file.gz", EVENT)
    out = tmp_path / "lake"

    result = run(file, "--out", out, "--json")

    source = Layout().source(f"raw/{PARTITION}/file.gz")
    (row,) = (out / Layout().landing_key("json", source)).read_bytes().splitlines()
    (parquet,) = pq.read_table(out / Layout().landing_key("parquet", source)).to_pylist()
    published = json.loads(row)
    assert result.exit_code == 0
    assert published.pop("processed_ts")
    assert published == {key: value for key, value in json.loads(EVENT).items() if key != "user_id"}
    assert (parquet["event_id"], parquet["page_url"], parquet["extra"]) == ("e1", "/p", None)
    assert not (out / "rejected").exists()


def test_without_a_kernel_there_is_one_line_of_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = raw(tmp_path / "file.gz", EVENT)
    monkeypatch.setenv(library.SETTING, "off")
    result = run(file, file, "--out", tmp_path / "lake", "--json")
    assert result.exit_code == 0
    assert [row["published"] for row in statistics(result)] == [1, 1]
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("Warning: CLICKSTREAM_KERNEL=off: events are transformed line")


def test_statistics_are_one_json_object_a_file(tmp_path: Path) -> None:
    good = raw(tmp_path / "good.gz", EVENT + b"\n" + b'{"event_id":"e2","quantity":"two"}\n')
    bad = raw(tmp_path / "bad.gz", EVENT + b"{nonsense\n[1]\n")

    first, second = statistics(run(good, bad, "--out", tmp_path / "lake", "--json"))

    assert first["file"] == str(good)
    assert (first["lines"], first["blank"], first["published"]) == (3, 1, 2)
    assert (first["rejected"], first["mismatched"]) == ({}, {"quantity": 1})
    assert (second["lines"], second["published"]) == (3, 1)
    assert second["rejected"] == {"not_json": 1, "not_object": 1}


def test_rejects_are_written_with_a_reason_each_and_go_when_there_are_none_any_more(
    tmp_path: Path,
) -> None:
    file, out = tmp_path / f"{PARTITION}/file.gz", tmp_path / "lake"

    raw(file, EVENT + b"{nonsense\n")
    run(file, "--out", out)
    (rejects,) = out.glob(f"rejected/{PARTITION}/*.json")
    (row,) = map(json.loads, rejects.read_bytes().splitlines())
    raw(file, EVENT)
    run(file, "--out", out)

    assert (row["reason"], row["line_number"], row["byte_offset"]) == ("not_json", 2, len(EVENT))
    assert not rejects.exists()


def test_a_file_that_is_no_valid_gzip_is_rejected_whole_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(EVENT * 100)[:-9])
    good = raw(tmp_path / "good.gz", EVENT)

    result = run(broken, good, "--out", tmp_path / "lake", "--json")

    first, second = statistics(result)
    assert result.exit_code == 1
    assert (first["published"], list(first["rejected"].values())) == (0, [1])
    assert second["published"] == 1
    assert f"{broken}: nothing of it was published: gzip_truncated: the gzip" in result.stderr


def test_a_file_whose_lines_are_all_rejected_fails_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(b"nonsense\n[1]\nmore\n")

    result = run(file, "--out", tmp_path / "lake")

    assert result.exit_code == 1
    assert "nothing of it was published: 2 not_json, 1 not_object" in result.stderr


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_a_file_without_events_is_done(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "empty.json"
    file.write_bytes(content)

    assert run(file, "--out", tmp_path / "lake").exit_code == 0


def test_plain_text_gives_what_gzip_of_it_gives(tmp_path: Path) -> None:
    plain = tmp_path / "a" / "events.json"
    packed = raw(tmp_path / "b" / "events.json", b"\xef\xbb\xbf" + EVENT + b"nonsense\n")
    plain.parent.mkdir()
    plain.write_bytes(b"\xef\xbb\xbf" + EVENT + b"nonsense\n")

    first, second = statistics(run(plain, packed, "--out", tmp_path / "lake", "--json"))

    for different in ("file", "written", "bytes_in"):
        first.pop(different)
        second.pop(different)
    assert first == second
    assert (first["published"], first["rejected"]) == (1, {"not_json": 1})


def test_a_file_that_cannot_be_read_fails_and_the_others_go_on(tmp_path: Path) -> None:
    good = raw(tmp_path / "good.gz", EVENT)
    (tmp_path / "directory.gz").mkdir()

    result = run(tmp_path / "directory.gz", good, "--out", tmp_path / "lake", "--json")

    assert result.exit_code == 1
    assert [each["published"] for each in statistics(result)] == [1]
    assert "directory.gz: Is a directory" in result.stderr


def test_the_settings_of_the_environment_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_JSON_COMPRESSION", "gzip")
    monkeypatch.setenv("LAKE_PROCESSED_PREFIX", "done/")
    monkeypatch.setenv("LAKE_REJECTED_PREFIX", "no/")
    monkeypatch.setenv("LAKE_PARTITION_KEYS", "year,month,day,hour")
    monkeypatch.setenv("LAKE_MAX_DEPTH", "2")
    file = raw(tmp_path / PARTITION / "hour=10" / "f.gz", EVENT + b'{"a":{"b":{"c":1}}}\n')

    run(file, "--out", tmp_path / "lake")

    (lines,) = (tmp_path / f"lake/done/json/{PARTITION}/hour=10").iterdir()
    (rejects,) = (tmp_path / f"lake/no/{PARTITION}/hour=10").iterdir()
    assert lines.name.endswith(".json.gz")
    assert gzip.decompress(lines.read_bytes()).count(b"\n") == 1
    assert b'"too_deep"' in rejects.read_bytes()


def test_a_setting_that_cannot_work_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_MAX_DEPTH", "none")

    with pytest.raises(ConfigError, match="LAKE_MAX_DEPTH"):
        run(raw(tmp_path / "f.gz", EVENT), "--out", tmp_path / "lake")


def test_a_path_with_other_partition_keys_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    good = raw(tmp_path / "good.gz", EVENT)
    file = raw(tmp_path / PARTITION / "hour=10" / "f.gz", EVENT)

    with pytest.raises(UsageError, match=r"year, month, day, hour, .* set LAKE_PARTITION_KEYS"):
        run(good, file, "--out", tmp_path / "lake")

    assert not (tmp_path / "lake").exists()


def test_standard_output_cannot_be_both_statistics_and_events(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="choose one"):
        run(raw(tmp_path / "f.gz", EVENT), "--out", "-", "--json")


def test_nothing_is_left_beside_what_was_written(tmp_path: Path) -> None:
    run(raw(tmp_path / "f.gz", EVENT), "--out", tmp_path / "lake")

    assert [path.name for path in (tmp_path / "lake").iterdir()] == ["processed"]


def test_files_of_one_name_without_a_partition_do_not_overwrite_each_other(tmp_path: Path) -> None:
    first = raw(tmp_path / "a/events.gz", EVENT)
    second = raw(tmp_path / "b/events.gz", EVENT)

    run(first, second, "--out", tmp_path / "lake")

    assert len(list((tmp_path / "lake/processed/json").iterdir())) == 2


@pytest.mark.parametrize("column", ["file.gz", "rejected", "not_json"])
def test_without_json_a_table_is_shown(tmp_path: Path, column: str) -> None:
    file = raw(tmp_path / "file.gz", EVENT + b"nonsense\n")

    assert column in run(file, "--out", tmp_path / "lake").stdout


ORDER = b'{"order_no":"o1","event_type":"order_placed","total":2.5,"email":"a@example.org"}\n'


def test_events_of_a_route_have_a_directory_and_a_catalog_of_their_own(tmp_path: Path) -> None:
    file = raw(tmp_path / f"raw/{PARTITION}/file.gz", EVENT + ORDER + b"x\n")
    out = tmp_path / "lake"
    orders = EXAMPLES / "orders.json"

    result = run(file, "--out", out, "--json", "--route", f"orders={orders}:order_placed,paid")

    source = Layout().source(f"raw/{PARTITION}/file.gz")
    (account,) = statistics(result)
    assert account["routed"] == {"orders": 1}
    assert (account["lines"], account["published"], account["rejected"]) == (3, 1, {"not_json": 1})
    (row,) = pq.read_table(out / "orders" / Layout().landing_key("parquet", source)).to_pylist()
    assert (row["order_no"], row["total"]) == ("o1", 2.5)
    (line,) = (out / "orders" / Layout().landing_key("json", source)).read_bytes().splitlines()
    assert "email" not in json.loads(line)
    assert len((out / Layout().landing_key("json", source)).read_bytes().splitlines()) == 1
    assert not (out / "orders/rejected").exists()


def test_a_file_of_routed_events_alone_is_no_failure(tmp_path: Path) -> None:
    file = raw(tmp_path / "file.gz", ORDER + b"x\n")
    done = run(file, "--out", tmp_path / "lake", "--route", "orders:order_placed")
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--route", "orders"], "it has to say a family and its events"),
        (["--route", "orders:"], "it has to say a family and its events"),
        (["--route", "orders:a", "--route", "orders:b"], "--route orders is there twice"),
        (["--route", "orders:a", "--route", "app:a"], "'a' is of the family orders, too"),
        (["--route", "O:a"], "a name has 2 to 16 lower-case letters"),
        (["--route", "orders:a", "--route-by", "a b"], "has to be a name of ASCII letters"),
        (["--route", f"app={EXAMPLES / 'app.json'}:a"], "which all families inherit"),
        (["--route", "orders:a", "--out", "-"], "would print several families as one"),
    ],
)
def test_routes_that_cannot_be_are_told(tmp_path: Path, options: list[str], said: str) -> None:
    file = raw(tmp_path / "file.gz", EVENT)
    with pytest.raises(UsageError, match=re.escape(said)):
        run(file, *options)
