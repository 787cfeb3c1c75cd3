"""The header of a text: the comment lines above its first equation.

``# key: value`` with a known key declares something; the first comment line is the title when it
declares nothing; every other comment is for people only.
"""

import re
from dataclasses import dataclass, field

from gru_sym.algebra.tree import Header
from gru_sym.cells.naming import FUNCTIONS, check_name, did_you_mean
from gru_sym.errors import CellSyntaxError, NamingError, Place

__all__ = ["TEXTS", "directive_of", "read_header", "reads_as_title"]

TEXTS = ("title", "cite", "convention")
_SHAPED = ("inputs", "params", "states")
_KEYS = (*TEXTS, "roles", *_SHAPED, "outputs", "output")

_DIRECTIVE = re.compile(r"[ \t]*#+[ \t]*([A-Za-z]+)[ \t]*:[ \t]*(.*)")
_COMMENT = re.compile(r"[ \t]*#+[ \t]*(.*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_ITEM = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})[ \t]*(?:\(([^()]*)\))?")
_ROLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})[ \t]*=[ \t]*([A-Za-z][A-Za-z0-9 _-]*)")
_CLOSE_ENOUGH = 0.75


def directive_of(line: str) -> str:
    """The key that a comment line declares, or nothing."""
    match = _DIRECTIVE.match(line)
    key = match[1].lower() if match else ""
    return key if key in _KEYS else ""


def reads_as_title(text: str) -> bool:
    """Whether a first comment line with this text is a plain title."""
    line = f"# {text}"
    return not text.startswith("#") and not directive_of(line) and not _almost(line, title=True)


@dataclass
class _Found:
    """What has been read so far."""

    texts: dict[str, str] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_header(source: str, *, derivation: bool) -> Header:
    """Read the comment lines above the first equation.

    Raises:
        CellSyntaxError: a key that is almost a known one, a key given twice, a malformed list.
        NamingError: a reserved name, or a name declared twice.
    """
    found = _Found()
    first_comment = True
    above = True
    for number, line in enumerate(source.split("\n"), 1):
        comment = _COMMENT.match(line)
        above = above and (comment is not None or not line.strip())
        if comment is None or not comment[1]:
            continue
        key = directive_of(line)
        if not above:
            if key and key not in TEXTS and not derivation:
                raise CellSyntaxError(
                    f"`# {key}:` stands below the first equation, where it declares nothing",
                    mend="move it above the first equation",
                    place=Place(number, line.index("#") + 1),
                    source=source,
                )
            continue
        if key:
            _read_directive(found, key, line, number, source, derivation=derivation)
        elif first_comment:
            _refuse_almost_known(line, number, source, title=True)
            found.texts["title"] = comment[1].rstrip(" \t")
            found.lines["title"] = number
        else:
            _refuse_almost_known(line, number, source, title=False)
        first_comment = False
    return Header(
        title=found.texts.get("title", ""),
        cite=found.texts.get("cite", ""),
        convention=found.texts.get("convention", ""),
        roles=tuple(found.roles.items()),
        inputs=found.lists.get("inputs"),
        params=found.lists.get("params"),
        states=found.lists.get("states"),
        outputs=found.lists.get("outputs", ()),
        output=next(iter(found.lists.get("output", ())), ""),
        # In one order, whichever line came first: cells with the same header are equal.
        shapes=tuple(
            (name, found.shapes[name])
            for key in _SHAPED
            for name in found.lists.get(key, ())
            if name in found.shapes
        ),
        places=tuple(found.places.items()),
    )


def _almost(line: str, *, title: bool) -> str:
    """A hint when a line has almost a key; a title may begin so when it has a capital."""
    match = _DIRECTIVE.match(line)
    if match is None or (title and not match[1].islower()):
        return ""
    return did_you_mean(match[1].lower(), _KEYS, cutoff=_CLOSE_ENOUGH)


def _refuse_almost_known(line: str, number: int, source: str, *, title: bool) -> None:
    match = _DIRECTIVE.match(line)
    hint = _almost(line, title=title)
    if match is not None and hint:
        raise CellSyntaxError(
            f"the header has no key `{match[1]}`",
            mend=f"{hint} The keys are {', '.join(_KEYS)}",
            place=Place(number, match.start(1) + 1),
            source=source,
        )


