"""The frame of a page: nothing is fetched, nothing of a text is markup."""

from gru_sym.latex.page import page_of, text


def test_a_page() -> None:
    found = page_of("a <b> & c", "<main>body</main>\n", style=".mine{color:red}")
    assert found.startswith("<!DOCTYPE html>")
    assert "<title>a &lt;b&gt; &amp; c</title>" in found
    assert "default-src 'none'" in found
    assert ".mine{color:red}</style>" in found
    assert found.endswith("<main>body</main>\n</body>\n</html>\n")
    assert "http://" not in found
    assert "https://" not in found


def test_what_is_not_seen() -> None:
    assert text("a\u202eb<") == "a[U+202E]b&lt;"
