r"""Formulas as SVG, typeset in pure Python: what a page without JavaScript and fonts is made of.

ziamath sets the formula in STIX Two Math. What it draws is rewritten in thousandths of an em, the
unit of that font: coordinates become whole numbers, and the outline of a letter is the same text
wherever the letter stands, so that a page holds each outline once (:func:`glyph_sheet`) however
many formulas use it.
"""

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from threading import Lock
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr
from zlib import crc32

from gru_sym.errors import MissingLibraryError, UnsupportedError

__all__ = ["INSTALL", "MathSvg", "glyph_defs", "glyph_sheet", "typeset"]

INSTALL = "pip install 'gru_sym[page]'"

_EM = 1000
# ziafont gives outlines at 12 points; the font's own grid has 1000 units an em.
_OUTLINE = _EM / 12
# Ink may stand out of the box that a letter's metrics give: the tail of an italic, an accent.
_MARGIN = 60
_REMARK_SPACE, _ROW_SPACE = "1.1em", "0.3em"
_STRUT = {"width": "0em", "height": "0.55em", "depth": "0.22em"}
# TeX's medium space on both sides of a binary operator, its thin space after a comma.
_BINARY, _BINARY_SPACE, _THIN_SPACE, _AFTER_ACCENT = frozenset("⊙∘×"), "0.167em", "0.125em", "0.1em"
_SCRIPTED = ("msub", "msup", "msubsup", "munder", "mover", "munderover")
_DELIMITERS = {r"\|": "‖", r"\lVert": "‖", r"\rVert": "‖", r"\lvert": "|", r"\rvert": "|"}
_BOLD_DIGITS = {ord("0") + k: 0x1D7CE + k for k in range(10)}
_TYPEWRITER = {
    ord(first) + k: start + k
    for first, start, count in (("A", 0x1D670, 26), ("a", 0x1D68A, 26), ("0", 0x1D7F6, 10))
    for k in range(count)
}
_CLOSES = frozenset((")", "]", "}", "|", "‖", "'", "′", "⊤", "!"))
_NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"
_NUMBER = re.compile(r"-?\d*\.?\d+(?:e-?\d+)?")


@dataclass(frozen=True, slots=True)
class MathSvg:
    """A formula, drawn in the colour of the text around it.

    Attributes:
        latex: its source.
        width: in em.
        height: in em, from the lowest ink to the highest.
        depth: how much of the height is below the baseline of the text, in em.
        view: the box of its coordinates, in thousandths of an em: x, y, width, height.
        drawn: the elements of the drawing, which refer to glyphs.
        glyphs: identifier and outline of each letter in it.
    """

    latex: str
    width: float
    height: float
    depth: float
    view: tuple[int, int, int, int]
    drawn: str
    glyphs: tuple[tuple[str, str], ...]

    def svg(self, size: float = 16) -> str:
        """The drawing with its glyphs, complete in itself; ``size`` pixels are an em."""
        return self._element(
            size,
            f'fill="currentColor" role="img" aria-label={quoteattr(self.latex)}',
            f"<defs>{_outlines(self.glyphs)}</defs>",
        )

    def part(self, size: float = 16) -> str:
        """The drawing for use within another one, which has the glyphs."""
        return self._element(size, 'aria-hidden="true"')

    def inline(self) -> str:
        """The drawing for a line of HTML, as large as its text; its page has the glyphs."""
        return (
            f'<svg class="math" role="img" aria-label={quoteattr(self.latex)} '
            f'viewBox="{self._box}" style="width:{self.width:.3f}em;height:{self.height:.3f}em;'
            f'vertical-align:{-self.depth:.3f}em">{self.drawn}</svg>'
        )

    def _element(self, size: float, attributes: str, before: str = "") -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width * size:.2f}" '
            f'height="{self.height * size:.2f}" viewBox="{self._box}" overflow="visible" '
            f"{attributes}>{before}{self.drawn}</svg>"
        )

    @property
    def _box(self) -> str:
        return " ".join(map(str, self.view))


def glyph_sheet(formulas: Iterable[MathSvg]) -> str:
    """The outlines of all letters in some formulas, each once, as an element that takes no room."""
    return (
        '<svg aria-hidden="true" width="0" height="0" style="position:absolute">'
        f"{glyph_defs(formulas)}</svg>"
    )


def glyph_defs(formulas: Iterable[MathSvg]) -> str:
    """The outlines of all letters in some formulas, each once, as a ``<defs>`` element."""
    glyphs = {name: outline for each in formulas for name, outline in each.glyphs}
    return f"<defs>{_outlines(tuple(sorted(glyphs.items())))}</defs>"


