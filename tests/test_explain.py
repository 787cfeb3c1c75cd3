"""Every way to miss the grammar: the place, the words and the mend."""

import time

import pytest

from gru_sym.cells.parse import parse
from gru_sym.errors import CellSyntaxError

LINE = "a line must be `name = expression`"
SLICE = "a slice is `v[:H]`"

# name: (text, line, column, words of the message, words of the mend)
BAD = {
    "missing operator": ("z = W_z x", 1, 9, "between `W_z` and `x`", "`W_z @ x` or `W_z * x`"),
    "operator after bracket": ("z = (x) (y)", 1, 9, "operator is missing", "@"),
    "operator after transpose": ("z = W.T x", 1, 9, "between `.T` and `x`", "@"),
    "number before name": ("z = 2x", 1, 6, "between `2` and `x`", "`2 * x`"),
    "number before bracket": ("z = 2(x)", 1, 6, "between `2` and `(`", "`2 * (…`"),
    "underscore in number": ("z = 1_000", 1, 6, "between `1` and `_000`", "without `_`"),
    "two points": ("z = 1.2.3", 1, 8, "between `1.2` and `.3`", "*"),
    "inside brackets": ("z = (x y\n", 1, 8, "between `x` and `y`", "*"),
    "nothing after =": ("z = ", 1, 5, "an expression after `=`", "a name, a number"),
    "nothing after +": ("z = a +\nr = b", 1, 8, "an expression after `+`", "( ) around"),
    "comment after +": ("z = a + # more\n", 1, 15, "an expression after `+`", "finish the line"),
    "two operators": ("z = a * * b", 1, 9, "after `*`, found `*`", "a name"),
    "unary plus": ("z = +x", 1, 5, "found `+`", "leave the sign"),
    "empty brackets": ("z = ()", 1, 6, "inside `( )`", "delete"),
    "empty join": ("z = []", 1, 6, "inside `[ ]`", "`[a, b]`"),
    "join of one": ("z = [a]", 1, 7, "two or more", "`( )`"),
    "comma at the end": ("z = [a, b,]", 1, 11, "after `,`, found `]`", "a name"),
    "tuple": ("z = (a, b)", 1, 7, "a comma stands only", "`[a, b]`"),
    "comma without brackets": ("z = a, b", 1, 6, "a comma stands only", "`[a, b]`"),
    "( not closed": ("z = (W @ x\nr = tanh(x)\n", 1, 5, "`)` is missing", "close it with `)`"),
    "( not closed at the end": ("z = f((a + b)\n", 1, 6, "`)` is missing", "close it"),
    "( not closed after +": ("z = (a +\nr = b", 1, 5, "`)` is missing", "close it"),
    "[ not closed": ("z = [a, b", 1, 5, "`]` is missing", "close it with `]`"),
    "( closed by ]": ("z = (a]", 1, 7, "`)` is missing before `]`", "column 5 of line 1"),
    "stray )": ("z = a\n)", 2, 1, "`)` closes nothing", "delete"),
    "stray ]": ("z = a]", 1, 6, "`]` closes nothing", "delete"),
    "power by ^": ("z = x ^ 2", 1, 7, "`^` is not an operator", "`**`"),
    "==": ("z == x", 1, 4, "`==` is not part", "one `=`"),
    "comparison by ==": ("z = x == y", 1, 7, "`==` is not part", "one `=`"),
    "+=": ("z += x", 1, 3, "`+=` is not part", "`z_next = z + …`"),
    "**=": ("z **= x", 1, 3, "`**=` is not part", "`z_next = z ** …`"),
    ":=": ("z := x", 1, 3, LINE, "`z = …`"),
    "//": ("z = a // b", 1, 8, "`//` is not part", "`/`"),
    "<": ("z = a < b", 1, 7, "comparisons", "`step(a - b)`"),
    "%": ("z = a % b", 1, 7, "`%` is not an operator", "`+ - * / ** @`"),
    "$": ("z = a $ b", 1, 7, "character `$`", "ASCII"),
    "second =": ("a = b = c", 1, 7, "a second `=`", "one definition a line"),
    "keyword argument": ("z = tanh(x=1)", 1, 11, "`=` cannot stand inside", "alone"),
    "attribute": ("z = x.foo", 1, 6, "`.foo` is not part", "`.T`"),
    "small t": ("z = x.t", 1, 6, "`.t` is not part", "`.T`"),
    "T and more": ("z = x.T1", 1, 6, "`.T1` is not part", "`.T`"),
    "dunder attribute": ("z = x.__class__", 1, 6, "`.__class__` is not part", "`.T`"),
    "stray point": ("z = x.", 1, 6, "a stray `.`", "`.T`"),
    "quotes": ("z = 'a'", 1, 5, "text in quotes", "without quotes"),
    "double quotes": ('z = "a"', 1, 5, "text in quotes", "without quotes"),
    "import": ("z = __import__('os')", 1, 16, "text in quotes", "without quotes"),
    "import statement": ("import os", 1, 1, "`import` is not part", "equations"),
    "if statement": ("if x = y", 1, 1, "`if` is not part", "equations"),
    "conditional": ("z = a if b else c", 1, 7, "`if` is not part", "no statements"),
    "not": ("z = not x", 1, 5, "`not` is not part", "no statements"),
    "semicolon": ("z = a; b = c", 1, 6, "`;` does not separate", "one definition a line"),
    "curly brackets": ("z = {x}", 1, 5, "curly brackets", "`( )`"),
    "backslash": ("z = x \\\n + y", 1, 7, "`\\` is not part", "inside ( ) and [ ]"),
    "colon": ("z = a : b", 1, 7, "`:` stands only in a slice", SLICE),
    "slice by numbers": ("z = v[0:2]", 1, 7, SLICE, "a bound"),
    "an index": ("z = v[H]", 1, 8, SLICE, "a bound"),
    "slice without bounds": ("z = v[:]", 1, 8, SLICE, "a bound"),
    "slice by products": ("z = v[a*b:]", 1, 8, SLICE, "a bound"),
    "slice not closed": ("z = v[H:", 1, 6, "`]` is missing", "close it"),
    "W [h, x]": ("z = W [h, x]", 1, 9, SLICE, "`W @ [h, x]`"),
    "no =": ("z = a\nx", 2, 2, f"{LINE}; the `=` is missing after `x`", "`x = …`"),
    "two names": ("a b = c", 1, 3, "the `=` is missing after `a`", "`a = …`"),
    "expression alone": ("W @ x", 1, 3, LINE, "`W = …`"),
    "no name": ("= x", 1, 1, f"{LINE}: the name is missing", "a name before"),
    "number defined": ("1 = x", 1, 1, f"{LINE}; this one begins with `1`", "the name it defines"),
    "call defined": ("f(x) = c", 1, 2, "only a plain name", "`f = …`"),
    "transpose defined": ("W.T = c", 1, 2, "only a plain name", "`W = …`"),
    "two names defined": ("a, b = c", 1, 2, "one name", "one definition a line"),
    "colon for =": ("z : x", 1, 3, LINE, "`z = …`"),
    "sigma": ("z = σ(x)", 1, 5, "GREEK SMALL LETTER SIGMA", "`sigmoid`"),
    "alpha": ("α = x", 1, 1, "U+03B1", "`alpha`"),
    "accent": ("z = é", 1, 5, "U+00E9", "ASCII"),
    "combining tilde": ("z = h\u0303", 1, 6, "COMBINING TILDE", "`h_tilde`"),
    "minus sign": ("z = a − b", 1, 7, "MINUS SIGN", "write `-`"),
    "times sign": ("z = a × b", 1, 7, "MULTIPLICATION SIGN", "write `*`"),
    "hadamard": ("z = a ⊙ b", 1, 7, "CIRCLED DOT", "write `*`"),
    "squared": ("z = x²", 1, 6, "SUPERSCRIPT TWO", "`**2`"),
    "hard space": ("z = x\xa0+ y", 1, 6, "U+00A0", "plain space"),
    "digit of another script": ("z = ٣", 1, 5, "ARABIC-INDIC DIGIT THREE", "ASCII"),
}


