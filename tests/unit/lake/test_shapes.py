import uuid

import pytest

from clickstream_lake.lake.shapes import folded, shape_in, shape_of, sounds_personal


@pytest.mark.parametrize(
    "name",
    [
        "coupon", "score", "utm_source", "customerShippingPreferenceFlag", "größe", "sha256",
        "cd12", "page.view", "$session", "_internal", "a", "http_status", "createdAt",
    ],
)  # fmt: skip
def test_a_name_is_written_as_it_is(name: str) -> None:
    assert folded(name) == name


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("ann@example.com", "<e-mail>"),
        ("mail_ann@example.com", "<e-mail>"),
        ("10.0.13.7", "<ip>"),
        ("2001:db8:85a3::8a2e", "<ip>"),
        ("+49 151 1234567", "<phone>"),
        ("12 Main Street", "<address>"),
        ("item_48213", "item_<n>"),
        ("slot-12", "slot-<n>"),
        ("order2025", "order<n>"),
        ("order20251126", "<id>"),
        ("4711", "<n>"),
        ("3f2b8c9e-1111-2222-3333-444455556666", "<id>"),
        ("cart_deadbeef0123", "cart_<id>"),
        ("01HF8Z3YQ2K4XWVB", "<id>"),
        ("aGVsbG9Xb3JsZA", "<id>"),
        ("xkqjzvwpq", "<id>"),
        ("0ab", "<id>"),
        ("red shoes for Ann Smith", "<text>"),
        ("", "<text>"),
        ("x" * 65, "<text>"),
        ("x" * 41, "<id>"),
    ],
)
def test_a_name_that_tells_something_is_a_pattern(name: str, pattern: str) -> None:
    assert folded(name) == pattern


def test_no_uuid_is_written_however_it_is_spelt() -> None:
    for number in range(200):
        name = uuid.UUID(int=number * 0x1234567_89ABCDEF_00112233_44556677 % 2**128)
        for spelt in (str(name), name.hex, f"v_{name.hex}", str(name).upper(), name.urn):
            assert "<" in folded(spelt), spelt
            assert name.hex[:8] not in folded(spelt).lower()


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("ann@example.com", "e-mail"),
        ("write to ann%40example.com today", "e-mail"),
        ("192.168.1.10", "ip"),
        ("from 192.168.1.10", "ip"),
        ("00:1a:2b:3c:4d:5e", "ip"),
        ("+49 151 1234567", "phone"),
        ("(030) 123-4567", "phone"),
        ("0151-1234567", "phone"),
        ("555-123-4567", "phone"),
        ("12 Main Street", "address"),
        ("Hauptstraße 5", "address"),
        ("rue de Rivoli 12", "address"),
    ],
)
def test_what_a_text_looks_like(text: str, shape: str) -> None:
    assert shape_of(text) == shape


@pytest.mark.parametrize(
    "text",
    [
        "", "SUMMER25", "2025-11-26", "2025-11-26T10:00:00Z", "26.11.2025", "2025.11.26",
        "12345.67", "1.2.3", "10:20:30", "12:30", "16:9", "12345678", "std::vector", "1:2:3",
        "size 12 shoes",
        "@home", "5 stars", "Mozilla/5.0 (X11; Linux x86_64)",
    ],
)  # fmt: skip
def test_other_texts_look_like_nobody(text: str) -> None:
    assert shape_of(text) is None


def test_an_object_is_told_by_its_values_and_by_its_names() -> None:
    assert shape_in('{"to":["x","ann@example.com"]}') == "e-mail"
    assert shape_in('{"a":{"shippingAddress":{"x":1}}}') == "address"
    assert shape_in('{"size":"L","colour":"red"}') is None


@pytest.mark.parametrize(
    "name",
    ["email", "userEmail", "contact_phone", "customerName", "shipping_address", "IP", "uid2"],
)
def test_a_name_of_personal_data_is_noticed(name: str) -> None:
    assert sounds_personal(name, ["uid"])


@pytest.mark.parametrize(
    "name",
    ["coupon", "score", "product_name", "plate", "plateau", "emailed", "name", "http_status"],
)
def test_other_names_are_nobodys(name: str) -> None:
    assert not sounds_personal(name, ["uid"])
