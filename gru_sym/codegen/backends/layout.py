"""Generated code laid out as ruff's formatter would: no line is longer than 88 columns."""

import itertools
import re

__all__ = ["OPENING", "WIDTH", "depths_of", "indented", "items_of", "tidy"]

WIDTH = 88
"""Columns of generated code: what ruff takes by default."""

_STEP = 4
OPENING, _CLOSING = "([{", ")]}"
# Operators by how loosely they bind: a long expression is broken at the loosest.
_OPERATORS = ((" + ", " - "), (" * ", " / ", " @ "))


def indented(lines: list[str], by: int = 1) -> list[str]:
    """The lines, deeper."""
    return [(" " * (_STEP * by) + line) if line else line for line in lines]


def tidy(lines: list[str]) -> str:
    """Lines as a module's text."""
    quoted = False
    found: list[str] = []
    for line in lines:
        within = quoted
        if line.count('"""') % 2:
            quoted = not quoted
        within = within or quoted or line.lstrip().startswith('"""')
        found += [line] if within else _broken(line)
    text = "\n".join(found) + "\n"
    return re.sub(r"(?m)\n\n(\n+)(?=    )", "\n\n", text)  # one empty line within a function


def _broken(line: str) -> list[str]:
    """A line in parts of at most :data:`WIDTH` columns, where that can be."""
    if len(line) <= WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    code = line.lstrip()
    if code.startswith("#"):
        return _comment(code, indent)
    signature = re.fullmatch(r"(def \w+)\((.*)\)( -> .*:)", code)
    if signature:
        return _bracket(f"{signature[1]}(", signature[2], f"){signature[3]}", indent)
    assigned = re.match(r"([\w\[\]., ]+? (?:[-+*/@]=|=)|return|assert) ", code)
    head = assigned[0] if assigned else ""
    tail = "," if code.endswith(",") else ""  # an item of a list
    return _value(head, code[len(head) : len(code) - len(tail)], tail, indent)


def _comment(code: str, indent: str) -> list[str]:
    words = code.split(" ")
    found, line = [], indent + words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) > WIDTH:
            found.append(line)
            line = f"{indent}#     {word}"
        else:
            line = f"{line} {word}"
    return [*found, line]


def _value(head: str, value: str, tail: str, indent: str) -> list[str]:
    """``head value tail``, broken inside of value."""
    whole = f"{indent}{head}{value}{tail}"
    if len(whole) <= WIDTH:
        return [whole]
    depths = depths_of(value)
    if loops := _loops(value):  # within a list: the loops stand below what they repeat
        ends = [*loops[1:], len(value)]
        below = [indent + value[a + 1 : b] for a, b in zip(loops, ends, strict=True)]
        return [*_value(head, value[: loops[0]], "", indent), *below[:-1], below[-1] + tail]
    if any(m for m in re.finditer(" : ", value) if not depths[m.start()]):  # a slice
        return [whole]
    parts = _operands(value)
    call = re.fullmatch(r"\((.*)\)(\.\w+\([\w, -]*\))", value)
    if call and len(parts) == 1:
        return _bracket(f"{head}(", call[1], f"){call[2]}{tail}", indent)
    if len(parts) > 1:
        inner = indent + " " * _STEP
        lines = [f"{indent}{head}("]
        for operator, operand in parts:
            lines += _value(operator, operand, "", inner)
        return [*lines, f"{indent}){tail}"]
    start = _last_bracket(value)
    if start is None:
        return [whole]
    return _bracket(
        f"{head}{value[: start + 1]}", value[start + 1 : -1], f"{value[-1]}{tail}", indent
    )


def _bracket(head: str, inside: str, tail: str, indent: str) -> list[str]:
    """A call or a tuple: its items on one line of their own, or on one each."""
    inner = indent + " " * _STEP
    items = items_of(inside)
    one = f"{inner}{inside}"
    if len(one) <= WIDTH:
        return [f"{indent}{head}", one, f"{indent}{tail}"]
    lines = [f"{indent}{head}"]
    if re.search(r"(?<![\w\])])\($", head) and items == [inside]:  # they group: a comma would
        for operator, operand in _operands(inside):  # make a tuple
            lines += _value(operator, operand, "", inner)
        return [*lines, f"{indent}{tail}"]
    for item in items:
        lines += _value("", item, "" if _loops(item) else ",", inner)
    return [*lines, f"{indent}{tail}"]


def _loops(text: str) -> list[int]:
    """Where the loops begin in what a list comprehension has between its brackets."""
    depths = depths_of(text)
    return [m.start() for m in re.finditer(" for ", text) if not depths[m.start()]]


def depths_of(text: str) -> list[int]:
    """How deep in brackets, or in quotes, each character stands; a bracket stands outside."""
    found, depth, quoted = [], 0, False
    for char in text:
        depth -= char in _CLOSING and not quoted
        found.append(depth + quoted)
        depth += char in OPENING and not quoted
        quoted ^= char == '"'
    return found


def items_of(text: str) -> list[str]:
    """What stands between the brackets of a list or a call, as its items: at the commas."""
    depths = depths_of(text)
    cuts = [k for k, char in enumerate(text) if char == "," and not depths[k]]
    pairs = itertools.pairwise((-1, *cuts, len(text)))
    return [item for a, b in pairs if (item := text[a + 1 : b].strip())]


def _operands(text: str) -> list[tuple[str, str]]:
    """(operator, operand) at the loosest operators; one pair where there are none."""
    depths = depths_of(text)
    for operators in _OPERATORS:
        cuts = [
            k
            for k in range(len(text))
            if depths[k] == 0 and any(text.startswith(op, k) for op in operators)
        ]
        if cuts:
            bounds = [*cuts, len(text)]
            found = [("", text[: cuts[0]])]
            found += [(text[a + 1 : a + 3], text[a + 3 : b]) for a, b in itertools.pairwise(bounds)]
            return found
    return [("", text)]


def _last_bracket(text: str) -> int | None:
    """Where the bracket opens that closes at the end of the text."""
    if not text or text[-1] not in _CLOSING:
        return None
    depths = depths_of(text)
    return max(k for k in range(len(text) - 1) if text[k] in OPENING and depths[k] == depths[-1])
