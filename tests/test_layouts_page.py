"""The table of layouts on the page about data says what the readers say of themselves."""

from docs.layouts import PAGE, page


def test_the_table_of_layouts_is_what_the_readers_say():
    """If this fails, the page names files that are not looked for; write it anew with `python -m docs.layouts`."""
    text = PAGE.read_text("utf-8")
    assert page(text) == text
