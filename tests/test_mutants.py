"""Derivations corrupted and rewritten systematically: `check` has to tell the one from the other.

The lines of a derivation are changed on the syntax tree. Whether a change alters the function is
found out here in plain NumPy, straight from the tree; the checker's verdict is held against it.
"""

import functools
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from gru_sym.algebra import tree
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.show import show, show_definition
from gru_sym.cells import Cell, cell, names
from gru_sym.cells.parse import parse
from gru_sym.derive.describe import select, text
from gru_sym.prove.check import check

Array = np.ndarray
Node = tree.Node

LEAST = 40
MOST = 48
"""Mutants and rewritings of each kind are spread evenly over a cell's lines up to this number."""
POINTS = 3

FUNCTIONS: dict[str, Callable[..., Array]] = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "relu": lambda a: np.where(np.real(a) > 0, a, 0),
    "step": lambda a: np.where(np.real(a) > 0, 1.0, 0.0),
    "sum": np.sum,
    "mean": np.mean,
    "outer": np.outer,
}
OPERATORS: dict[str, Callable[[Array, Array], Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
    "@": np.matmul,
}


# -- what a tree means, in plain NumPy ---------------------------------------------------------


def value(node: Node, env: Mapping[str, Array], sizes: Mapping[str, int]) -> Array:
    match node:
        case tree.Number(number):
            return np.float64(Fraction(number))
        case tree.Name(name):
            return env[name]
        case tree.Neg(arg):
            return -value(arg, env, sizes)
        case tree.Transpose(arg):
            return value(arg, env, sizes).T
        case tree.Concat(items):
            return np.concatenate([value(item, env, sizes) for item in items], axis=-1)
        case tree.Slice(arg, start, stop):
            first, last = (None if b is None else sum(sizes[n] for n in b) for b in (start, stop))
            return value(arg, env, sizes)[..., first:last]
        case tree.Call(func, args):
            return FUNCTIONS[func](*(value(arg, env, sizes) for arg in args))
        case tree.Binary(op, left, right):
            return OPERATORS[op](value(left, env, sizes), value(right, env, sizes))


@dataclass(frozen=True)
class Derivation:
    """A cell's derived cotangents as text, with the values of everything at some points."""

    cell: Cell
    forward: tuple[tree.Definition, ...]
    lines: tuple[tree.Definition, ...]
    sizes: Mapping[str, int]
    points: tuple[Mapping[str, Array], ...]

    def same(self, node: Node, name: str) -> bool | None:
        """Whether a tree is a line's value at all points, to ten digits; None: it has none."""
        for env in self.points:
            right = env[name]
            try:
                with np.errstate(all="ignore"):
                    made = np.broadcast_to(value(node, env, self.sizes), right.shape)
            except ValueError:  # the shapes do not fit
                return False
            # A division by what is always 0 gives, rounded, a huge number.
            if not np.linalg.norm(made) <= 1e9 * (1 + np.linalg.norm(right)):
                return None
            if np.linalg.norm(made - right) > 1e-10 * np.linalg.norm(right):
                return False
        return True


def equations(c: Cell) -> tuple[tree.Definition, ...]:
    """The cell's program, arguments of activations named, as text and read again."""
    presenter = Presenter.of(c.program)
    shown = [
        show_definition(tree.Definition(d.name, presenter.expression(d.expr))) for d in c.program
    ]
    return parse("\n".join(shown), derivation=True).definitions


def run(
    lines: Sequence[tree.Definition], env: Mapping[str, Array], sizes: Mapping[str, int]
) -> dict[str, Array]:
    env = dict(env)
    for d in lines:
        env[d.name] = value(d.value, env, sizes)
    return env


@functools.cache
def derivation(name: str) -> Derivation:
    c = cell(name)
    rng = np.random.default_rng(7)
    sizes = {n: k for k, n in enumerate("HI", 2)}
    forward, lines = equations(c), parse(text(select(c)), derivation=True).definitions
    given = {v.name: v.shape for v in c.program.inputs}
    given |= {f"{v.name}_bar": v.shape for v in c.program.outputs}
    points = []
    for _ in range(POINTS):
        draw = {
            n: rng.normal(size=tuple(sum(sizes[p] for p in dim) for dim in shape))
            for n, shape in given.items()
        }
        points.append(run((*forward, *lines), draw | sizes, sizes))
    shapes = {v.name: tuple(sum(sizes[p] for p in d) for d in v.shape) for v in c.program.variables}
    for env in points:  # a scalar line of a vector (a bias's 0) stands in its shape
        for d in lines:
            shape = shapes.get(d.name.removesuffix("_total").removesuffix("_bar"))
            env[d.name] = np.broadcast_to(
                env[d.name], env[d.name].shape if shape is None else shape
            )
    return Derivation(c, forward, lines, sizes, tuple(points))


# -- changes of a tree -------------------------------------------------------------------------

TWO, ONE = tree.Number(Fraction(2)), tree.Number(Fraction(1))
Changed = tuple[str, Node]


def binary(op: str) -> Callable[[Node, Node], Node]:
    return lambda left, right: tree.Binary(op, left, right)


add, sub, mul, div, at = (binary(op) for op in ("+", "-", "*", "/", "@"))


def power(base: Node, exponent: int) -> Node:
    return tree.Binary("**", base, tree.Number(Fraction(exponent)))


def call(func: str, *args: Node) -> Node:
    return tree.Call(func, args)


def everywhere(node: Node, change: Callable[[Node], Iterator[Changed]]) -> Iterator[Changed]:
    """Each tree with one of its nodes changed, one after the other."""
    for place in tree.postorder(node):
        for kind, new in change(place):
            yield (
                kind,
                tree.transform(
                    node, lambda old, made, place=place, new=new: new if old is place else made
                ),
            )


def corruptions(node: Node, swaps: Mapping[str, Sequence[str]]) -> Iterator[Changed]:
    """Slips of a pen; ``swaps`` says for each name which others have its shape."""

    def slips(place: Node) -> Iterator[Changed]:
        match place:
            case tree.Binary("+", left, right):
                yield "term dropped", left
                yield "term dropped", right
                yield "sign flipped", sub(left, right)
                yield "sign flipped", sub(right, left)
                yield "term twice", add(place, right)
                yield "sum for product", mul(left, right)
            case tree.Binary("-", left, right):
                yield "term dropped", left
                yield "sign flipped", add(left, right)
                yield "difference turned", sub(right, left)
                yield "complement forgotten", right
            case tree.Binary("*", left, right):
                yield "factor dropped", left
                yield "factor dropped", right
                yield "factor squared", mul(place, right)
                yield "factor squared", mul(left, place)
                yield "complement", mul(left, sub(ONE, right))
                yield "product for sum", add(left, right)
                yield "factor inverted", div(left, right)
            case tree.Binary("/", left, right):
                yield "divisor dropped", left
                yield "divisor multiplied", mul(left, right)
                yield "divisor squared", div(place, right)
            case tree.Binary("**", base, tree.Number(exponent)):
                yield "exponent", base
                yield "exponent", power(base, int(exponent) + 1)
                yield "exponent", mul(TWO, base)
            case tree.Binary("@", tree.Transpose(matrix), vector):
                yield "not transposed", at(matrix, vector)
                yield "product dropped", vector
                yield "product twice", at(tree.Transpose(matrix), place)
            case tree.Binary("@", matrix, vector):
                yield "transposed", at(tree.Transpose(matrix), vector)
            case tree.Name(name):
                for other in swaps.get(name, ()):
                    yield "other variable", tree.Name(other)
                yield "complement", sub(ONE, place)
                yield "squared", power(place, 2)
                yield "sign flipped", tree.Neg(place)
                yield "twice", mul(TWO, place)
            case tree.Number(number):
                yield "number", tree.Number(number + 1)
            case tree.Neg(arg):
                yield "sign flipped", arg
            case tree.Call("outer", (left, right)):
                yield "outer turned", call("outer", right, left)
                yield "outer of itself", call("outer", left, left)
            case tree.Call("sum" as func, (arg,)) | tree.Call("mean" as func, (arg,)):
                yield "mean for sum", call("mean" if func == "sum" else "sum", arg)
                yield "not summed", arg
            case tree.Call(func, (arg,)) if func in {"sigmoid", "tanh", "step"}:
                yield "other function", call("tanh" if func != "tanh" else "sigmoid", arg)
                yield "function dropped", arg
            case tree.Concat(items):
                yield "joined in another order", tree.Concat(items[::-1])
            case tree.Slice(arg, start, stop):
                yield "the other part", tree.Slice(arg, stop, start)

    def derivatives(place: Node) -> Iterator[Changed]:
        match place:
            case tree.Binary("*", tree.Binary("*", left, a), tree.Binary("-", one, b)) if a == b:
                yield "derivative of tanh", mul(left, sub(one, power(a, 2)))
                yield "derivative dropped", left
            case tree.Binary("*", left, tree.Binary("-", one, tree.Binary("**", a, _))):
                yield "derivative of sigmoid", mul(mul(left, a), sub(one, a))
                yield "derivative in the argument", mul(left, sub(one, a))

    yield "sign flipped", tree.Neg(node)
    yield "zero", tree.Number(Fraction(0))
    yield "a thousandth more", mul(tree.Number(Fraction(1001, 1000)), node)
    yield "half", div(node, TWO)
    yield "term added", add(node, mul(node, node))
    yield from everywhere(node, slips)
    yield from everywhere(node, derivatives)


def rewritings(
    node: Node, defined: Mapping[str, Node], inlined: Mapping[str, Node]
) -> Iterator[Changed]:
    """Other ways to write the same; ``defined`` holds the cell's definitions."""

    def forms(place: Node) -> Iterator[Changed]:
        match place:
            case tree.Binary("+" | "*" as op, left, right):
                yield "commuted", tree.Binary(op, right, left)
            case tree.Binary("-", left, right):
                yield "commuted", add(tree.Neg(right), left)
                yield "sign in front", tree.Neg(sub(right, left))
        match place:
            case tree.Binary("*", left, tree.Binary("+" | "-" as op, a, b)):
                yield "expanded", tree.Binary(op, mul(left, a), mul(left, b))
            case tree.Binary("-", tree.Number(), tree.Binary("**", a, _)):
                yield "factored", mul(sub(ONE, a), add(ONE, a))
            case tree.Binary("**", base, tree.Number(exponent)) if exponent == 2:
                yield "square written out", mul(base, base)
            case tree.Binary("@", matrix, vector):
                yield "transposed twice", at(tree.Transpose(tree.Transpose(matrix)), vector)
                yield "split", add(at(matrix, div(vector, TWO)), div(place, TWO))
            case tree.Call("outer", (left, right)):
                yield "outer turned twice", tree.Transpose(call("outer", right, left))
            case tree.Call("mean", (arg,)):
                yield "commuted", call("mean", mul(arg, ONE))
        if not isinstance(place, tree.Number):
            yield "negated twice", tree.Neg(tree.Neg(place))
        if isinstance(place, tree.Name):
            yield from other_forms(place)

    def other_forms(place: tree.Name) -> Iterator[Changed]:
        match defined.get(place.name):
            case tree.Call("sigmoid", (a,)) as gate:
                yield "as a function", gate
                yield "1 - sigmoid(-a)", sub(ONE, call("sigmoid", tree.Neg(a)))
                yield "as exp", div(ONE, add(ONE, call("exp", tree.Neg(a))))
                yield "by tanh", div(add(ONE, call("tanh", div(a, TWO))), TWO)
            case tree.Call("tanh", (a,)) as candidate:
                yield "as a function", candidate
                yield "by sigmoid", sub(mul(TWO, call("sigmoid", mul(TWO, a))), ONE)
                plus, minus = call("exp", a), call("exp", tree.Neg(a))
                yield "as exp", div(sub(plus, minus), add(plus, minus))
            case None:
                pass
            case definition:
                yield "unfolded", definition
        if place.name in inlined:
            yield "cotangent inlined", inlined[place.name]

    yield "a zero added", add(node, sub(node, node))
    yield "halves", add(div(node, TWO), div(node, TWO))
    yield from everywhere(node, forms)


# -- choosing and judging ----------------------------------------------------------------------


def candidates(found: Derivation) -> Iterator[tuple[str, str, Node]]:
    """All distinct changes: (kind, name of the line, its new right-hand side)."""
    shapes = {n: v.shape for n, v in found.points[0].items() if n not in found.sizes}
    defined = {d.name: d.value for d in found.forward}
    for k, d in enumerate(found.lines):
        before = {e.name: e.value for e in found.lines[:k]}
        # Of the cotangents only those above, so that no line comes to rest on itself.
        known = [n for n in shapes if n in before or n not in {e.name for e in found.lines}]
        used = {n.name for n in tree.postorder(d.value) if isinstance(n, tree.Name)}
        swaps = {
            n: [m for m in known if m != n and shapes[m] == shapes[n]][:12]
            for n in used - set(found.sizes)
        }
        seen = {show(d.value)}
        changes = itertools.chain(corruptions(d.value, swaps), rewritings(d.value, defined, before))
        for kind, node in changes:
            if show(node) not in seen:
                seen.add(show(node))
                yield kind, d.name, node


def spread(items: Sequence[tuple[str, str, Node]], most: int) -> list[tuple[str, str, Node]]:
    """At most so many, kinds and lines in turn."""
    seen: Counter[str] = Counter()
    ranked = []
    for kind, name, node in items:
        ranked.append(((seen[kind], seen[name]), kind, name, node))
        seen.update((kind, name))
    ranked.sort(key=lambda item: item[0])
    return [(kind, name, node) for _, kind, name, node in ranked[:most]]


def judged(
    found: Derivation, changes: Sequence[tuple[str, str, Node]]
) -> Iterator[tuple[str, ...]]:
    """(verdict, kind, line as it was judged) of each change; the other lines have to stay right.

    A text carries a change in half of its lines at most, each judged as if the others were right.
    """
    waiting = list(changes)
    while waiting:
        chosen: dict[str, tuple[str, Node]] = {}
        rest = []
        for kind, name, node in waiting:
            if name in chosen or len(chosen) > len(found.lines) // 2:
                rest.append((kind, name, node))
            else:
                chosen[name] = (kind, node)
        waiting = rest
        lines = [
            f"{d.name} = {show(chosen[d.name][1] if d.name in chosen else d.value)}"
            for d in found.lines
        ]
        for line, report in zip(lines, check(found.cell, "\n".join(lines)).lines, strict=True):
            if report.name in chosen:
                yield report.verdict, chosen[report.name][0], line, report.why
            else:
                assert report.verdict == "right", (line, report)


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_mutants_are_caught_and_rewritings_accepted(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    found = derivation(name)
    sorted_out: dict[bool | None, list[tuple[str, str, Node]]] = {True: [], False: [], None: []}
    for item in candidates(found):
        sorted_out[found.same(item[2], item[1])].append(item)
    changed, harmless = sorted_out[False], sorted_out[True]
    changed, harmless = spread(changed, MOST), spread(harmless, MOST)
    wrong = list(judged(found, changed))
    right = list(judged(found, harmless))
    record_property("mutants", len(wrong))
    record_property("rewritings", len(right))
    assert len(wrong) >= LEAST
    assert len(right) >= LEAST
    assert [item for item in wrong if item[0] != "wrong" or not item[3]] == []
    assert [item for item in right if item[0] != "right"] == []
