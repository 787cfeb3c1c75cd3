"""Axes: lists, ranges and distributions; what each draws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.errors import StudyError
from gru_sym.sweep.axes import AXES, Distribution, Source, number, shown
from gru_sym.sweep.places import places

BELOW_ONE = st.floats(0, 1, exclude_max=True)


def read(name: str, text: str, *, drawn: bool = False) -> object:
    import tomllib

    whole = f"[axes]\n{name} = {text}\n"
    source = Source(whole, places(whole))
    return source.axis(AXES[name], tomllib.loads(whole)["axes"][name], drawn=drawn)


def test_lists_and_ranges() -> None:
    assert read("size", "[8, 4]") == (8, 4)
    assert read("gain", "[1, 0.5]") == (1.0, 0.5)
    assert [type(value) for value in read("gain", "[1, 0.5]")] == [float, float]  # type: ignore[attr-defined]
    assert math.copysign(1, read("bias", "[-0.0]")[0]) == 1  # type: ignore[index]
    assert read("seed", "{ from = 3, count = 2 }") == (3, 4)
    assert read("cell", '["gru", "a b.cell"]') == ("gru", "a b.cell")


def test_distributions() -> None:
    assert read("gain", "{ uniform = [1, 2] }", drawn=True) == Distribution(
        "uniform", 1.0, 2.0, False
    )
    assert read("size", "{ log_uniform = [4, 64] }", drawn=True) == Distribution(
        "log_uniform", 4, 64, True
    )


@given(BELOW_ONE, st.booleans(), st.sampled_from(["uniform", "log_uniform"]))
def test_what_is_drawn_lies_between_the_ends(u: float, whole: bool, kind: str) -> None:
    value = Distribution(kind, 3, 11, whole).at(u)
    assert isinstance(value, int) == whole
    assert 3 <= float(value) <= 11


def test_whole_numbers_are_drawn_alike() -> None:
    draws = np.linspace(0, 1, 9_000, endpoint=False)
    uniform = [Distribution("uniform", 1, 3, True).at(u) for u in draws]
    assert np.unique(uniform, return_counts=True)[1].tolist() == [3000, 3000, 3000]
    logs = [Distribution("log_uniform", 1, 7, True).at(u) for u in draws]
    counts = np.unique(logs, return_counts=True)[1]
    assert counts == pytest.approx(9000 * np.log(1 + 1 / np.arange(1, 8)) / np.log(8), abs=2)
    largest = 2**63 - 1
    assert Distribution("uniform", 0, largest, True).at(1 - 2**-53) <= largest  # type: ignore[operator]
    assert Distribution("log_uniform", 1, largest, True).at(1 - 2**-53) <= largest  # type: ignore[operator]


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        ("size", "32", 2, "size is 32, and an axis is a list of values"),
        ("size", "[]", 2, "the axis size is empty"),
        ("cell", "[]", 2, "the axis cell is empty"),
        ("size", "[4,\n8,\n4]", 4, "size has 4 twice"),
        ("gain", "[1, 1.0]", 2, "gain has 1.0 twice"),
        ("size", "[4,\n8.0]", 3, "axes.size is 8.0, and has to be a whole number"),
        ("size", "[true]", 2, "axes.size is true, and has to be a whole number"),
        ("size", '["4"]', 2, 'axes.size is "4", and has to be a whole number'),
        ("size", "[0]", 2, "axes.size is 0, beyond what it can be"),
        ("size", "[5000]", 2, "axes.size is 5000, beyond what it can be"),
        ("T", "[10000001]", 2, "axes.T is 10000001, beyond what it can be"),
        ("T", "[1" + "0" * 400 + "]", 2, "axes.T is a number of 401 digits, beyond"),
        ("gain", "[1.0,\nnan]", 3, "axes.gain is nan, beyond what it can be"),
        ("gain", "[inf]", 2, "axes.gain is inf, beyond what it can be"),
        ("gain", "[-1]", 2, "axes.gain is -1, beyond what it can be"),
        ("seed", "[-1]", 2, "axes.seed is -1, beyond what it can be"),
        ("gain", "[[1]]", 2, "axes.gain is a list, and has to be a number"),
        ("T", "[1979-05-27]", 2, "axes.T is 1979-05-27, and has to be a whole number"),
        ("cell", "[1]", 2, "cell has to be a list of names"),
        ("cell", '[" "]', 2, "cell has to be a list of names"),
        ("cell", "{ uniform = [1, 2] }", 2, "cell has to be a list of names"),
        ("gain", "{ from = 0, count = 2 }", 2, "gain has to be a range with both"),
        ("seed", "{ from = 0 }", 2, "seed has to be a range with both"),
        ("seed", "{ from = 0, count = 0 }", 2, "axes.seed.count is 0, beyond"),
        ("seed", "{ from = 0, count = 1000001 }", 2, "axes.seed.count is 1000001, beyond"),
        ("seed", "{ from = 9223372036854775807, count = 2 }", 2, "axes.seed is 92233720368547"),
        ("seed", "{ from = 0, count = 2, by = 2 }", 2, "there is no key `by` in axes.seed"),
        ("gain", "{ uniform = [1, 2] }", 2, "gain is a distribution, and a grid goes over lists"),
        ("gain", "{ unifrom = [1, 2] }", 2, "there is no key `unifrom` in axes.gain"),
        ("gain", "{}", 2, "gain has to be one distribution"),
    ],
)
def test_bad_axes(name: str, text: str, line: int, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        read(name, text)
    assert caught.value.message.startswith(message)
    assert caught.value.line == line
    assert caught.value.mend
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ uniform = [2, 1] }", "gain has to be two numbers, the lower first"),
        ("{ uniform = [1, 1] }", "gain has to be two numbers, the lower first"),
        ("{ uniform = [1] }", "gain has to be two numbers"),
        ("{ uniform = 1 }", "gain has to be two numbers"),
        ("{ uniform = [0, inf] }", "axes.gain.uniform is inf, beyond what it can be"),
        ("{ log_uniform = [0, 1] }", "gain has to be two numbers above 0"),
        ("{ uniform = [1, 2], log_uniform = [1, 2] }", "gain has to be one distribution"),
    ],
)
def test_bad_distributions(text: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        read("gain", text, drawn=True)
    assert caught.value.message == message
    assert (caught.value.line, bool(caught.value.mend)) == (2, True)


def test_an_error_at_what_is_not_in_the_text() -> None:
    source = Source("[axes]\n", places("[axes]\n"))
    assert source.error(("axes", "size", 3), "wrong").line == 1
    assert source.error(("inputs",), "wrong").line == 1
    with pytest.raises(StudyError, match="seed is None, and has to be a whole number") as caught:
        number(source, None, ("seed",), whole=True, low=0, high=4)
    assert caught.value.mend == "give a whole number from 0 to 4"


def test_shown_is_short() -> None:
    assert shown("a" * 100) == f'"{"a" * 60}"'
    assert shown({"a": 1}) == "a table"


def test_the_table_says_all_of_each() -> None:
    assert list(AXES) == [
        "cell", "size", "T", "initialisation", "gain", "bias", "task", "paths", "seed",
        "measurement",
    ]  # fmt: skip
    for name, axis in AXES.items():
        assert axis.name == name
        assert axis.about
        assert bool(axis.units) == (axis.kind != "name")
