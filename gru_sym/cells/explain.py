"""What is wrong with a text that the grammar refuses, in human words.

The parser knows which tokens it could have taken; a person wants to know what to write. Each
function here looks at the refused place and returns the error to raise.
"""

import keyword
import unicodedata
from collections.abc import Sequence, Set
from types import MappingProxyType

from lark import Token

from gru_sym.errors import CellSyntaxError, Place

__all__ = ["bad_character", "bad_token", "missing_close", "stray_close"]

_LINE = "a line must be `name = expression`"
_CLOSES = MappingProxyType({"(": ")", "[": "]"})
_ENDS_OPERAND = frozenset({"NAME", "NUMBER", "TRANSPOSE", "_RPAR", "_RSQB"})
_OPERATORS = frozenset({"PLUS", "MINUS", "STAR", "SLASH", "AT", "POWER"})
_SLICE = "a slice is `v[:H]`, `v[H:]` or `v[H:H+I]`, with dimension names as bounds"

_STRING = "text in quotes is not part of the language"
_CHARACTERS = MappingProxyType(
    {
        "^": ("`^` is not an operator", "write `**` for a power"),
        ";": ("`;` does not separate definitions", "write one definition a line"),
        "'": (_STRING, "write names and numbers without quotes"),
        '"': (_STRING, "write names and numbers without quotes"),
        "{": ("curly brackets are not part of the language", "write `( )`, or `[a, b]` to join"),
        "}": ("curly brackets are not part of the language", "write `( )`, or `[a, b]` to join"),
        "<": ("comparisons are not part of the language", "write `step(a - b)` for a > b"),
        ">": ("comparisons are not part of the language", "write `step(a - b)` for a > b"),
        "!": ("`!` is not an operator", "comparisons and factorials are not in the language"),
        "%": ("`%` is not an operator", "the operators are `+ - * / ** @`; comments begin with #"),
        "\\": ("`\\` is not part of the language", "a line goes on inside ( ) and [ ]"),
        "\N{MINUS SIGN}": ("", "write `-`"),
        "\N{EN DASH}": ("", "write `-`"),
        "\N{MULTIPLICATION SIGN}": ("", "write `*`"),
        "\N{MIDDLE DOT}": ("", "write `*`"),
        "\N{DOT OPERATOR}": ("", "write `*`"),
        "\N{CIRCLED DOT OPERATOR}": ("", "write `*`"),
        "\N{RING OPERATOR}": ("", "write `*`"),
        "\N{SUPERSCRIPT TWO}": ("", "write `**2`"),
        "\N{MODIFIER LETTER CAPITAL T}": ("", "write `.T`"),
        "\N{DOWN TACK}": ("", "write `.T`"),
        "\N{NO-BREAK SPACE}": ("", "write a plain space"),
        "\N{ZERO WIDTH NO-BREAK SPACE}": ("", "delete it"),
        "\N{ZERO WIDTH SPACE}": ("", "delete it"),
        "\N{GREEK SMALL LETTER SIGMA}": ("", "write `sigmoid`, or the name `sigma`"),
    }
)


def bad_character(text: str, position: int, place: Place) -> CellSyntaxError:
    """A character that begins nothing in the language."""
    char = text[position]
    message, mend = _CHARACTERS.get(char, ("", ""))
    if char == ".":
        stop = position + 1
        while stop < min(len(text), position + 20) and (text[stop].isalnum() or text[stop] == "_"):
            stop += 1
        attribute = text[position:stop]
        message = (
            f"`{attribute}` is not part of the language" if len(attribute) > 1 else "a stray `.`"
        )
        mend = "the only thing after a dot is `.T`, the transpose: `W.T`"
    shown = f"`{char}`" if char.isprintable() else "without a shape"
    if not char.isascii():
        name = unicodedata.name(char, "")
        message = f"the character {shown} (U+{ord(char):04X}{' ' if name else ''}{name}) has no "
        message += "meaning here"
        if not mend and (char.isalpha() or unicodedata.combining(char)):
            mend = _ascii_name(name)
    message = message or f"the character {shown} has no meaning here"
    mend = mend or "names are ASCII letters, digits and `_`; the operators are `+ - * / ** @`"
    return CellSyntaxError(message, mend=mend, place=place, source=text)


def _ascii_name(unicode_name: str) -> str:
    words = unicode_name.lower().split()
    if words[:1] == ["greek"] and "letter" in words and words[-1].isascii():
        return f"write names in ASCII letters, such as `{words[words.index('letter') + 1]}`"
    return "write names in ASCII letters, digits and `_`, such as `h_tilde`"


def stray_close(text: str, token: Token, opened: Token | None) -> CellSyntaxError:
    """A closing bracket that nothing opens, or that closes the wrong one."""
    place = place_of(token)
    if opened is None:
        opening = {")": "(", "]": "["}[str(token)]
        message = f"`{token}` closes nothing: `{opening}` is missing"
        return CellSyntaxError(message, mend=f"delete the `{token}`", place=place, source=text)
    close = _CLOSES[str(opened)]
    return CellSyntaxError(
        f"`{close}` is missing before `{token}`",
        mend=f"the `{opened}` in column {opened.column} of line {opened.line} wants a `{close}`",
        place=place,
        source=text,
    )


def missing_close(text: str, opened: Token) -> CellSyntaxError:
    """A bracket that stays open."""
    close = _CLOSES[str(opened)]
    return CellSyntaxError(
        f"`{close}` is missing: this `{opened}` is never closed",
        mend=f"close it with `{close}` before the definition ends",
        place=place_of(opened),
        source=text,
    )


