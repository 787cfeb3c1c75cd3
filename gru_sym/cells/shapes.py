"""Shape inference: every name gets a shape, by unification over the equations."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Shape
from gru_sym.errors import LimitError, Place, ShapeError

__all__ = ["DimVar", "Inference", "Open", "describe", "dimension_names"]

REDUCTIONS = frozenset({"sum", "mean", "logsumexp"})
MAX_PARTS = 256
"""Parts of one dimension: thirty lines of ``v = [v, v]`` would make a billion."""


@dataclass(eq=False, slots=True)
class DimVar:
    """A dimension that is still open; ``bound`` holds what it turned out to be."""

    label: str = ""
    bound: "Term | None" = None


Term = tuple[DimVar, ...]  # a dimension: parts that add up
Open = tuple[Term, ...]  # a shape with open dimensions


def describe(shape: Shape) -> str:
    """A shape in words: ``a vector (H)``, ``a matrix (H, I)``, ``a scalar``."""
    kind = ("a scalar", "a vector", "a matrix")[len(shape)]
    return f"{kind} ({', '.join(' + '.join(dim) for dim in shape)})" if shape else kind


def _resolve(term: Term) -> Term:
    parts: list[DimVar] = []
    pending = list(reversed(term))  # no recursion: a thousand lines may make a chain as long
    while pending:
        part = pending.pop()
        if part.bound is not None:
            pending.extend(reversed(part.bound))
        elif len(parts) < MAX_PARTS:
            parts.append(part)
        else:
            raise LimitError(
                f"a dimension that is joined from more than {MAX_PARTS} parts",
                mend="join fewer vectors in `[…]`",
            )
    return tuple(parts)


@dataclass
class Inference:
    """The state of unification for one text."""

    source: str
    shapes: dict[str, Open] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    labels: dict[str, DimVar] = field(default_factory=dict)

    def label(self, name: str) -> DimVar:
        """The dimension that the text calls ``name``."""
        return self.labels.setdefault(name, DimVar(name))

    def known(self, shape: Shape) -> Open:
        """A shape that is given, in this inference's dimensions."""
        return tuple(tuple(self.label(name) for name in dim) for dim in shape)

    def fresh(self, rank: int) -> Open:
        """A shape of this rank with open dimensions."""
        return tuple((DimVar(),) for _ in range(rank))

    def declare(self, name: str, shape: Open, place: Place | None = None) -> None:
        """Give a name its shape; the place is where the text has it first."""
        self.shapes[name] = shape
        if place is not None:
            self.places[name] = place

    # -- unification ---------------------------------------------------------------------------

    def _error(self, node_place: Place, message: str, mend: str) -> ShapeError:
        return ShapeError(message, mend=mend, place=node_place, source=self.source)

    def same_dim(self, a: Term, b: Term) -> bool:
        """Make two dimensions one; False where they cannot be."""
        a, b = _resolve(a), _resolve(b)
        while a and b and a[0] is b[0]:
            a, b = a[1:], b[1:]
        while a and b and a[-1] is b[-1]:
            a, b = a[:-1], b[:-1]
        if not a and not b:
            return True
        for one, other in ((a, b), (b, a)):
            if len(one) == 1 and not one[0].label:
                if not other or one[0] in other:
                    return False
                one[0].bound = other
                return True
        if len(a) == len(b) > 1:
            return all(self.same_dim((p,), (q,)) for p, q in zip(a, b, strict=True))
        return False

    def same(self, a: Open, b: Open) -> bool:
        """Make two shapes of one rank the same; False where they cannot be."""
        return len(a) == len(b) and all(self.same_dim(p, q) for p, q in zip(a, b, strict=True))

    # -- expressions ---------------------------------------------------------------------------

    def infer(self, node: tree.Node) -> Open:
        """The shape of an expression.

        Raises:
            ShapeError: two parts do not fit.
            LimitError: a dimension has too many parts.
        """
        try:
            shape = self._infer(node)
            for dim in shape:
                _resolve(dim)
        except LimitError as error:
            raise LimitError(
                error.message, mend=error.mend, place=node.place, source=self.source
            ) from None
        return shape

    def _infer(self, node: tree.Node) -> Open:
        match node:
            case tree.Number():
                return ()
            case tree.Name(name):
                return self.shapes[name]
            case tree.Neg():
                while isinstance(node, tree.Neg):
                    node = node.arg
                return self._infer(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Transpose(arg, place):
                shape = self._infer(arg)
                if len(shape) != 2:
                    mend = "leave `.T` out: a vector has no transpose in this language"
                    raise self._error(place, f"`.T` of {self.words(shape)}", mend)
                return shape[::-1]
            case tree.Concat():
                return self._concat(node)
            case tree.Slice():
                return self._slice(node)
            case tree.Call():
                return self._call(node)

    def _binary(self, node: tree.Binary) -> Open:
        # A long sum is a deep tree to the left: walk it without recursion.
        spine = []
        left: tree.Node = node
        while isinstance(left, tree.Binary):
            spine.append(left)
            left = left.left
        shape = self._infer(left)
        for step in reversed(spine):
            shape = self._join(step, shape, self._infer(step.right))
            left = step
        return shape

    def _join(self, node: tree.Binary, left: Open, right: Open) -> Open:
        if node.op == "@":
            return self._product(node, left, right)
        if not left or not right:
            return left or right
        if len(left) != len(right):
            raise self._error(
                node.place,
                f"`{node.op}` between {self.words(left)} and {self.words(right)}",
                "elementwise operators take equal shapes; a matrix times a vector is `W @ v`",
            )
        if not self.same(left, right):
            raise self._error(
                node.place,
                f"`{node.op}` between {self.words(left)} and {self.words(right)}"
                + self._uses(node),
                "make both sides the same size, for instance with a matrix in front of one",
            )
        return left

    def _product(self, node: tree.Binary, left: Open, right: Open) -> Open:
        if len(left) == 2 and len(right) == 1:
            if self.same_dim(left[1], right[0]):
                return (left[0],)
            mend = "a matrix takes a vector with as many entries as it has columns"
        elif len(left) == 2 and len(right) == 2:
            mend = "`@` takes a vector on its right: write `A @ (B @ v)` for a chain"
        elif len(left) == 1 and len(right) == 2:
            mend = "write `W.T @ v` for a vector from the left"
        elif len(left) == 1 and len(right) == 1:
            mend = "write `sum(u * v)` for an inner product, `u * v` elementwise"
        else:
            mend = "write `*` for a product with a scalar"
        raise self._error(
            node.place,
            f"`@` between {self.words(left)} and {self.words(right)}" + self._uses(node),
            mend,
        )

    def _concat(self, node: tree.Concat) -> Open:
        shapes = [self._infer(item) for item in node.items]
        ranks = {len(shape) for shape in shapes}
        if ranks == {1}:
            return (tuple(part for (dim,) in shapes for part in dim),)
        if ranks == {2} and all(self.same_dim(shapes[0][0], s[0]) for s in shapes[1:]):
            return (shapes[0][0], tuple(part for _, dim in shapes for part in dim))
        words = ", ".join(self.words(shape) for shape in shapes)
        mend = "`[a, b]` joins vectors, or matrices with equally many rows"
        raise self._error(node.place, f"`[…]` of {words}", mend)

    def _slice(self, node: tree.Slice) -> Open:
        shape = self._infer(node.arg)
        if len(shape) != 1 + node.columns:
            mend = "`v[:H]` is a part of a vector, `W[:, :H]` some columns of a matrix"
            raise self._error(node.place, f"a slice of {self.words(shape)}", mend)
        parts = _resolve(shape[-1])
        start = self.bound(node, parts, node.start) if node.start is not None else 0
        stop = self.bound(node, parts, node.stop) if node.stop is not None else len(parts)
        if not start < stop:
            raise self._error(node.place, "an empty slice", "let it start before it stops")
        return (*shape[:-1], parts[start:stop])

    def bound(self, node: tree.Slice, parts: Term, names: tuple[str, ...]) -> int:
        """How many parts of a dimension the bound of a slice stands for."""
        for stop in range(len(parts) + 1):
            if tuple(sorted(p.label for p in parts[:stop])) == tuple(sorted(names)):
                return stop
        size = " + ".join(p.label or "?" for p in parts)
        raise self._error(
            node.place,
            f"the bound `{'+'.join(names)}` does not divide a vector of size {size or '1'}",
            "a slice takes whole parts of a concatenation: `v[:H]` of a vector of size H + I",
        )

    def _call(self, node: tree.Call) -> Open:
        shapes = [self._infer(arg) for arg in node.args]
        if node.func == "outer":
            if [len(s) for s in shapes] == [1, 1]:
                return (*shapes[0], *shapes[1])
            words = " and ".join(self.words(s) for s in shapes)
            raise self._error(node.place, f"outer of {words}", "outer takes two vectors")
        (shape,) = shapes
        if node.func in REDUCTIONS and not shape:
            mend = f"{node.func} takes a vector"
            raise self._error(node.place, f"{node.func} of a scalar", mend)
        if node.func in {"softmax", "logsumexp"} and len(shape) != 1:
            mend = f"{node.func} takes a vector"
            raise self._error(node.place, f"{node.func} of {self.words(shape)}", mend)
        return () if node.func in REDUCTIONS else shape

    # -- words ---------------------------------------------------------------------------------

    def close(self, shape: Open, name_of: Callable[[DimVar], str]) -> Shape:
        """The shape with every open dimension named."""
        return tuple(tuple(name_of(part) for part in _resolve(dim)) for dim in shape)

    def words(self, shape: Open) -> str:
        """The shape as an error prints it."""
        return describe(self.close(shape, self._provisional))

    def _provisional(self, part: DimVar) -> str:
        if part.label:
            return part.label
        for name, shape in self.shapes.items():
            if len(shape) == 1 and _resolve(shape[0]) == (part,):
                return f"size of {name}"
        return "?"

    def _uses(self, node: tree.Binary) -> str:
        """Where the names on both sides were first met, for a clash of sizes."""
        parts = []
        for side in (node.left, node.right):
            name = next(iter(_names(side)), None)
            if name in self.places:
                parts.append(
                    f"{name} stands first at line {self.places[name].line}, column "
                    f"{self.places[name].column}"
                )
        return f" ({'; '.join(parts)})" if parts else ""


def _names(node: tree.Node) -> Iterable[str]:
    return (n.name for n in tree.postorder(node) if isinstance(n, tree.Name))


def dimension_names(
    shapes: Mapping[str, Open], preferred: Iterable[tuple[str, str]], taken: Iterable[str]
) -> Callable[[DimVar], str]:
    """A name for every open dimension: preferred ones first, then after the variables.

    Args:
        shapes: the shapes of all variables, in the order in which they are met.
        preferred: pairs (variable, dimension name).
        taken: names that a dimension must not take.
    """
    names: dict[DimVar, str] = {}
    used = set(taken)

    def give(part: DimVar, wish: str) -> None:
        if part not in names:
            name = part.label or wish
            for k in count(1):  # two dimensions of one name would be taken for equal
                if part.label or name not in used:
                    break
                name = f"D_{wish}" if k == 1 else f"D_{wish}_{k}"
            names[part] = name
            used.add(name)

    for variable, wish in preferred:
        for part in _resolve(shapes[variable][0]) if shapes[variable] else ():
            give(part, wish)
    for variable, shape in shapes.items():
        for dim in shape:
            for part in _resolve(dim):
                give(part, variable[0].upper() + variable[1:])
    return lambda part: names[part]
