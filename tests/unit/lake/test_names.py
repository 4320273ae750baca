import pytest

from clickstream_lake.lake.names import fold_name


@pytest.mark.parametrize(
    "name",
    [
        *("user_id", "USER_ID", "userId", "user-id", "User Id", " user_id ", "u_s_e_r_i_d"),
        *("user_id\0", "user\tid", "user\u00a0id", "user\u2011id", "user\u200bid", "us\u00ader_id"),
        *("u\u017fer_id", "\uff55\uff53\uff45\uff52_\uff49\uff44", "\U0001d42eser_id"),
        "user\u203fid",
    ],
)
def test_spellings_of_one_name_are_one(name: str) -> None:
    assert fold_name(name) == "userid"


@pytest.mark.parametrize(
    "name",
    ["user_\u0131d", "user_id2", "user.id", "us\u0435r_id", "us\u00e9r_id", "user\u0301_id", ""],
)
def test_what_only_looks_alike_is_another(name: str) -> None:
    assert fold_name(name) != "userid"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gr\u00f6\u00dfe", "GRO\u0308SSE"),
        ("\u212aey", "KEY"),
        ("\ufb01x", "FI-X"),
        ("\u2168", "ix"),
    ],
)
def test_letters_that_unicode_holds_for_the_same_are_the_same(one: str, other: str) -> None:
    assert fold_name(one) == fold_name(other)


def test_ascii_letters_are_folded_as_all_others() -> None:
    for code in range(128):
        assert fold_name(chr(code)) == fold_name(chr(code) + "\u00e9").removesuffix("\u00e9")
