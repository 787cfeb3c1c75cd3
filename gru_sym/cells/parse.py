"""The parser of the language of cells: text in, syntax tree out, nothing executed.

The grammar is ``grammar.lark``, read once into an LALR(1) parser that builds the tree from the
bottom up, so that no depth of a text meets Python's recursion limit.

>>> document = parse("h_next = tanh(W_h @ x + U_h @ h + b_h)")
>>> document.definitions[0].name
'h_next'
"""

import re
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from gru_sym.algebra.tree import (
    Binary,
    Call,
    Concat,
    Definition,
    Document,
    Name,
    Neg,
    Node,
    Number,
    Slice,
    Transpose,
)
from gru_sym.cells import explain
from gru_sym.cells.explain import place_of
from gru_sym.cells.header import read_header
from gru_sym.cells.naming import FUNCTIONS, check_document
from gru_sym.errors import CellSyntaxError, LimitError, Place

__all__ = [
    "FUNCTIONS",
    "MAX_CHARACTERS",
    "MAX_DEFINITIONS",
    "MAX_EXPONENT",
    "MAX_NAME",
    "MAX_NESTING",
    "MAX_NUMBER",
    "MAX_OPERATORS",
    "parse",
]

MAX_CHARACTERS = 100_000
MAX_NESTING = 64
MAX_DEFINITIONS = 1_000
MAX_OPERATORS = 200
"""Operators in one definition, so that a chain of them has a bounded depth."""
MAX_NUMBER = 60
"""Characters of a number."""
MAX_EXPONENT = 300
"""The decimal exponent of a number, as in 1e300 and 1e-300."""
MAX_NAME = 64
"""Characters of a name."""

# Control characters, the line and paragraph separators (an editor would count lines otherwise
# than we do) and lone surrogates (they cannot be printed).
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_OPERATORS = frozenset({"PLUS", "MINUS", "STAR", "SLASH", "AT", "POWER", "TRANSPOSE", "LSQB"})
_OPENING = frozenset({"_LPAR", "LSQB"})
_CLOSING = {"_RPAR": "_LPAR", "_RSQB": "LSQB"}


def parse(text: str | bytes, *, derivation: bool = False) -> Document:
    """Read the definitions and the header of a text.

    Args:
        text: the text, or its bytes in UTF-8.
        derivation: read a hand derivation or a map of names instead of a cell: names may end in
            ``_bar`` and ``_dot``, ``outer`` and slices are allowed, and names may be used in any
            order.

    Raises:
        CellSyntaxError: the text does not follow the grammar.
        NamingError: a name is reserved, unknown as a function, assigned twice, used before it is
            defined, or defined through itself.
        StructureError: a cell uses a form that belongs to derivations.
        LimitError: the text is larger or deeper than what is accepted.
    """
    source = _decode(text)
    definitions = _read(source)
    if not definitions:
        raise CellSyntaxError(
            "there are no equations in this text",
            mend="write at least one line `name = expression`",
            place=Place(1, 1),
            source=source,
        )
    header = read_header(source, derivation=derivation)
    document = Document(definitions, header, source)
    check_document(document, derivation=derivation)
    return document


def _decode(given: str | bytes) -> str:
    """Check size and characters, and leave the newline as the only end of a line."""
    if isinstance(given, str):
        text = given
    else:
        if len(given) > 4 * MAX_CHARACTERS:  # a character has at most four bytes
            raise _too_long()
        try:
            text = given.decode("utf-8")
        except UnicodeDecodeError as error:
            good = given[: error.start].decode("utf-8")
            raise CellSyntaxError(
                f"the byte 0x{given[error.start]:02x} is not UTF-8",
                mend="save the text as UTF-8",
                place=Place(good.count("\n") + 1, len(good) - good.rfind("\n")),
                source=good,
            ) from None
    if len(text) > MAX_CHARACTERS:
        raise _too_long()
    source = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    bad = _FORBIDDEN.search(source)
    if bad:
        position = bad.start()
        what = "a NUL byte" if bad[0] == "\0" else f"a control character (U+{ord(bad[0]):04X})"
        raise CellSyntaxError(
            f"{what} cannot stand in a text",
            mend="delete it; perhaps the file is not a text file",
            place=Place(
                source.count("\n", 0, position) + 1, position - source.rfind("\n", 0, position)
            ),
            source=source,
        )
    return source


def _too_long() -> LimitError:
    return LimitError(
        f"the text is longer than {MAX_CHARACTERS:,} characters",
        mend="a cell is a few lines of equations: split the text, or check that it is one",
    )


def _read(source: str) -> tuple[Definition, ...]:
    """Feed the tokens to the parser one by one, under the limits."""
    parser = _parser().parse_interactive(f"{source}\n")
    lexer: Any = parser.lexer_thread  # lark gives its `lex` no types
    seen: list[Token] = []
    opened: list[int] = []
    counts = {"definitions": 0, "operators": 0}
    try:
        for token in lexer.lex(parser.parser_state):
            if token.type == "_NEWLINE" and opened:
                continue
            _check_limits(token, source, len(opened), counts)
            if token.type in _CLOSING:
                last = seen[opened[-1]] if opened else None
                if last is None or last.type != _CLOSING[token.type]:
                    raise explain.stray_close(source, token, last)
            try:
                parser.feed_token(token)
            except UnexpectedToken as error:
                raise explain.bad_token(source, seen, opened, token, error.expected) from None
            if token.type in _OPENING:
                opened.append(len(seen))
            elif token.type in _CLOSING:
                opened.pop()
            seen.append(token)
    except UnexpectedCharacters as error:
        place = Place(error.line, error.column)
        raise explain.bad_character(source, error.pos_in_stream or 0, place) from None
    if opened:
        raise explain.missing_close(source, seen[opened[-1]])
    definitions: tuple[Definition, ...] = parser.feed_token(Token("$END", ""))
    return definitions