def bad_token(
    text: str, seen: Sequence[Token], opened: Sequence[int], token: Token, accepted: Set[str]
) -> CellSyntaxError:
    """A token where the grammar wants another.

    Args:
        text: the whole text.
        seen: the tokens before it, from the first line on.
        opened: the positions in ``seen`` of the brackets that are open.
        token: the refused one.
        accepted: names of the tokens that could stand there.
    """
    before = seen[-1] if seen and seen[-1].type != "_NEWLINE" else None
    after = text[(token.end_pos or 0) :].lstrip(" \t")[:1]
    if before is None or ("_EQUAL" in accepted and "PLUS" not in accepted):
        message, mend = _at_line_start(before, token, after)
    elif opened and _is_slice(seen, opened[-1]):
        message = _SLICE
        mend = "write a bound as above; for a product with a joined vector write `W @ [h, x]`"
    elif "NUMBER" in accepted:
        message, mend = _no_operand(before, token)
    elif (
        opened
        and (token.type == "_EQUAL" or token.line != before.line)
        and (token.line != seen[opened[-1]].line)
    ):
        return missing_close(text, seen[opened[-1]])
    else:
        joined = bool(opened) and seen[opened[-1]].type == "LSQB"
        message, mend = _no_operator(before, token, after, bool(opened), joined)
    blamed = before if before is not None and f"`{before}` is not part" in message else token
    return CellSyntaxError(message, mend=mend, place=place_of(blamed), source=text)


def place_of(token: Token) -> Place:
    """Where a token begins."""
    return Place(token.line or 1, token.column or 1)


def _is_slice(seen: Sequence[Token], bracket: int) -> bool:
    return seen[bracket].type == "LSQB" and bracket > 0 and seen[bracket - 1].type in _ENDS_OPERAND


def _at_line_start(before: Token | None, token: Token, after: str) -> tuple[str, str]:
    if before is None:
        if token.type == "_EQUAL":
            return f"{_LINE}: the name is missing", "write a name before the `=`"
        return f"{_LINE}; this one begins with {_shown(token)}", "begin it with the name it defines"
    if keyword.iskeyword(before):
        return f"{_LINE}; `{before}` is not part of the language", "write equations only"
    if token.type in _OPERATORS and after == "=":
        return (
            f"`{token}=` is not part of the language: each name is assigned once",
            f"write `{before}_next = {before} {token} …`, or another new name",
        )
    if token.type == "_COLON":
        return f"{_LINE}, without `:`", f"write `{before} = …`"
    if token.type == "_COMMA":
        return f"{_LINE}, with one name", "write one definition a line"
    if token.type in {"_LPAR", "LSQB", "TRANSPOSE"}:
        return f"{_LINE}; only a plain name can stand left of `=`", f"write `{before} = …`"
    return f"{_LINE}; the `=` is missing after `{before}`", f"write `{before} = …`"


def _no_operand(before: Token, token: Token) -> tuple[str, str]:
    pair = (before.type, token.type)
    if pair == ("_EQUAL", "_EQUAL"):
        return "`==` is not part of the language", "write one `=` to define a name"
    if pair == ("SLASH", "SLASH"):
        return "`//` is not part of the language", "write `/`"
    if token.type == "PLUS":
        return f"expected an expression after `{before}`, found `+`", "leave the sign `+` out"
    if token.type == "_RPAR" and before.type == "_LPAR":
        return "expected an expression inside `( )`", "write something inside, or delete them"
    if token.type == "_RSQB" and before.type == "LSQB":
        return "expected an expression inside `[ ]`", "write `[a, b]` to join two vectors"
    found = "" if token.type == "_NEWLINE" else f", found {_shown(token)}"
    mend = "write a name, a number, a function or a bracket there"
    if token.type == "_NEWLINE" and before.type in _OPERATORS:
        mend = "finish the line; one that goes on needs ( ) around it"
    return f"expected an expression after `{before}`{found}", mend


def _no_operator(
    before: Token, token: Token, after: str, inside: bool, joined: bool
) -> tuple[str, str]:
    word = next((t for t in (token, before) if keyword.iskeyword(t)), None)
    if word is not None:
        return (
            f"`{word}` is not part of the language",
            "a definition holds names, numbers, operators and functions; no statements",
        )
    if token.type == "_EQUAL":
        if after == "=":
            return "`==` is not part of the language", "a definition has one `=`"
        if inside:
            return "`=` cannot stand inside brackets", "give the argument alone"
        return "a second `=` on one line", "write one definition a line"
    if token.type == "_COLON":
        return "`:` stands only in a slice", _SLICE
    if token.type == "_COMMA":
        return "a comma stands only in `[a, b]` and between arguments", "write `[a, b]` to join"
    if token.type == "_RSQB" and joined:
        return "`[ ]` joins two or more vectors, this has one", "write `( )` to group"
    left, right = str(before), str(token)
    message = f"an operator is missing between `{left}` and `{right}`"
    if before.type == "NUMBER" and right.startswith("_"):
        return message, "write the digits of a number without `_`"
    if before.type == "NUMBER":
        return message, f"write `{left} * {right}{'…' if right == '(' else ''}`"
    left = f"…{left}" if before.type in {"_RPAR", "_RSQB", "TRANSPOSE"} else left
    right = f"{right}…" if right in "([" else right
    return message, f"write `{left} @ {right}` or `{left} * {right}`"


def _shown(token: Token) -> str:
    return "the end of the line" if token.type == "_NEWLINE" else f"`{token}`"
