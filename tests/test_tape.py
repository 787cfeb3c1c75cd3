"""The tape: each rule against mpmath's own derivative, in 50 digits and in balls."""

from collections.abc import Callable
from fractions import Fraction
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest

from gru_sym.verification.tape import (
    Balls,
    Entry,
    Floats,
    OutsideError,
    Tape,
    UndecidedError,
    library_of,
    mapped,
)

DIGITS = 50
EXACT = mpmath.mpf(10) ** -45
POINTS = tuple(map(Fraction, ("-40", "-5/2", "-1/3", "3/7", "1", "7/3", "40")))

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b,
    "-a - b": lambda a, b: -a - b,
    "a * a - b / a": lambda a, b: a * a - b / a,
}
HALF = Fraction(1, 2)
FIELD: dict[str, Callable[[Any, Any], Any]] = {
    "exp": lambda f, a: f.exp(a),
    "log": lambda f, a: f.log(a),
    "sin": lambda f, a: f.sin(a),
    "cos": lambda f, a: f.cos(a),
    "root": lambda f, a: f.power(a, HALF),
    "power -3/2": lambda f, a: f.power(a, Fraction(-3, 2)),
    "power 3": lambda f, a: f.power(a, Fraction(3)),
    "power -1": lambda f, a: f.power(a, Fraction(-1)),
    "power 1": lambda f, a: f.power(a, Fraction(1)),
    "power 0": lambda f, a: f.power(a, Fraction(0)),
    "dot": lambda f, a: f.dot([a, f.number(HALF), a], [a * a, a, f.number(HALF)]),
}
POSITIVE = {"log", "root", "power -3/2", "sqrt"}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "tanh": mpmath.tanh,
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sqrt": mpmath.sqrt,
    "softplus": lambda a: mpmath.log(1 + mpmath.exp(a)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "relu": lambda a: a if a > 0 else 0 * a,
    "step": lambda a: mpmath.mpf(a > 0),
    "abs": abs,
    "hard_sigmoid": lambda a: min(max(a / 6 + mpmath.mpf(1) / 2, 0 * a), 1 + 0 * a),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


@pytest.fixture(autouse=True)
def digits() -> Any:
    """What is compared with has more digits than the tape's 50."""
    with mpmath.workdps(2 * DIGITS):
        yield


@pytest.fixture
def tape() -> Tape:
    return Tape(Floats(DIGITS))


def leaf(tape: Tape, value: Fraction) -> Entry:
    return tape.note(tape.number(value))


def number(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


def slope(tape: Tape, result: Any, of: Entry) -> Any:
    bar = tape.gradients([(result, tape.one)])[of.index]
    return mpmath.mpf(0) if bar is None else mpmath.mpf(bar)


def close(found: Any, right: Any) -> bool:
    """To 45 digits; what is 0 is 0."""
    found, right = mpmath.mpf(found), mpmath.mpf(right)
    if not right:
        return not found
    return bool(abs(found - right) <= EXACT * abs(right))


# -- wrong rules -----------------------------------------------------------------------------------


def test_a_wrong_rule_is_seen(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Tape, a: Entry) -> Entry:
        value = self.field.exp(a.value)
        return self.note(value, ((a.index, value * (1 + self.number(Fraction(1, 10**20)))),))

    a = leaf(tape, Fraction(3, 7))
    assert close(slope(tape, tape.exp(a), a), mpmath.exp(number(Fraction(3, 7))))
    monkeypatch.setattr(Tape, "exp", wrong)
    assert not close(slope(tape, tape.exp(a), a), mpmath.exp(number(Fraction(3, 7))))


def test_a_forgotten_path_is_seen(tape: Tape) -> None:
    """a·a has two links to a: one of them alone gives half the slope."""
    a = leaf(tape, Fraction(3))
    square = a * a
    assert slope(tape, square, a) == 6
    tape.links[square.index] = tape.links[square.index][:1]
    assert slope(tape, square, a) == 3


# -- operations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", ["both", "first", "second"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name: str, moved: str, tape: Tape) -> None:
    """Between entries, and between an entry and a number on either side."""
    operation = OPERATIONS[name]
    for x, y in ((POINTS[1], POINTS[3]), (POINTS[5], POINTS[2])):
        a: Any = leaf(tape, x) if moved != "second" else tape.number(x)
        b: Any = leaf(tape, y) if moved != "first" else tape.number(y)
        result = operation(a, b)
        assert isinstance(result, Entry)
        assert close(result.value, operation(number(x), number(y)))
        if moved != "second":
            right = mpmath.diff(lambda t, y=y: operation(t, number(y)), number(x))
            assert close(slope(tape, result, a), right)
        if moved != "first":
            right = mpmath.diff(lambda t, x=x: operation(number(x), t), number(y))
            assert close(slope(tape, result, b), right)


@pytest.mark.parametrize("name", list(OPERATIONS)[:4])
@pytest.mark.parametrize("plain", [2, -3])
def test_operations_with_whole_numbers(name: str, plain: int, tape: Tape) -> None:
    a = leaf(tape, POINTS[3])
    at = number(POINTS[3])
    for operation in (OPERATIONS[name], lambda x, y: OPERATIONS[name](y, x)):
        result = operation(a, plain)
        assert close(result.value, operation(at, plain))
        right = mpmath.diff(lambda t, f=operation: f(t, plain), at)
        assert close(slope(tape, result, a), right)


@pytest.mark.parametrize("name", list(OPERATIONS)[:4])
@pytest.mark.parametrize("kind", ["entries", "numbers", "one entry"])
def test_beside_an_array_the_array_has_the_say(name: str, kind: str, tape: Tape) -> None:
    one = leaf(tape, Fraction(7, 3))
    values = [[Fraction(1, 3), Fraction(-2)], [Fraction(5), Fraction(1, 7)]]
    array: Any = np.array([[leaf(tape, v) for v in row] for row in values], object)
    if kind == "numbers":
        array = mapped(array, lambda entry: entry.value)
    if kind == "one entry":
        array = array[:1, :1]
    for operation in (OPERATIONS[name], lambda x, y: OPERATIONS[name](y, x)):
        found = operation(one, array)
        assert isinstance(found, np.ndarray)
        assert found.shape == array.shape
        for result, each in zip(found.flat, array.flat, strict=True):
            value = mpmath.mpf(each.value if isinstance(each, Entry) else each)
            right = mpmath.diff(lambda t, f=operation, v=value: f(t, v), number(Fraction(7, 3)))
            assert close(slope(tape, result, one), right)
            if isinstance(each, Entry):
                right = mpmath.diff(lambda t, f=operation: f(mpmath.mpf(one.value), t), value)
                assert close(slope(tape, result, each), right)


# -- functions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIELD)
def test_elementary_functions(name: str, tape: Tape) -> None:
    function, plain = FIELD[name], Floats(2 * DIGITS)
    for at in POINTS:
        if at > 0 or name not in POSITIVE:
            a = leaf(tape, at)
            result = function(tape, a)
            value = result.value if isinstance(result, Entry) else result
            assert close(value, function(plain, plain.number(at)))
            right = plain.context.diff(lambda t: function(plain, t), plain.number(at))
            if name == "power 0":
                right = 0
            assert close(slope(tape, result, a), right)


@every_function
def test_functions_of_the_language(name: str, tape: Tape) -> None:
    """Also at ±40, where what a gate lacks of 1 has 17 digits fewer than the 50."""
    function = library_of(tape).functions[name]
    for at in POINTS:
        if at > 0 or name not in POSITIVE:
            a = leaf(tape, at)
            result = function(a)
            value = result.value if isinstance(result, Entry) else result
            exact = FUNCTIONS[name](number(at))
            assert abs(value - exact) <= mpmath.mpf(10) ** -30 * abs(exact)
            right = mpmath.diff(FUNCTIONS[name], number(at))
            assert abs(slope(tape, result, a) - right) <= mpmath.mpf(10) ** -10 * abs(right)


@every_function
def test_functions_of_arrays(name: str, tape: Tape) -> None:
    library = library_of(tape)
    leaves = tape.leaves(np.array([[0.5, 1.5, 40.0]]))
    found = library.functions[name](leaves)
    assert found.shape == (1, 3)
    for result, entry in zip(found.flat, leaves.flat, strict=True):
        alone = library.functions[name](entry)
        assert slope(tape, result, entry) == slope(tape, alone, entry)


@pytest.mark.parametrize("kind", ["softmax", "logsumexp", "matvec", "power"])
def test_functions_of_vectors(kind: str, tape: Tape) -> None:
    library = library_of(tape)
    given = [Fraction(1, 3), Fraction(-2), Fraction(5, 2)]
    matrix = [[Fraction(1), Fraction(2), Fraction(0)], [HALF, Fraction(-1), Fraction(3)]]
    leaves = np.array([leaf(tape, v) for v in given], object)
    rows = np.array([[tape.number(e) for e in row] for row in matrix], object)

    def exps(v: list[Any]) -> list[Any]:
        return [mpmath.exp(a) for a in v]

    results: dict[str, tuple[Any, Callable[[list[Any]], list[Any]]]] = {
        "softmax": (library.softmax, lambda v: [e / sum(exps(v)) for e in exps(v)]),
        "logsumexp": (library.logsumexp, lambda v: [mpmath.log(sum(exps(v)))]),
        "matvec": (
            lambda v: library.matvec(rows, v),
            lambda v: [mpmath.fdot(map(number, row), v) for row in matrix],
        ),
        "power": (lambda v: library.power(v, Fraction(3)), lambda v: [a**3 for a in v]),
    }  # fmt: skip
    function, plain = results[kind]
    found = np.ravel(np.asarray(function(leaves), object))
    for k, result in enumerate(found):
        for j, entry in enumerate(leaves):

            def along(t: Any, j: int = j, k: int = k) -> Any:
                return plain([t if i == j else number(v) for i, v in enumerate(given)])[k]

            right = mpmath.diff(along, number(given[j]))
            assert abs(slope(tape, result, entry) - right) <= EXACT * max(1, abs(right))


def test_products_of_entries_on_both_sides(tape: Tape) -> None:
    a, b = leaf(tape, Fraction(2)), leaf(tape, Fraction(5))
    total = tape.dot([a, b, tape.one], [b, b, tape.one])
    assert total.value == 36
    assert slope(tape, total, a) == 5
    assert slope(tape, total, b) == 12


# -- what is noted ---------------------------------------------------------------------------------


def test_constants_need_no_entry(tape: Tape) -> None:
    library = library_of(tape)
    half = tape.number(HALF)
    for name in FUNCTIONS:
        library.functions[name](half)
    tape.dot([half], [half])
    tape.power(half, HALF)
    library.power(half, Fraction(0))
    assert tape.links == []
    assert tape.gradients([(half, tape.one)]) == []


def test_what_does_not_matter_has_no_gradient(tape: Tape) -> None:
    a, b = leaf(tape, Fraction(2)), leaf(tape, Fraction(3))
    assert tape.gradients([(a * 2, tape.one)])[b.index] is None
    assert tape.gradients([]) == [None] * 3


def test_weights_and_entries_given_twice_add_up(tape: Tape) -> None:
    a = leaf(tape, Fraction(2))
    square = a * a
    bars = tape.gradients([(square, tape.number(Fraction(3))), (square, tape.one), (a, tape.one)])
    assert bars[a.index] == 17


def test_leaves_are_exactly_the_floats(tape: Tape) -> None:
    (entry,) = tape.leaves(np.array([0.1]))
    assert entry.value == mpmath.mpf(0.1)
    assert entry.value != mpmath.mpf(1) / 10


def test_a_long_chain_needs_no_recursion(tape: Tape) -> None:
    a = leaf(tape, Fraction(1))
    result: Any = a
    for _ in range(50_000):
        result = (result + a) * 1
    assert len(tape.links) == 100_001
    assert slope(tape, result, a) == 50_001


def test_mapped() -> None:
    array = np.arange(6).reshape(2, 3)
    assert mapped(array, lambda a: [a]).shape == (2, 3)
    assert mapped(array, str).tolist() == [["0", "1", "2"], ["3", "4", "5"]]
    assert mapped(2, lambda a: a + 1) == 3
    assert mapped(np.empty((0, 2), object), str).shape == (0, 2)


# -- where there is no value, and balls ------------------------------------------------------------


@pytest.mark.parametrize("value", ["0", "-1"])
def test_outside(value: str, tape: Tape) -> None:
    a = leaf(tape, Fraction(value))
    for function in (tape.log, lambda a: tape.power(a, HALF), library_of(tape).functions["sqrt"]):
        with pytest.raises(OutsideError):
            function(a)
        with pytest.raises(OutsideError):
            function(a.value)


@pytest.fixture
def balls(peer: Callable[[str], ModuleType]) -> Any:
    """Balls of 64 bits."""
    flint = peer("flint")
    before = flint.ctx.prec
    flint.ctx.prec = 64
    yield Balls()
    flint.ctx.prec = before


@every_function
def test_balls_enclose(name: str, balls: Balls, peer: Callable[[str], ModuleType]) -> None:
    """Value and slope of 64 bits hold what 400 bits say, and are narrow."""
    flint = peer("flint")

    def at(value: Fraction) -> tuple[Any, Any]:
        tape = Tape(balls)
        a = leaf(tape, value)
        result = library_of(tape).functions[name](a)
        bar = tape.gradients([(result, tape.one)])[a.index]
        return getattr(result, "value", result), tape.number(Fraction(0)) if bar is None else bar

    for point in POINTS[1:-1]:
        if point > 0 or name not in POSITIVE:
            flint.ctx.prec = 64
            wide = at(point)
            flint.ctx.prec = 400
            for ball, narrow in zip(wide, at(point), strict=True):
                assert ball.contains(narrow)
                assert ball.rad() <= 1e-15 * max(1, abs(ball.mid()))
            exact = FUNCTIONS[name](number(point)), mpmath.diff(FUNCTIONS[name], number(point))
            for ball, right in zip(wide, exact, strict=True):
                assert abs(float(ball.mid()) - float(right)) <= 1e-15 * max(1, abs(float(right)))


@pytest.mark.parametrize("name", ["relu", "step", "abs", "hard_sigmoid"])
def test_a_ball_across_a_kink_is_undecided(
    name: str, balls: Balls, peer: Callable[[str], ModuleType]
) -> None:
    kink = -3 if name == "hard_sigmoid" else 0
    ball = peer("flint").arb(kink, 1e-3)
    tape = Tape(balls)
    for value in (ball, tape.note(ball)):
        with pytest.raises(UndecidedError):
            library_of(tape).functions[name](value)


def test_a_ball_that_is_exactly_at_the_kink_is_decided(balls: Balls) -> None:
    """relu'(0) = step(0) = 0, as the language has it."""
    tape = Tape(balls)
    a = leaf(tape, Fraction(0))
    bars = tape.gradients([(library_of(tape).functions["relu"](a), tape.one)])
    assert bars[a.index] == 0
    assert not balls.positive(a.value)


def test_the_logarithm_of_a_negative_ball_is_no_number(balls: Balls) -> None:
    assert not balls.log(balls.number(Fraction(-1))).is_finite()
    assert not balls.power(balls.number(Fraction(-1)), HALF).is_finite()


def test_a_third_is_enclosed(balls: Balls) -> None:
    third = balls.number(Fraction(1, 3))
    assert (third * 3).contains(1)
    assert third.rad() > 0
