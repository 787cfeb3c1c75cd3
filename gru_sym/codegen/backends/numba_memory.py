"""Which array holds which value, and the text of it: a row, the rows of a step, all rows.

A value that only its own loop reads has no array. One that a product or another function reads has
one for a step or, where the other is outside of the loop or a reader wants it, for all steps. A
state stands in one array for all steps, its next value in the next row.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from gru_sym.algebra.expr import Shape, Var, variables_of
from gru_sym.algebra.program import Scan
from gru_sym.codegen.backends.naming import Namer, cut_text, dim_text
from gru_sym.codegen.backends.numba_lines import Lines
from gru_sym.codegen.backends.numba_rows import Place, by_name, in_memory, phases
from gru_sym.codegen.backends.numba_statements import (
    Block,
    Copy,
    OuterSum,
    Product,
    Statement,
)

__all__ = ["Array", "Memory"]

_NONE, _ROW, _STEP, _ALL = range(4)  # who reads an array: nobody, one function, a step, others


@dataclass(frozen=True, slots=True)
class _Use:
    """One reading or writing of an array: where, and under which name."""

    part: str
    at: int
    phase: int
    var: Var
    writes: bool

    @property
    def when(self) -> tuple[int, int]:
        return self.at, self.phase


@dataclass(frozen=True, slots=True)
class Array:
    """An array: its name, the axes before those of the variable, the variable's shape."""

    name: str
    lead: tuple[str, ...]
    shape: Shape
    kept: bool


