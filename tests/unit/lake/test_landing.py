import pytest

from clickstream_lake.lake.landing import LandingMetadata

FIGURES = LandingMetadata(
    raw_key="raw/year=2025/ä b.gz",
    raw_etag="e",
    rows=7,
    lines=10,
    blank=1,
    rejected=2,
    processed_ts="2025-11-26T10:00:00.000Z",
    schema_version=3,
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
        "schema-version": "3",
    }
    assert LandingMetadata.from_s3({**texts, "of-a-bucket-policy": "x"}) == FIGURES


@pytest.mark.parametrize("name", FIGURES.to_s3())
def test_a_file_without_one_of_the_figures_has_none(name: str) -> None:
    texts = FIGURES.to_s3()
    del texts[name]
    assert LandingMetadata.from_s3(texts) is None


@pytest.mark.parametrize("text", ["", "-1", "x", "1.5", " 7"])
def test_a_file_whose_rows_are_no_number_has_no_figures(text: str) -> None:
    assert LandingMetadata.from_s3({**FIGURES.to_s3(), "rows": text}) is None
