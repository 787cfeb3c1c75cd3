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
    quoted, depth = False, 0
    found: list[str] = []
    for line in lines:
        within = quoted
        if line.count('"""') % 2:
            quoted = not quoted
        within = within or quoted or line.lstrip().startswith('"""')
        if within or line.lstrip().startswith("#"):
            found += [line] if within else _broken(line)
            continue
        found += _broken(line, within_brackets=depth > 0)
        depth += depths_of(f"{line} ")[-1]
    text = "\n".join(found) + "\n"
    return re.sub(r"(?m)\n\n(\n+)(?=    )", "\n\n", text)  # one empty line within a function


def _broken(line: str, *, within_brackets: bool = False) -> list[str]:
    """A line in parts of at most :data:`WIDTH` columns, where that can be."""
    if len(line) <= WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    code = line.lstrip()
    if code.startswith("#"):
        return _comment(code, indent)
    if depths_of(f"{code} ")[-1]:  # a part of a statement that was broken before
        return [line]
    signature = re.fullmatch(r"(def \w+)\((.*)\)( -> .*:)", code)
    if signature:
        return _bracket(f"{signature[1]}(", signature[2], f"){signature[3]}", indent)
    assigned = re.match(r"([\w\[\]., ]+? (?:[-+*/@]=|=)|return|assert) ", code)
    head = assigned[0] if assigned else ""
    if within_brackets:
        item = code.removesuffix(",")
        return _lines_of(item, code[len(item) :], indent)
    return _value(head, code[len(head) :], indent)


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


def _value(head: str, value: str, indent: str) -> list[str]:
    """``head value``, a statement; brackets may be put around the value."""
    whole = f"{indent}{head}{value}"
    if len(whole) <= WIDTH or _is_slice(value):
        return [whole]
    inner = indent + " " * _STEP
    until = next((k + 1 for k, char in enumerate(value) if char in OPENING), len(value))
    targets = items_of(head.removesuffix(" = "))
    if len(targets) > 1 and len(f"{indent}{head}{value[:until]}") > WIDTH:
        lines = [f"{indent}(", *(f"{inner}{target}," for target in targets)]
        return [*lines, *_value(") = ", value, indent)]
    operands = _operands(value)
    if len(items_of(value)) > 1:  # a tuple
        return _bracket(f"{head}(", value, ")", indent)
    ends_open = value[0] in OPENING or value[-1] == ")"
    if len(operands) == 1 or (len(operands) == 2 and ends_open):
        found = _in_its_brackets(head, value, "", indent)
        if len(found) > 1 and len(found[0]) <= WIDTH:
            return found
    if len(operands) == 1 and len(inner + value) > WIDTH:
        return [whole]
    return [f"{indent}{head}(", *_lines_of(value, "", inner), f"{indent})"]


def _lines_of(value: str, tail: str, indent: str, head: str = "") -> list[str]:
    """``head value tail`` within brackets: on one line, or an operand on each."""
    if len(f"{indent}{head}{value}{tail}") <= WIDTH or _is_slice(value):
        return [f"{indent}{head}{value}{tail}"]
    if loops := _loops(value):  # within a list: the loops stand below what they repeat
        ends = [*loops[1:], len(value)]
        below = [indent + value[a + 1 : b] for a, b in zip(loops, ends, strict=True)]
        return [*_lines_of(value[: loops[0]], "", indent), *below[:-1], below[-1] + tail]
    (_, first), *rest = _operands(value)
    if not rest:
        return _in_its_brackets(head, value, tail, indent)
    lines = _lines_of(first, "", indent, head)
    for operator, operand in rest[:-1]:
        lines += _lines_of(operand, "", indent, operator)
    return [*lines, *_lines_of(rest[-1][1], tail, indent, rest[-1][0])]


def _in_its_brackets(head: str, value: str, tail: str, indent: str) -> list[str]:
    """``head value tail``, broken within the first of its brackets that must be."""
    if len(f"{indent}{head}{value}{tail}") <= WIDTH:
        return [f"{indent}{head}{value}{tail}"]
    depths = depths_of(value)
    opening = [k for k, char in enumerate(value) if char in OPENING and not depths[k]]
    if re.fullmatch(r"\w+(\[[^\[\]]*\])+", value):  # the last subscript that may be
        fits = [k for k in opening if len(f"{indent}{head}{value[: k + 1]}") <= WIDTH]
        opening = fits[-1:] or opening[:1]
    for k, start in enumerate(opening):
        until = opening[k + 1] + 1 if k + 1 < len(opening) else len(value)
        stop = next(n for n in range(start + 1, len(value)) if not depths[n])
        if stop > start + 1 and len(f"{indent}{head}{value[:until]}") > WIDTH - len(tail):
            rest = _in_its_brackets(value[stop], value[stop + 1 :], tail, indent)
            broken = _bracket(head + value[: start + 1], value[start + 1 : stop], "", indent)
            return [*broken[:-1], *rest]
    return [f"{indent}{head}{value}{tail}"]


def _bracket(head: str, inside: str, tail: str, indent: str) -> list[str]:
    """A call or a tuple: its items on one line of their own, or on one each."""
    inner = indent + " " * _STEP
    items = items_of(inside)
    one = f"{inner}{inside}"
    lines = [f"{indent}{head}"]
    display = re.search(r"(?<![\w\])])[(\[]$", head)
    grouping = display and head[-1] == "(" and items == [inside]
    if len(one) <= WIDTH and not (display and len(items) > 1):
        lines.append(one)
    elif grouping or head[-1] == "[":  # a comma would make a tuple
        lines += _lines_of(inside, "", inner)
    else:
        for item in items:
            lines += _lines_of(item, "" if _loops(item) else ",", inner)
    return [*lines, f"{indent}{tail}"]


def _is_slice(text: str) -> bool:
    """Whether it has a colon between its ends, as in ``W[2 * H : 3 * H]`` without the name."""
    depths = depths_of(text)
    return any(not depths[m.start()] for m in re.finditer(" : ", text))


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