@lru_cache(maxsize=8192)
def typeset(latex: str, *, display: bool = False) -> MathSvg:
    r"""Set a formula.

    Args:
        latex: without ``$``; one ``aligned`` environment, or a part of a line.
        display: with the large operators and fractions of a displayed formula.

    Raises:
        MissingLibraryError: ziamath is not installed.
        UnsupportedError: ziamath does not know a command in it.

    >>> round(typeset(r"\sigma(a)").depth, 1)
    0.3
    """
    root = _drawn(_ziamath(), latex, display=display)
    x, y, width, height = (float(part) for part in root.get("viewBox", "").split())
    view = (
        round(x) - _MARGIN,
        round(y) - _MARGIN,
        round(width) + 2 * _MARGIN,
        round(height) + 2 * _MARGIN,
    )
    symbols = {each.get("id", ""): each for each in root.iter("symbol")}
    glyphs: dict[str, str] = {}
    drawn: list[str] = []
    for element in root:
        if element.tag == "use":
            drawn.append(_placed(element, symbols, glyphs))
        elif element.tag != "symbol":
            drawn.append(_shape(element))
    return MathSvg(
        latex=latex,
        width=view[2] / _EM,
        height=view[3] / _EM,
        depth=(view[1] + view[3]) / _EM,
        view=view,
        drawn="".join(drawn),
        glyphs=tuple(sorted(glyphs.items())),
    )


_UNKNOWN = re.compile(r"\\[A-Za-z]+")  # what its reader of LaTeX leaves as it is
_LOCK = Lock()


def _ziamath() -> ModuleType:
    try:
        with warnings.catch_warnings():
            # It opens its font in a way that Python 3.11 calls deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module("ziamath")
    except ModuleNotFoundError as error:
        raise MissingLibraryError(
            "typesetting formulas for a page needs ziamath, which is not installed", mend=INSTALL
        ) from error


def _drawn(ziamath: ModuleType, latex: str, *, display: bool) -> ET.Element:
    """The formula as ziamath draws it, in thousandths of an em."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ET.fromstring(ziamath.tex.tex2mml(latex, inline=not display))
            _adapt(tree)
            unknown = [e.text for e in tree.iter() if _UNKNOWN.fullmatch(e.text or "")]
            if unknown:
                raise ValueError(f"there is no {unknown[0]}")
            with _LOCK, _quick():
                # An element, because ziamath edits a text: "==" would become one sign.
                drawn: ET.Element = ziamath.Math(tree, size=_EM, margin=0).svgxml()
    except Exception as error:
        raise UnsupportedError(
            f"ziamath {ziamath.__version__} cannot typeset the formula {_cut(latex)}: {error}",
            mend="where no symbol of your own notation is the cause, it is a fault of gru_sym: "
            "report the cell",
        ) from error
    return drawn


def _cut(text: str) -> str:
    """A text that is not longer than a line or two."""
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …")


_LONGEST = 160


@contextmanager
def _quick() -> Iterator[None]:
    """Ziamath without work that changes nothing that it draws.

    It sets what is in a row twice, first to see how tall brackets have to be, and so what is in
    three rows eight times; but few rows have a bracket that grows. And for each letter it copies
    the style around it. A version without these two is left as it is.
    """
    rows, styles = import_module("ziamath.nodes.mrow"), import_module("ziamath.styles")
    row = getattr(rows, "Mrow", None)
    measure = getattr(row, "_get_height_nostretch", None)
    copied = getattr(styles, "asdict", None)
    if measure is None or copied is None:
        yield
        return

    def measured(self: object, line: list[ET.Element], **options: Any) -> Any:
        return measure(self, line, **options) if any(map(_grows, line)) else (0.0, 0.0)

    row._get_height_nostretch, styles.asdict = measured, vars  # type: ignore[union-attr, attr-defined]
    try:
        yield
    finally:
        row._get_height_nostretch, styles.asdict = measure, copied  # type: ignore[union-attr, attr-defined]


def _grows(element: ET.Element) -> bool:
    """Whether an element may have a sign that grows with its row; rows within measure their own."""
    if element.tag in {"mo", "mi"}:
        # Whether it does where it stands is ziamath's to say.
        may = (element.text or "").strip() in _growing()
        return element.get("stretchy", "true" if may else "false") != "false"
    return element.tag not in {"mrow", "mtd"} and any(map(_grows, element))


@lru_cache(maxsize=1)
def _growing() -> frozenset[str]:
    operators = import_module("ziamath.operators").operators
    return frozenset(sign for (sign, _), how in operators.items() if "stretchy" in how)


def _adapt(tree: ET.Element) -> None:
    """Put right what ziamath's reader of LaTeX says wrongly, or ziamath itself sets too tightly."""
    for element in tree.iter():
        element.tag = element.tag.removeprefix(_NAMESPACE)
    alone = {id(row[0]) for row in tree.iter() if len(row) == 1}
    scripts = {id(e) for tag in _SCRIPTED for s in tree.iter(tag) for c in s[1:] for e in c.iter()}
    signs = {id(sign) for row in tree.iter() for sign in _signs(row)}
    for element in tree.iter():
        match element.tag:
            case "mtable" if "columnspacing" in element.attrib:
                element.set("columnspacing", f"0em {_REMARK_SPACE}")
                element.set("rowspacing", _ROW_SPACE)
                for row in element.iter("mtr"):
                    # As tall as a line of text at least, so that the rows stand at an even pace.
                    row[0].insert(0, ET.Element("mspace", _STRUT))
            case "mo":
                element.text = _DELIMITERS.get(element.text or "", element.text)
                if id(element) in signs:
                    element.attrib |= {"lspace": "0em", "rspace": "0em"}
                elif element.text in _BINARY and id(element) not in scripts | alone:
                    element.attrib |= {"lspace": _BINARY_SPACE, "rspace": _BINARY_SPACE}
                elif element.text == ",":
                    element.attrib |= {"lspace": "0em", "rspace": _THIN_SPACE}
                elif element.text == "∇":
                    element.tag = "mi"
                    element.set("mathvariant", "normal")
            case "mn" if element.get("mathvariant") == "bold":
                element.attrib.pop("mathvariant")
                element.tag = "mi"
                element.text = (element.text or "").translate(_BOLD_DIGITS)
            case "mi" | "mn" if element.get("mathvariant") == "monospace":
                element.tag = "mi"
                element.set("mathvariant", "normal")
                element.text = (element.text or "").translate(_TYPEWRITER)
            case "msup" | "msubsup" if element[0].tag == "mover":
                element[-1].insert(0, ET.Element("mspace", width=_AFTER_ACCENT))
        _name_operator(element)
    _unwrap(tree)


