r"""Any text for LaTeX."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.latex.escape import code_of, columns, escaped, typewriter
from tests.latex_tools import HOSTILE, UNICODE


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        (r"\write18{x}", r"\textbackslash{}write18\{x\}"),
        ("50 % & #1 _a_ $x$", r"50 \% \& \#1 \_a\_ \$x\$"),
        ("^^M ~", r"\textasciicircum{}\textasciicircum{}M \textasciitilde{}"),
        ("é ż Å", "é ż Å"),
        ("σ ≤ ᵀ", r"\ensuremath{\sigma} \ensuremath{\leq} \textsuperscript{\textsf{T}}"),
        ("x² h₁", r"x\textsuperscript{2} h\textsubscript{1}"),
        ("h̃ ḍ 𝐖", r"\~{h} \d{d} W"),
        ("中\u202e\x1b", "[U+4E2D][U+202E][U+001B]"),
        ("a -- b '' ,,", r"a -{}- b '{}' ,{},"),
        ("a\n\tb\u00a0c", "a b~c"),
    ],
)
def test_escaped(text: str, latex: str) -> None:
    assert escaped(text) == latex


def test_long_words_may_break() -> None:
    assert escaped("a" * 24) == "a" * 24
    assert escaped("a" * 40).split(r"\hspace{0pt plus 0.3em}") == ["a" * 8] * 5
    assert escaped("中" * 4).count("hspace") == 3
    assert code_of("W_hidden.weight") == r"W\_hidden.\allowbreak{}weight"
    assert code_of("a" * 24) == "a" * 24
    assert max(map(len, code_of("a" * 99).split(r"\hspace{0pt plus 0.3em}"))) <= 8


def test_typewriter() -> None:
    assert typewriter(" ") == r"\ "
    assert typewriter("'") == r"\textquotesingle{}"
    assert typewriter("-") == "-{}"
    assert [columns(c) for c in "aé\\%"] == [1] * 4
    assert columns("σ") == 1.9
    assert columns("中") == len("[U+4E2D]")


@given(st.text() | st.sampled_from([HOSTILE, UNICODE]))
def test_nothing_is_left_that_tex_obeys(text: str) -> None:
    for shown in (escaped(text), code_of(text)):
        bare = re.sub(r"\\([a-zA-Z]+|.)|\[U\+[0-9A-F]+\]", "", shown)
        assert not set(bare) & set("\\$&#%_^")
        depth = 0
        for brace in re.findall(r"(?<!\\)[{}]", shown):
            depth += 1 if brace == "{" else -1
            assert depth >= 0
        assert depth == 0
        assert all(c.isascii() or c.isalpha() or c in "¡¿«»–—‘’‚“”„‹›" for c in shown)
