"""Monomials without a ring: dividing, relabelling, placing."""

from fractions import Fraction

from gru_sym.algebra.monomials import (
    accumulate,
    bound_count,
    has_bound,
    key_of,
    placed,
    plain,
    refined,
    shifted,
    without,
)


def test_bound_indices() -> None:
    free, bound = [(0, (-1,), 1)], [(0, (-1, 2), 1), (1, (), 2)]
    assert (bound_count(free), bound_count(bound), bound_count([])) == (0, 3, 0)
    assert (has_bound(free), has_bound(bound)) == (False, True)
    assert shifted((-1, 0, 2), 5) == (-1, 5, 7)


def test_accumulate_drops_zeros_and_keeps_integers() -> None:
    total = {((0, (), 1),): 1}
    accumulate(total, {((0, (), 1),): -1, (): Fraction(4, 2)})
    assert total == {(): 2}
    assert type(total[()]) is int
    assert (plain(Fraction(3)), plain(Fraction(1, 2))) == (3, Fraction(1, 2))
    assert key_of({((1, (), 1),): 2, (): 1}) == (((), 1), (((1, (), 1),), 2))


def test_a_content_is_placed_at_indices() -> None:
    content = ((0, (-1,), 1), (1, (-2, 0), 2))
    assert placed(content, (-7, 3), 4) == [(0, (-7,), 1), (1, (3, 4), 2)]


def test_division() -> None:
    x, y = (0, (-1,), 3), (1, (-1,), 1)
    assert without([x, y], [(0, (-1,), 1)], frozenset()) == [y, (0, (-1,), 2)]
    assert without([x, y], [(0, (-1,), 4)], frozenset()) is None
    assert without([x], [(0, (-1,), -1)], frozenset()) is None
    assert without([x], [], frozenset()) == [x]


def test_division_by_a_sum() -> None:
    """An index that the pattern sums over stands for one that occurs nowhere else."""
    pattern = placed(((0, (0,), 1),), (), 0, inner=True)
    once, twice = [(0, (2,), 1)], [(0, (2,), 1), (1, (2,), 1)]
    assert without(once, pattern, frozenset()) == []
    assert without(twice, pattern, frozenset()) is None
    assert without(once, pattern, frozenset({2})) is None


def test_colours_do_not_depend_on_how_indices_are_called() -> None:
    chain = [(0, (-1, 0), 1), (0, (0, 1), 1), (1, (1,), 1)]
    other = [(0, (-1, 1), 1), (0, (1, 0), 1), (1, (0,), 1)]
    a, b = refined(chain, [0, 1]), refined(other, [0, 1])
    assert (a[0], a[1]) == (b[1], b[0])
    assert a[0] != a[1]
    twins = refined([(0, (0,), 1), (0, (1,), 1)], [0, 1])
    assert twins[0] == twins[1]