def _signs(row: ET.Element) -> Iterator[ET.Element]:
    """The minus of a negative number or term: what follows an opening bracket or an operator."""
    for before, sign in pairwise(row):
        minus = sign.tag == "mo" and sign.text in {"−", "+"}
        if minus and before.tag == "mo" and before.text not in _CLOSES:
            yield sign


def _unwrap(parent: ET.Element) -> None:
    """Take rows of one away: ziamath sets what is in a row twice, and four times in a row's row."""
    for k, child in enumerate(parent):
        while child.tag == "mrow" and not child.attrib and len(child) == 1 and child[0].tag != "mo":
            parent[k] = child = child[0]
        _unwrap(child)


def _name_operator(row: ET.Element) -> None:
    r"""``\operatorname{hard\_tanh}`` comes as an empty operator before a row of single letters."""
    for k in range(len(row) - 1):
        empty, letters = row[k], row[k + 1]
        if empty.tag == "mo" and not empty.text and not empty.attrib and letters.tag == "mrow":
            empty.text = "".join(letter.text or "" for letter in letters)
            row.remove(letters)
            return _name_operator(row)
    return None


def _placed(use: ET.Element, symbols: dict[str, ET.Element], glyphs: dict[str, str]) -> str:
    """One letter: its outline, moved and scaled. Records the outline."""
    symbol = symbols[use.get("href", "").removeprefix("#")]
    outline = "".join(_outline(path.get("d", "")) for path in symbol.iter("path"))
    if not outline:  # a space
        return ""
    left, top, _, tall = (float(part) for part in symbol.get("viewBox", "").split())
    scale = float(use.get("height", "0")) / tall
    x, y = float(use.get("x", "0")) - left * scale, float(use.get("y", "0")) - top * scale
    name = symbol.get("id", "").rpartition("_")[2]
    # ziamath numbers what it puts together from pieces, a tall brace, anew in every process.
    name = f"g{name}" if name.isdigit() and len(name) < 6 else f"g{crc32(outline.encode()):08x}"
    glyphs[name] = outline
    ratio = scale / _OUTLINE
    if abs(ratio - 1) < 1e-3:
        return f'<use href="#{name}" x="{x:.0f}" y="{y:.0f}"/>'
    return f'<use href="#{name}" transform="translate({x:.0f} {y:.0f})scale({ratio:.3g})"/>'


@lru_cache(maxsize=1024)
def _outline(path: str) -> str:
    """An outline in thousandths of an em: ``M438-172L393 0Z``."""
    shown = ""
    for token in path.split():
        if not _NUMBER.fullmatch(token):
            shown += token
            continue
        number = f"{float(token) * _OUTLINE:.1f}".removesuffix(".0")
        number = "0" if number in {"-0", "0"} else number
        shown += number if number.startswith("-") or shown[-1:].isalpha() else f" {number}"
    return shown


def _shape(element: ET.Element) -> str:
    """A rule of a fraction, a bar: with whole numbers, in the colour of the text."""
    attributes = []
    for key, value in element.attrib.items():
        if key in {"fill", "stroke"} and value == "black":
            value = "currentColor"
        elif key != "d" and _NUMBER.fullmatch(value):
            value = f"{float(value):.0f}"
        attributes.append(f" {key}={quoteattr(value)}")
    inside = "".join(_shape(child) for child in element) + escape(element.text or "")
    return f"<{element.tag}{''.join(attributes)}>{inside}</{element.tag}>"


def _outlines(glyphs: tuple[tuple[str, str], ...]) -> str:
    return "".join(f'<path id="{name}" d="{outline}"/>' for name, outline in glyphs)
