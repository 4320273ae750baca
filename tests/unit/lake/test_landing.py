import pytest
from msgspec import structs

from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.recipe import UNKNOWN, Recipe

FIGURES = LandingMetadata(
    raw_key="raw/year=2025/ä b.gz",
    raw_etag="e",
    rows=7,
    lines=10,
    blank=1,
    rejected=2,
    processed_ts="2025-11-26T10:00:00.000Z",
    recipe=Recipe("c0ffee", rules=3),
)


def test_figures_travel_as_ascii_texts_and_back() -> None:
    texts = FIGURES.to_s3()
    assert texts == {
        "raw-key": "raw/year=2025/%C3%A4%20b.gz",
        "raw-etag": "e",
        "rows": "7",
        "lines": "10",
        "blank": "1",
        "rejected": "2",
        "processed-ts": "2025-11-26T10:00:00.000Z",
        "catalog": "c0ffee",
        "rules": "3",
        "schema-version": "0",
    }
    assert LandingMetadata.from_s3({**texts, "of-a-bucket-policy": "x"}) == FIGURES


def test_the_version_of_a_list_travels_where_there_is_one() -> None:
    figures = structs.replace(FIGURES, recipe=Recipe("c0ffee", "20251126", 3))
    assert figures.to_s3()["suppression"] == "20251126"
    assert LandingMetadata.from_s3(figures.to_s3()) == figures


def test_a_file_from_before_there_were_recipes_has_an_unknown_one() -> None:
    texts = FIGURES.to_s3() | {"schema-version": "3"}
    del texts["catalog"], texts["rules"]
    assert LandingMetadata.from_s3(texts) == structs.replace(FIGURES, recipe=UNKNOWN)


@pytest.mark.parametrize("name", FIGURES.to_s3().keys() - {"catalog", "rules", "schema-version"})
def test_a_file_without_one_of_the_figures_has_none(name: str) -> None:
    texts = FIGURES.to_s3()
    del texts[name]
    assert LandingMetadata.from_s3(texts) is None


@pytest.mark.parametrize("text", ["", "-1", "x", "1.5", " 7"])
def test_a_file_whose_rows_are_no_number_has_no_figures(text: str) -> None:
    assert LandingMetadata.from_s3({**FIGURES.to_s3(), "rows": text}) is None
