from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from clickstream_lake.lake.errors import ConfigError
from clickstream_lake.lake.settings import Settings, meaning, read_settings, wanted


class Inner(Settings, frozen=True):
    depth: Annotated[int, Meta(ge=2, le=500, description="how deep")] = 100
    level: Annotated[int, Meta(ge=1, le=9, description="")] | None = msgspec.field(
        default=None, name="LAKE_OTHER"
    )


class Outer(Settings, frozen=True):
    name: Annotated[str, Meta(pattern="^[a-z]+$", examples=["lake"], description="whose")]
    codec: Annotated[Literal["a", "b"], Meta(description="")] = "a"
    keys: Annotated[tuple[str, ...], Meta(examples=["x,y"], description="")] = ("x",)
    inner: Inner = msgspec.field(default_factory=Inner)


def test_variables_are_named_after_fields_and_groups_are_read_with_the_rest() -> None:
    environ = {"LAKE_NAME": " n ", "LAKE_KEYS": "a, b", "LAKE_DEPTH": "7", "LAKE_OTHER": "3"}
    assert read_settings(Outer, environ) == Outer("n", "a", ("a", "b"), Inner(7, 3))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("LAKE_NAME", "N", "text such as 'lake' that matches ^[a-z]+$"),
        ("LAKE_CODEC", "c", "'a' or 'b'"),
        ("LAKE_KEYS", "x,x", "text such as 'x,y', no name twice"),
        ("LAKE_DEPTH", "1e2", "a whole number from 2 to 500"),
        ("LAKE_DEPTH", "9" * 40, "a whole number from 2 to 500"),
        ("LAKE_OTHER", "ten", "a whole number from 1 to 9"),
    ],
)
def test_a_complaint_names_variable_value_and_what_would_do(
    name: str, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(Outer, {"LAKE_NAME": "n", name: text})
    assert str(caught.value).splitlines()[1:] == [
        f"  {name}: {text!r} will not do: expected {expected}"
    ]


def test_every_complaint_is_made_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings(Outer, {"LAKE_CODEC": "c", "LAKE_DEPTH": "x"})
    assert [line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]] == [
        "LAKE_NAME",
        "LAKE_CODEC",
        "LAKE_DEPTH",
    ]


def test_settings_say_what_they_are_for_and_take() -> None:
    (depth, level) = msgspec.structs.fields(Inner)
    assert (meaning(depth), wanted(depth)) == ("how deep", "a whole number from 2 to 500")
    assert wanted(level) == "a whole number from 1 to 9"
