"""Row functions: a block of lines as loops over the entries of one row.

Lines of one length share a loop. Where a line needs a function of a whole row, such as a total, a
new loop begins; only what one loop hands to the next, or to others, needs an array.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gru_sym.algebra.expr import Expr, Shape, Size, Var, variables_of
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.codegen.backends.layout import WIDTH, indented
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.numba_statements import Line, Producers, read_by
from gru_sym.codegen.backends.statements import assigned, listed
from gru_sym.codegen.passes.stabilise import tanh_slope
from gru_sym.codegen.schedule import ROWS
from gru_sym.codegen.text import Writer

__all__ = ["CALLS", "Phase", "Place", "RowFunction", "by_name", "in_memory", "phases"]

CALLS = {
    "abs": "abs",
    "cos": "math.cos",
    "exp": "exp",
    "log": "math.log",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "sin": "math.sin",
    "softplus": "softplus",
    "sqrt": "math.sqrt",
    "step": "step",
    "tanh": "tanh",
    "tanh_slope": "tanh_slope",
}
"""Function → what is called."""

_DEPTH = 2  # of a line in a loop
_ROOM = WIDTH - 4 * _DEPTH


@dataclass
class Phase:
    """What happens before some loops, and the loops, by the shape that they run over."""

    ahead: list[Line] = field(default_factory=list)
    loops: dict[Shape, list[Line]] = field(default_factory=dict)


class Place(NamedTuple):
    """Where a row of a variable is: the array that holds it, and from which block to which."""

    root: Var
    start: int
    stop: int


def phases(lines: Sequence[Line], producers: Producers) -> list[Phase]:
    """The lines of a block in phases; each loop reads what loops before it have left."""
    own = {line.target: line for line in lines}
    level: dict[Var, int] = {}

    def in_loop(line: Line) -> bool:
        return bool(line.target.shape) and not line.calls

    for line in lines:
        at = 0
        for v in variables_of(line.expr):
            for made in producers(v) & own.keys():
                later = in_loop(own[made]) and (line.calls or made != v)
                at = max(at, level[made] + later)
        level[line.target] = at
    # A line that only later loops read moves to the first of them: nothing is then handed over.
    for line in reversed(lines):
        readers = [d for d in lines if line.target in read_by(d, producers)]
        if in_loop(line) and readers and line.kind == "set":
            latest = min(
                level[d.target] - (d.calls or line.target not in variables_of(d.expr))
                for d in readers
            )
            level[line.target] = max(level[line.target], latest)
    found = [Phase() for _ in range(1 + max(level.values(), default=0))]
    for line in lines:
        phase = found[level[line.target]]
        if in_loop(line):
            phase.loops.setdefault(line.target.shape, []).append(line)
        else:
            phase.ahead.append(line)
    return found


def by_name(variables: Iterable[Var]) -> list[Var]:
    """Variables in an order that is the same every time."""
    return sorted(variables, key=lambda v: str(v.name))


def in_memory(found: Sequence[Phase], producers: Producers) -> set[Var]:
    """The variables of a block that one of its loops hands over in an array."""
    vectors = {line.target for p in found for loop in p.loops.values() for line in loop}
    vectors |= {line.target for p in found for line in p.ahead if line.target.shape}
    handed: set[Var] = set()
    for phase in found:
        for line in phase.ahead:
            handed |= read_by(line, producers) & vectors
        for loop in phase.loops.values():
            here = {line.target for line in loop if line.kind == "set"}
            for line in loop:
                for v in variables_of(line.expr):
                    if v not in here:
                        handed |= producers(v) & vectors
    handed |= {line.target for p in found for line in p.ahead if line.kind == "softmax"}
    return handed


class RowFunction:
    """The text of one row function, and of its arguments.

    Args:
        name: of the function.
        lines: of the block.
        producers: variable → the lines' targets that write what is read under its name.
        place: variable → where its row is; None where it has no array.
        fixed: whether a variable is the same for each row.
        writer: writes expressions.
        namer: the identifiers of this function alone.
    """

    def __init__(
        self,
        name: str,
        lines: Sequence[Line],
        producers: Producers,
        place: Callable[[Var], Place | None],
        fixed: Callable[[Var], bool],
        writer: Writer,
        namer: Namer,
    ) -> None:
        self.name = name
        self._own = {line.target for line in lines}
        self._adds = {line.target for line in lines if line.kind == "add"}
        self._place, self._fixed = place, fixed
        self._writer, self._namer = writer, namer
        self._arguments: dict[Place, tuple[str, Var]] = {}
        self.sizes: dict[str, str] = {}
        self._written: set[Place] = set()
        self._phases = phases(lines, producers)

    def lines(self, doc: str) -> list[str]:
        """The definition of the function."""
        body: list[str] = []
        for phase in self._phases:
            for line in phase.ahead:
                body += self._ahead(line)
            for loop in phase.loops.values():
                body += self._loop(loop)
        arguments = [f"{name}: Array" for name, _ in self.arguments]
        arguments += [f"{name}: int" for name in self.sizes.values()]
        apart = [] if self._overlap() else ["noalias()"]
        return [
            "@inlined",
            *listed(f"def {self.name}(", arguments, ") -> None:", 0),
            *indented([f'"""{doc}"""', *apart, *body]),
        ]

    def _overlap(self) -> bool:
        """Whether two arguments share memory that one of them is written to."""
        return any(
            a != b and a.root == b.root and a.start < b.stop and b.start < a.stop
            for a in self._written
            for b in self._arguments
        )

    @property
    def arguments(self) -> list[tuple[str, Var]]:
        """Name → variable of each row: first those that are only read."""
        order = sorted(self._arguments, key=lambda place: place in self._written)
        return [self._arguments[place] for place in order]

    # -- names ---------------------------------------------------------------------------------

    def _local(self, var: Var) -> str:
        return self._namer.plain(str(var.name))

    def _array(self, var: Var) -> str:
        """The argument that holds a row."""
        place = self._place(var)
        assert place is not None, var
        if place not in self._arguments:
            plain = self._fixed(var) and (var not in self._own or var in self._adds)
            name = self._local(var) if plain else self._namer.role(str(var.name), "{}_row")
            self._arguments[place] = name, var
        return self._arguments[place][0]

    def _size(self, size: Size) -> str:
        rows = size.name == ROWS
        name = self._namer.role(ROWS, "count") if rows else self._namer.size(str(size.name))
        return self.sizes.setdefault(str(size.name), name)

    # -- what is no loop -----------------------------------------------------------------------

    def _scalar(self, atom: Var | Size) -> str:
        """The text of a number of this row."""
        if isinstance(atom, Size):
            return self._size(atom)
        if atom in self._own and atom not in self._adds:
            return self._local(atom)
        return f"{self._array(atom)}[0]"

    def _ahead(self, line: Line) -> list[str]:
        if line.calls:
            value = f"{line.kind}({self._array(line.expr)})"
            if line.kind == "softmax":
                out = self._array(line.target)
                self._written.add(self._place(line.target))  # type: ignore[arg-type]
                return [f"softmax({self._array(line.expr)}, {out})"]
        else:
            value = self._writer.text(line.expr, self._scalar, _no_node)
        place = self._place(line.target)
        if place is not None:
            self._written.add(place)
        local = self._local(line.target)
        if line.kind == "add":
            local = self._namer.role(str(line.target.name), "{}_now")
            return [*assigned(local, value, 1), f"{self._array(line.target)}[0] += {local}"]
        lines = assigned(local, value, 1)
        if place is not None:
            lines.append(f"{self._array(line.target)}[0] = {local}")
        return lines

    # -- loops ---------------------------------------------------------------------------------

    def _loop(self, loop: Sequence[Line]) -> list[str]:
        here = {line.target for line in loop if line.kind == "set"}
        written = {p for line in loop if (p := self._place(line.target)) is not None}
        self._written |= written
        uses: dict[Var, int] = {}
        for line in loop:
            for v in sorted(variables_of(line.expr), key=lambda v: str(v.name)):
                uses[v] = uses.get(v, 0) + 1
        vectors = [v for v in uses if v.shape and v not in here]
        # What is written over in this loop is read before that.
        local = {
            v for v in vectors if self._place(v) in written or (uses[v] > 1 and not self._fixed(v))
        }

        def name(atom: Var | Size) -> str:
            if isinstance(atom, Size) or not atom.shape:
                return self._scalar(atom)
            if atom in here or atom in local:
                return self._local(atom)
            return f"{self._array(atom)}[j]"

        body, stores = [], []
        done: set[Var] = set()
        for line in loop:
            if line.target in done:
                continue
            pair = _pair(line, loop)
            if pair:
                done |= {d.target for d in pair}
                names = ", ".join(self._local(d.target) for d in pair)
                argument = self._writer.text(_argument(pair[0].expr), name, _no_node)
                body.append(f"{names} = {_PAIRS[line.expr.func]}({argument})")
                stores += [s for d in pair if (s := self._store(d.target))]
                continue
            text = self._writer.text(line.expr, name, _no_node)
            local_name = self._local(line.target)
            if line.kind == "add":
                local_name = self._namer.role(str(line.target.name), "{}_now")
            stored = ""
            if self._has(line.target):
                operator = "+=" if line.kind == "add" else "="
                stored = f"{self._array(line.target)}[j] {operator} "
            read = line.kind == "set" and line.target in uses
            if read or not stored or len(stored) + len(text) > _ROOM:
                body += assigned(local_name, text, _DEPTH)
                text = local_name
            if stored:
                stores.append(f"{stored}{text}")
        taken = {self._place(line.target): self._local(line.target) for line in loop}
        hosts = [v for v in vectors if self._place(v) in taken]
        loads = []
        if hosts:
            guests = ", ".join(taken[self._place(v)] for v in hosts)
            loads.append(f"# Read first what {guests} will take the place of.")
        for v in (*hosts, *(v for v in vectors if v in local and v not in hosts)):
            loads.append(f"{self._local(v)} = {self._array(v)}[j]")
        length = self._array(next(v for v in (*(d.target for d in loop), *vectors) if self._has(v)))
        return [f"for j in range({length}.shape[0]):", *indented([*loads, *body, *stores])]

    def _has(self, var: Var) -> bool:
        return self._place(var) is not None

    def _store(self, var: Var) -> str:
        return f"{self._array(var)}[j] = {self._local(var)}" if self._has(var) else ""


_SIGMOID, _TANH = FUNCTIONS["sigmoid"], FUNCTIONS["tanh"]
_PAIRS: Mapping[object, str] = {
    _SIGMOID: "sigmoid_pair",
    _TANH: "tanh_pair",
    tanh_slope: "tanh_pair",
}


def _argument(call: Expr) -> Expr:
    return call.args[0]


def _pair(line: Line, loop: Iterable[Line]) -> tuple[Line, Line] | None:
    """A gate and its complement, or a tanh and its slope: one exponential gives both."""
    if line.expr.func not in _PAIRS:
        return None
    a = _argument(line.expr)
    partners = {
        _SIGMOID: (_SIGMOID(-a), False),
        _TANH: (tanh_slope(a), False),
        tanh_slope: (_TANH(a), True),
    }
    wanted, turned = partners[line.expr.func]
    for other in loop:
        if other.expr == wanted and other is not line and other.kind == line.kind == "set":
            return (other, line) if turned else (line, other)
    return None


def _no_node(node: Expr) -> str:
    raise AssertionError(f"{node} in a row function")
