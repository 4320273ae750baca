from dev.sql_page import PAGE, page


def test_the_page_of_functions_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m dev.sql_page"
