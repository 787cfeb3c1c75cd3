"""Texts with formulas in them."""

import pytest

from gru_sym.documents import context
from gru_sym.latex.blocks import Code, Math, Ref, prose
from tests.latex_tools import UNICODE


def test_letters_and_places() -> None:
    assert prose("plain") == ("plain",)
    assert prose("") == ()
    assert prose("$t$") == (Math("t"),)
    assert prose(r"$\bar{z}_{t}$, then $t$.") == (Math(r"\bar{z}_{t}"), ", then ", Math("t"), ".")
    assert prose("of {}{}", Ref(1), Code("x")) == ("of ", Ref(1), Code("x"))
    assert prose("{} and $t$", ("a ", Math("b"))) == ("a ", Math("b"), " and ", Math("t"))


def test_what_is_put_in_is_left_as_it_is() -> None:
    """A name is no template: its `$` and `{}` are letters."""
    assert prose("{}!", "$5 {}") == ("$5 {}", "!")
    assert prose(UNICODE) == (UNICODE,)


@pytest.mark.parametrize(("text", "spans"), [("{}", ()), ("x", ("y",)), ("{} {}", ("y",))])
def test_as_many_spans_as_places(text: str, spans: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="zip"):
        prose(text, *spans)


def test_there_is_one() -> None:
    assert context.prose is prose