def _read_directive(
    found: _Found, key: str, line: str, number: int, source: str, *, derivation: bool
) -> None:
    match = _DIRECTIVE.match(line)
    if match is None:  # directive_of has matched it
        raise AssertionError(line)
    place = Place(number, match.start(1) + 1)
    if key in found.lines:
        raise CellSyntaxError(
            f"`{key}` is given twice, first on line {found.lines[key]}",
            mend="join the two in one line",
            place=place,
            source=source,
        )
    found.lines[key] = number
    value, start = match[2].rstrip(" \t"), match.start(2)
    if key in TEXTS:
        found.texts[key] = value
        return
    items = _split(value, start)
    if key == "output" and len(items) != 1:
        raise CellSyntaxError(
            f"`output` takes one name, {len(items) or 'none'} "
            f"{'is' if len(items) < 2 else 'are'} given",
            mend="write `# output: h`; several outputs go to `# outputs: …`",
            place=place,
            source=source,
        )
    names: dict[str, None] = {}
    for text, offset in items:
        here = Place(number, offset + 1)
        name = _read_item(found, key, text, here, source)
        check_name(name, here, source, derivation=derivation)
        taken = key if name in names else found.declared.get(name) if key in _SHAPED else None
        if taken is not None:
            raise NamingError(
                f"`{name}` is declared twice, in `{taken}` and in `{key}`",
                mend="declare it once",
                place=here,
                source=source,
            )
        names[name] = None
        if key in _SHAPED:
            found.declared[name] = key
        found.places.setdefault(name, here)
    if key != "roles":
        found.lists[key] = tuple(names)


def _read_item(found: _Found, key: str, text: str, here: Place, source: str) -> str:
    """Keep what one item of a list says besides its name, and return the name."""
    pattern = _ROLE if key == "roles" else _ITEM if key in _SHAPED else _NAME
    match = pattern.fullmatch(text)
    if match is None:
        form = {"roles": "`z = update`", "output": "a name"}.get(key, "a name, or `W(H, I)`")
        form = "a name" if key == "outputs" else form
        raise CellSyntaxError(
            f"an item of `{key}` is {form}, not `{text[:64]}`",
            mend={
                "roles": "write `# roles: z = update, r = reset`",
                "outputs": "write `# outputs: y, h`",
                "output": "write `# output: h`",
            }.get(key, f"write `# {key}: x, v(H), s()`"),
            place=here,
            source=source,
        )
    if key == "roles":
        found.roles.setdefault(match[1], match[2])
        return match[1]
    if key not in _SHAPED:
        return match[0]
    if match[2] is not None:
        found.shapes[match[1]] = _read_shape(match[2], match[1], here, source)
    return match[1]


def _read_shape(text: str, name: str, here: Place, source: str) -> tuple[str, ...]:
    if not text.strip():
        return ()
    shape = tuple(part.strip() for part in text.split(","))
    bad = next((d for d in shape if not _NAME.fullmatch(d) or d in FUNCTIONS or "__" in d), None)
    if bad is not None or len(shape) > 2:
        raise CellSyntaxError(
            f"the shape of `{name}` is `({text.strip()})`; a shape has up to two dimension names",
            mend=f"write `{name}(H)` for a vector, `{name}(H, I)` for a matrix, "
            f"`{name}()` for a number",
            place=here,
            source=source,
        )
    return shape


def _split(value: str, start: int) -> list[tuple[str, int]]:
    """The items of a comma list with their columns from 0; commas in brackets do not count."""
    items: list[tuple[str, int]] = []
    depth = 0
    begin = 0
    for i, char in enumerate(f"{value},"):
        depth += (char == "(") - (char == ")")
        if char == "," and (depth <= 0 or i == len(value)):
            raw = value[begin:i]
            items.append((raw.strip(" \t"), start + begin + len(raw) - len(raw.lstrip(" \t"))))
            begin = i + 1
    return [] if len(items) == 1 and not items[0][0] else items