def _check_limits(token: Token, source: str, depth: int, counts: dict[str, int]) -> None:
    def refuse(message: str, mend: str) -> LimitError:
        return LimitError(message, mend=mend, place=place_of(token), source=source)

    kind = token.type
    if kind == "_EQUAL":
        counts["definitions"] += 1
        if counts["definitions"] > MAX_DEFINITIONS:
            raise refuse(
                f"more than {MAX_DEFINITIONS:,} definitions", "split the text into several"
            )
    elif kind == "_NEWLINE":
        counts["operators"] = 0
    elif kind == "NAME" and len(token) > MAX_NAME:
        raise refuse(
            f"`{token[:12]}…` has {len(token)} characters; a name has up to {MAX_NAME}",
            "choose a shorter name",
        )
    elif kind == "NUMBER":
        if len(token) > MAX_NUMBER:
            raise refuse(
                f"a number of {len(token)} characters; the limit is {MAX_NUMBER}",
                "write it shorter, as in 1e-30, or make it a parameter",
            )
        if abs(_exponent(token)) > MAX_EXPONENT:
            raise refuse(
                f"`{token}` is out of range: numbers lie between 1e-{MAX_EXPONENT} and "
                f"1e{MAX_EXPONENT}",
                "scale it into the range",
            )
    if kind in _OPENING and depth >= MAX_NESTING:
        raise refuse(
            f"brackets are nested deeper than {MAX_NESTING}",
            "give the inner part a name on a line of its own",
        )
    if kind in _OPERATORS:
        counts["operators"] += 1
        if counts["operators"] > MAX_OPERATORS:
            raise refuse(
                f"more than {MAX_OPERATORS:,} operators in one definition",
                "give parts of it names on lines of their own",
            )


def _exponent(number: str) -> int:
    """The exponent of a number's first digit that is not zero; 0 for zero."""
    mantissa, _, exponent = number.lower().partition("e")
    whole, _, decimals = mantissa.partition(".")
    digits = (whole + decimals).lstrip("0")
    return int(exponent or 0) + len(digits) - len(decimals) - 1 if digits else 0


@v_args(inline=True)
class _Builder(Transformer[Token, tuple[Definition, ...]]):
    """Makes each node as soon as the parser has its parts."""

    def document(self, *definitions: Definition) -> tuple[Definition, ...]:
        return definitions

    def definition(self, name: Token, value: Node) -> Definition:
        return Definition(str(name), value, place_of(name))

    def binary(self, left: Node, operator: Token, right: Node) -> Node:
        return Binary(str(operator), left, right, place_of(operator))

    def negation(self, minus: Token, arg: Node) -> Node:
        return Neg(arg, place_of(minus))

    def transpose(self, arg: Node, dot: Token) -> Node:
        return Transpose(arg, place_of(dot))

    def slice_from(
        self, arg: Node, bracket: Token, start: tuple[str, ...], stop: tuple[str, ...] | None
    ) -> Node:
        return Slice(arg, start, stop, place_of(bracket))

    def slice_to(self, arg: Node, bracket: Token, stop: tuple[str, ...]) -> Node:
        return Slice(arg, None, stop, place_of(bracket))

    def columns_from(
        self, arg: Node, bracket: Token, start: tuple[str, ...], stop: tuple[str, ...] | None
    ) -> Node:
        return Slice(arg, start, stop, place_of(bracket), columns=True)

    def columns_to(self, arg: Node, bracket: Token, stop: tuple[str, ...]) -> Node:
        return Slice(arg, None, stop, place_of(bracket), columns=True)

    def bound(self, *names: Token) -> tuple[str, ...]:
        return tuple(str(n) for n in names if n.type == "NAME")

    def name(self, name: Token) -> Node:
        return Name(str(name), place_of(name))

    def number(self, number: Token) -> Node:
        # 0e99999999 is zero, but Fraction would first raise 10 to that power.
        zero = not number.lower().partition("e")[0].strip("0.")
        return Number(Fraction(0) if zero else Fraction(str(number)), place_of(number))

    def call(self, func: Token, args: tuple[Node, ...] | None) -> Node:
        return Call(str(func), args or (), place_of(func))

    def arguments(self, *args: Node) -> tuple[Node, ...]:
        return args

    def concat(self, bracket: Token, item: Node, items: tuple[Node, ...]) -> Node:
        return Concat((item, *items), place_of(bracket))


@cache
def _parser() -> Lark:
    grammar = files("gru_sym.cells").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        start="document",
        parser="lalr",
        lexer="basic",
        transformer=_Builder(),
        cache=False,
    )