@pytest.mark.parametrize(("text", "line", "column", "says", "mend"), BAD.values(), ids=BAD)
def test_says_what_is_wrong(text: str, line: int, column: int, says: str, mend: str) -> None:
    start = time.perf_counter()
    with pytest.raises(CellSyntaxError) as caught:
        parse(text)
    assert time.perf_counter() - start < 1
    error = caught.value
    assert (error.line, error.column) == (line, column)
    assert says in error.message
    assert mend in error.mend


@pytest.mark.parametrize("text", [bad[0] for bad in BAD.values()], ids=BAD)
def test_speaks_no_token_names(text: str) -> None:
    with pytest.raises(CellSyntaxError) as caught:
        parse(text, derivation=True)
    shown = str(caught.value)
    for word in ("LPAR", "RPAR", "LSQB", "_NEWLINE", "_EQUAL", "NUMBER", "Token", "$END", "POWER"):
        assert word not in shown
    assert caught.value.__cause__ is None


def test_caret_stands_under_the_place() -> None:
    with pytest.raises(CellSyntaxError) as caught:
        parse("r = tanh(x)\nz = W_z x\n")
    assert str(caught.value).splitlines() == [
        "line 2, column 9: an operator is missing between `W_z` and `x`",
        "    z = W_z x",
        "            ^",
        "  mend: write `W_z @ x` or `W_z * x`",
    ]


def test_caret_counts_tabs_and_other_scripts_as_one_column() -> None:
    with pytest.raises(CellSyntaxError) as caught:
        parse("# Józefowicz\nz\t= x ^ 2  # né\n")
    lines = str(caught.value).splitlines()
    assert lines[1][lines[2].index("^")] == "^"