class Memory:
    """The arrays of one function.

    Args:
        scan: what the function computes.
        lines: its statements.
        kept: the variables that somebody reads when the function has ended.
        given: variable → the text of an array that holds it.
        namer: identifiers.
    """

    def __init__(
        self,
        scan: Scan,
        lines: Lines,
        kept: Collection[Var],
        given: Mapping[Var, str],
        namer: Namer,
    ) -> None:
        self._scan, self._lines, self._given, self._namer = scan, lines, dict(given), namer
        self.sizes: dict[str, None] = {}
        self._same: dict[Var, Var] = {}  # variable → the one whose place it has
        self._beside: dict[Var, tuple[Var, int]] = {}  # carried → (array, its row less t)
        self._uses: dict[Var, list[_Use]] = {}
        for part, statements in lines.parts.items():
            for at, statement in enumerate(statements):
                for use in self._used(part, at, statement):
                    self._uses.setdefault(self._root(use.var), []).append(use)
        self._kept = {self._root(v) for v in kept}
        self._scopes = {root: self._scope(root) for root in (*self._uses, *self._kept)}
        self._carry()
        self._share()

    # -- who uses what -------------------------------------------------------------------------

    def _used(self, part: str, at: int, statement: Statement) -> Iterator[_Use]:
        match statement:
            case Block(lines=lines):
                found = phases(lines, self._lines.producers)
                handed = in_memory(found, self._lines.producers)
                own = {line.target for line in lines}
                for number, phase in enumerate(found):
                    for loop in (phase.ahead, *phase.loops.values()):
                        for line in loop:
                            yield _Use(part, at, number, line.target, True)
                            for v in by_name(variables_of(line.expr)):
                                if v not in own or v in handed:
                                    yield _Use(part, at, number, v, False)
            case Product(vector=vector, matrix=matrix):
                yield _Use(part, at, 0, vector, False)
                yield _Use(part, at, 0, matrix, False)
            case OuterSum(left=left, right=right):
                yield _Use(part, at, 0, left, False)
                yield _Use(part, at, 0, right, False)
            case Copy(source=source):
                yield _Use(part, at, 0, source, False)
        if not isinstance(statement, Block):
            yield _Use(part, at, 0, statement.target, True)

    def _root(self, var: Var) -> Var:
        while var in self._lines.views:
            var = self._lines.views[var].whole
        return var

    def _scope(self, root: Var) -> int:
        uses = self._uses.get(root, [])
        if root in self._kept or len({use.part for use in uses}) > 1:
            return _ALL
        reads = [use for use in uses if not use.writes]
        if len({use.at for use in uses}) > 1 or root in self._lines.sums:
            return _STEP
        return _ROW if reads else _NONE

    def _fixed(self, root: Var) -> bool:
        return root not in self._lines.varying

    def _made_for_all(self, root: Var) -> bool:
        """Whether it is computed outside of the loop."""
        return self._lines.made.get(root) == "all"

    # -- places --------------------------------------------------------------------------------

    def _carry(self) -> None:
        """Each pair of the carry: one array for all steps, or one that is written over."""
        for enters, leaves in self._scan.carry:
            uses = [u for u in self._uses.get(enters, ()) if u.part == "step"]
            written = [u.when for u in self._uses.get(leaves, ()) if u.writes]
            over = all(u.when <= min(written) for u in uses)
            if _ALL in (self._scopes.get(enters), self._scopes.get(leaves)) or not over:
                late = int(self._scan.reverse)
                self._beside[enters] = enters, late
                self._beside[leaves] = enters, 1 - late
                self._scopes[enters] = self._scopes[leaves] = _ALL
            else:
                self._same[leaves] = enters
                self._scopes[enters] = _STEP

    def _share(self) -> None:
        """What is kept of a step takes the place of a product that is last read there."""
        carried = {v for pair in self._scan.carry for v in pair}
        for at, statement in enumerate(self._lines.parts["step"]):
            if not isinstance(statement, Block):
                continue
            guests = [
                line.target
                for line in statement.lines
                if self._scopes.get(line.target) == _ALL
                and line.target not in carried
                and line.target in self._lines.varying
                and len(line.target.shape) == 1
            ]
            for host in self._hosts(at, statement):
                moved = {host}
                for line in statement.lines:
                    if variables_of(line.expr) & moved:
                        moved.add(line.target)
                guest = next((v for v in guests if v in moved and v.shape == host.shape), None)
                if guest is not None and self._read_before(host, guest):
                    self._same[guest] = host
                    guests.remove(guest)

    def _hosts(self, at: int, block: Block) -> list[Var]:
        """What the block reads of products computed ahead, and nobody else does."""
        found = []
        for v in dict.fromkeys(v for d in block.lines for v in by_name(variables_of(d.expr))):
            root = self._root(v)
            if not self._made_for_all(root) or root in self._kept:
                continue
            place, reads = self.place(v), (u for u in self._uses[root] if not u.writes)
            shared = [u for u in reads if _meet(self.place(u.var), place)]
            if all((u.part, u.at, u.var) == ("step", at, v) for u in shared):
                found.append(v)
        return found

    def _read_before(self, host: Var, guest: Var) -> bool:
        reads = [u.when for u in self._uses[self._root(host)] if u.var == host and not u.writes]
        return max(reads) <= min(u.when for u in self._uses[guest] if u.writes)

    def place(self, var: Var) -> Place | None:
        """Where a row of a variable is; None where it has no array."""
        start, stop = 0, len(var.shape[0]) if var.shape else 0
        while True:
            if var in self._lines.views:
                view = self._lines.views[var]
                start, stop, var = start + view.start, stop + view.start, view.whole
            elif var in self._same:
                var = self._same[var]
            else:
                break
        if var not in self._given and not self._scopes.get(var):
            return None
        return Place(var, start, stop)

    # -- texts ---------------------------------------------------------------------------------

    def size(self, dim: tuple[str, ...]) -> str:
        """The text of the size of a dimension."""
        for name in dim:
            self.sizes.setdefault(name)
        return dim_text(dim, self._namer)

    def _name(self, root: Var) -> str:
        if root in self._given:
            return self._given[root]
        if root in self._beside:
            return self._namer.role(str(self._beside[root][0].name), "{}_all")
        return self._namer.plain(str(root.name))

    def _bounds(self, place: Place, dim: tuple[str, ...]) -> str:
        """``a:b``; empty: all of it."""
        if (place.start, place.stop) == (0, len(dim)):
            return ""
        return cut_text(dim, place.start, place.stop, self.size)

    def _for_all(self, root: Var) -> bool:
        """Whether its array holds all steps."""
        if root in self._given or self._scopes[root] == _ALL:
            return True
        return self._scopes[root] == _STEP and self._made_for_all(root)

    def _index(self, root: Var) -> list[str]:
        """The indices of a row within its array."""
        if self._fixed(root) or (root not in self._given and self._scopes[root] == _ROW):
            return []
        if not self._for_all(root):
            return ["b"]
        late = self._beside.get(root, (root, 0))[1]
        return ["t + 1" if late else "t", "b"]

    def row(self, var: Var) -> str:
        """The row of a sequence at a step; of what is the same for all, itself; one axis."""
        place = self.place(var)
        assert place is not None, var
        root, name = place.root, self._name(place.root)
        bounds = self._bounds(place, root.shape[0]) if root.shape else ""
        index = ", ".join([*self._index(root), *([bounds] if bounds else [])])
        text = f"{name}[{index}]" if index else name
        return f"flat({text})" if len(root.shape) == 2 else text

    def rows(self, var: Var, where: str) -> str:
        """The rows of a step, of all steps, or the one row there is, as a matrix."""
        place = self.place(var)
        assert place is not None, var
        root, name = place.root, self._name(place.root)
        bounds = self._bounds(place, root.shape[0]) if root.shape else ""
        cut = f"[:, {bounds}]" if bounds else ""
        if self._fixed(root):
            return f"{self.row(var)}.reshape(1, {self.size(var.shape[0])})"
        if where == "all":
            return f"rows({name}{self._steps(root)}){cut}"
        if not self._for_all(root):
            return f"{name}{cut}"
        index = self._index(root)[0]
        return f"{name}[{index}, :, {bounds}]" if bounds else f"{name}[{index}]"

    def _steps(self, root: Var) -> str:
        """Which rows of an array with T + 1 of them are those of steps 1 to T."""
        if root not in self._beside:
            return ""
        return "[1:]" if self._beside[root][1] else "[:-1]"

    def matrix(self, var: Var) -> str:
        """A matrix, or a part of one: some of its rows, of its columns, or of both."""
        at, whole = [0, 0], var
        while whole in self._lines.views:
            view = self._lines.views[whole]
            at[view.axis] += view.start
            whole = view.whole
        cuts = []
        for axis in (0, 1):
            place = Place(whole, at[axis], at[axis] + len(var.shape[axis]))
            cuts.append(self._bounds(place, whole.shape[axis]))
        above, beside = cuts
        if beside:
            return f"{self._name(whole)}[{above or ':'}, {beside}]"
        return f"{self._name(whole)}[{above}]" if above else self._name(whole)

    def result(self, var: Var) -> str:
        """The values of all steps, or what there is for once."""
        place = self.place(var)
        assert place is not None, var
        root = place.root
        if len(var.shape) == 2:
            return self.matrix(var)
        bounds = self._bounds(place, root.shape[0]) if root.shape else ""
        if self._fixed(root):
            return f"{self._name(root)}[{bounds}]" if bounds else self._name(root)
        return f"{self._name(root)}{self._steps(root)}" + (f"[:, :, {bounds}]" if bounds else "")

    def first(self, enters: Var) -> str:
        """What is carried, before the first turn."""
        if enters not in self._beside:
            return self._name(enters)
        return f"{self._name(enters)}[{'T' if self._scan.reverse else '0'}]"

    def last(self, enters: Var) -> str:
        """What is carried, after the last turn."""
        if enters not in self._beside:
            return self._name(enters)
        return f"{self._name(enters)}[{'0' if self._scan.reverse else 'T'}]"

    # -- allocation ----------------------------------------------------------------------------

    def arrays(self) -> list[Array]:
        """The arrays that the function needs, those first that somebody keeps."""
        found: dict[str, Array] = {}
        carried = {enters for enters, _ in self._scan.carry}
        for root in self._scopes:
            place = self.place(root)
            if place is not None and place.root not in self._given:
                held, name = place.root, self._name(place.root)
                kept = root in self._kept | carried or (name in found and found[name].kept)
                found[name] = Array(name, self._lead(held), held.shape, kept)
        return sorted(found.values(), key=lambda array: not array.kept)

    def _lead(self, root: Var) -> tuple[str, ...]:
        if self._fixed(root) or self._scopes[root] == _ROW:
            return ()
        if not self._for_all(root):
            return ("B",)
        return ("T + 1" if root in self._beside else "T", "B")


def _meet(a: Place | None, b: Place | None) -> bool:
    if a is None or b is None or a.root != b.root:
        return False
    return not a.root.shape or (a.start < b.stop and b.start < a.stop)
