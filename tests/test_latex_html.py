r"""Documents as pages."""

import re
from collections import Counter
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gru_sym.latex.blocks import Document, Formula, Paragraph, Section
from gru_sym.latex.html import html_of, plain
from gru_sym.latex.page import visible
from tests.latex_tools import HOSTILE, SAMPLE, UNICODE, browse, chromium, ziamath

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Reader(HTMLParser):
    """Holds that elements nest; collects tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, key: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == key]


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def page() -> str:
    ziamath()
    return html_of(SAMPLE)


def test_it_needs_nothing_else(page: str) -> None:
    reader = read(page)
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(reader.tags)
    addresses = re.findall(r"https?://[^\s\"'<>]+", page)
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}
    assert "url(" not in page
    assert "@import" not in page
    assert not [key for _, key, _ in reader.attributes if key.startswith("on")]
    assert all(value.startswith("#") for value in reader.values("href"))
    assert any("default-src 'none'" in value for value in reader.values("content"))


def test_hostile_text_is_shown(page: str) -> None:
    reader = read(page)
    text = "".join(reader.text)
    assert text.count(HOSTILE) >= 9
    assert escape(HOSTILE) in page
    assert "[U+202E][U+200B][U+001B]" in text
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_structure(page: str) -> None:
    reader = read(page)
    assert reader.tags["h1"] == 1
    assert reader.tags["h2"] == 4
    assert reader.tags["nav"] == 1
    assert {"main", "figure", "figcaption", "details", "table"} <= set(reader.tags)
    assert ("html", "lang", "en") in reader.attributes
    assert reader.values("scope").count("col") == 3
    assert reader.values("scope").count("row") == 3
    assert [v for v in reader.values("class") if v.startswith("status")] == [
        "status proved",
        "status refuted",
        "status unproved",
    ]
    identifiers = reader.values("id")
    assert len(identifiers) == len(set(identifiers))
    assert {value[1:] for value in reader.values("href")} <= set(identifiers)


def test_every_formula_is_drawn_and_named(page: str) -> None:
    reader = read(page)
    labels = reader.values("aria-label")
    assert r"h_{0} \neq 0" in labels
    assert sum(r"\begin{aligned}" in label for label in labels) == 1
    assert reader.tags["details"] == 2
    assert r"\frac{\partial L}{\partial W}" in "".join(reader.text)
    drawn = [value for tag, key, value in reader.attributes if tag == "use" and key == "href"]
    assert len(drawn) > 50


def test_a_short_document_has_no_contents() -> None:
    ziamath()
    short = html_of(Document("T", "", (), (Section("A", (Paragraph(("a",)),)),)))
    assert "<nav" not in short
    assert "subtitle" not in short.partition("</style>")[2]


def test_text() -> None:
    assert visible("a\n\tb\x00\u202e\ud800") == "a\n\tb[U+0000][U+202E][U+D800]"
    assert plain(SAMPLE.opening[1].spans) == r"For all sizes, with h_{0} \neq 0, by (1)."  # type: ignore[union-attr]
    assert "σ" in visible(UNICODE)


FRAME = """<!DOCTYPE html><meta charset="utf-8"><body>
<iframe id="f" style="width:390px;height:800px" srcdoc="{page}"></iframe><script>
document.getElementById("f").addEventListener("load", event => {{
  const page = event.target.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll(".formula>.scroll")]
    .filter(e => e.scrollWidth > e.clientWidth);
  const empty = [...page.querySelectorAll("svg.math")].filter(e => e.getBBox().width < 1);
  document.body.dataset.seen = JSON.stringify({{page: root.scrollWidth, room: root.clientWidth,
    scrolling: wide.length, empty: empty.length, formulas: page.querySelectorAll("svg.math").length,
    number: page.querySelectorAll("#eq-1").length}});
}});</script></body>"""


def test_a_phone_scrolls_formulas_and_not_the_page(page: str, tmp_path: Path) -> None:
    chromium()
    wide = " + ".join(["W_{z}\\,x_{t}"] * 20)
    document = Document(
        SAMPLE.title, SAMPLE.subtitle, (*SAMPLE.opening, Formula(wide, 7)), SAMPLE.sections
    )
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.format(page=escape(html_of(document))), encoding="utf-8")
    seen = browse(frame, "--dump-dom", "--virtual-time-budget=5000").stdout
    found = re.search(r'data-seen="([^"]*)"', seen)
    assert found, seen[-2000:]
    numbers = dict(re.findall(r"&quot;(\w+)&quot;:(\d+)", found[1]))
    assert numbers["page"] == numbers["room"]
    assert numbers["scrolling"] == "1"
    assert numbers["empty"] == "0"
    assert numbers["formulas"] == "8"
    assert numbers["number"] == "1"


def test_a_browser_prints_it_without_a_complaint(page: str, tmp_path: Path) -> None:
    chromium()
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")
    printed = tmp_path / "page.pdf"
    run = browse(file, "--enable-logging=stderr", f"--print-to-pdf={printed}")
    assert printed.read_bytes().startswith(b"%PDF")
    assert "CONSOLE" not in run.stderr


SHADED = """<!DOCTYPE html><meta charset="utf-8"><body>
<iframe id="f" style="width:390px;height:800px" srcdoc="{page}"></iframe><script>
document.getElementById("f").addEventListener("load", event => {{
  const page = event.target.contentDocument;
  const boxes = [...page.querySelectorAll(".scroll, pre")];
  const seen = e => page.defaultView.getComputedStyle(e);
  document.body.dataset.seen = boxes.map(e => seen(e).backgroundAttachment).join("/");
}});</script></body>"""


def test_what_can_be_scrolled_has_a_shade(page: str, tmp_path: Path) -> None:
    """Two covers move with what is in the box, and the shades below them do not."""
    chromium()
    assert "background:none" in page.partition("@media print")[2].partition("</style>")[0]
    assert page.count("--shade:") == 2  # by day and by night
    frame = tmp_path / "frame.html"
    frame.write_text(SHADED.format(page=escape(page)), encoding="utf-8")
    seen = browse(frame, "--dump-dom", "--virtual-time-budget=5000").stdout
    found = re.search(r'data-seen="([^"]*)"', seen)
    assert found, seen[-2000:]
    assert set(found[1].split("/")) == {"local, local, scroll, scroll"}
