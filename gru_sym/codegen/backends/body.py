"""The lines that compute a Scan without writing to arrays: ahead of the loop, the loop, after it.

What one turn of the loop computes has names that end with ``_t``; outside of it a name stands for
the values of all turns.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gru_sym.algebra.expr import Expr, Node, Shape, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Slice
from gru_sym.algebra.program import Definition, Scan, presenter_for
from gru_sym.codegen.backends.expressions import Expressions, Library
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.passes.parts import in_order, needed

__all__ = ["Body", "Style", "Turn"]


@dataclass(frozen=True)
class Turn:
    """A loop over time, as a library is to write it.

    Attributes:
        lines: one turn.
        carry: (as it enters a turn, as it leaves it, as it enters the first one).
        read: (a sequence, its name in a turn).
        stored: (what is wanted for all turns, its name in a turn).
        last: what the loop leaves behind, for each of ``carry``; ``_``, or nothing, where nobody
            needs it.
        reverse: whether the last step comes first.
    """

    lines: list[str]
    carry: tuple[tuple[str, str, str], ...]
    read: tuple[tuple[str, str], ...]
    stored: tuple[tuple[str, str], ...]
    last: tuple[str, ...]
    reverse: bool


@dataclass(frozen=True)
class Style:
    """How a library's modules are written.

    Attributes:
        library: its words.
        array: the type of an array.
        params: the type of the parameters.
        at: (a sequence, its name in a turn) → the text of its value in a turn.
        loop: writes a loop.
        last: (a carried variable's name in a turn, its own name) → what it is called after the
            loop.
    """

    library: Library
    array: str
    params: str
    at: Callable[[str, str], str]
    loop: Callable[[Turn], list[str]]
    last: Callable[[str, str], str]


class _Entering(Node):
    """A state as it enters each turn, from its values as it leaves them: moved by one step."""

    __slots__ = ()

    @property
    def shape(self) -> Shape:
        return shape_of(self.args[0])


@dataclass(frozen=True)
class _Parts:
    """The step of a Scan, divided.

    Attributes:
        ahead: states that are known before the loop, for all t.
        carry: what is not.
        turn: what the next turn needs.
        stored: values of the turn that are wanted for all t.
        late: the rest, for all t, after the loop.
    """

    ahead: tuple[Definition, ...]
    carry: tuple[tuple[Var, Var], ...]
    turn: tuple[Definition, ...]
    stored: tuple[Var, ...]
    late: tuple[Definition, ...]


def _divided(scan: Scan, kept: Iterable[Var]) -> _Parts:
    values, leaves = scan.step.as_mapping, dict(scan.carry)
    carry, turn = _carried(scan)
    in_turn = {d.var for d in turn}
    stored: set[Var] = set()
    late: dict[Var, Expr] = {}
    # The gradient of an initial state is the last value of a cotangent, carried or not.
    alone = [leave for pair in scan.carry if pair not in carry for leave in pair[1:]]
    waiting = [*kept, *scan.after.inputs, *alone]
    while waiting:
        v = waiting.pop()
        if v in stored or v in late or not (v in values or v in leaves):
            continue
        # A part of a stored array is cut out of it once, after the loop.
        if v in in_turn and not isinstance(values[v], Slice):
            stored.add(v)
            continue
        late[v] = _Entering(leaves[v]) if v in leaves else values[v]
        waiting += variables_of(late[v])
    used = {*late, *variables_of(d.expr for d in turn)}
    ahead = [e for e, leave in scan.carry if leave not in values and e in used]
    order = [v for v in (*values, *leaves) if v in late and v not in ahead]
    return _Parts(
        tuple(Definition(e, _Entering(leaves[e])) for e in ahead),
        carry,
        tuple(turn),
        tuple(v for v in values if v in stored),
        tuple(in_order(Definition(v, late[v]) for v in order)),
    )


def _carried(scan: Scan) -> tuple[tuple[tuple[Var, Var], ...], list[Definition]]:
    """What a turn needs from the turn before it, and the lines that compute that."""
    carry = tuple(pair for pair in scan.carry if pair[1] in scan.step.as_mapping)
    while True:
        turn = needed(scan.step, (leave for _, leave in carry))
        used = variables_of(d.expr for d in turn)
        fewer = tuple(pair for pair in carry if pair[0] in used)
        if fewer == carry:
            return carry, turn
        carry = fewer


class Body:
    """The lines that compute a Scan.

    Args:
        scan: what to print.
        kept: what is wanted for all t beside what ``scan.after`` reads.
        first: what enters the first turn → the text of its value.
        style: the library.
        namer: the identifiers.
        alias: variable → its text, where it has one already.
        like: the text of an array of the type that all have.
        awaited: what a turn gets from the turn before it, in words.
    """

    def __init__(
        self,
        scan: Scan,
        kept: Iterable[Var],
        first: Mapping[Var, str],
        style: Style,
        namer: Namer,
        alias: Mapping[Var, str],
        like: str,
        awaited: str,
    ) -> None:
        self._scan, self._first, self._style, self._awaited = scan, first, style, awaited
        self._namer, self._alias = namer, alias
        self._parts = _divided(scan, kept)
        self._inside = {d.var for d in self._parts.turn} | {e for e, _ in self._parts.carry}
        self._read: dict[str, str] = {}
        presenter = presenter_for(scan.origin, scan.before, scan.step, scan.after)
        shared = style.library, presenter, namer
        self._whole = Expressions(*shared, self.name, scan.sequences, ("T", "B"), like, 1)
        self._step = Expressions(*shared, self._name_t, scan.sequences, ("B",), like, 2)

    @property
    def sizes(self) -> dict[str, None]:
        """The dimensions whose sizes are mentioned."""
        return self._whole.sizes | self._step.sizes

    def name(self, var: Var) -> str:
        """A variable outside of the loop."""
        return self._alias.get(var) or self._namer.plain(str(var.name))

    def lines(self) -> list[str]:
        """All lines."""
        parts, scan = self._parts, self._scan
        ahead = self._whole.lines(scan.before)
        ahead += [self._entering(d) for d in parts.ahead]
        loop = self._style.loop(self._turn()) if parts.carry else []
        after: list[str] = []
        late: list[Definition] = []
        for d in parts.late:
            if isinstance(d.expr, _Entering):
                after += [*self._whole.lines(late), self._entering(d)]
                late = []
            else:
                late.append(d)
        after += self._whole.lines((*late, *scan.after))
        if loop and ahead:
            ahead.insert(0, f"# All steps at once: what needs no {self._awaited}.")
        if loop and after:
            after.insert(0, "# All steps at once: what the loop does not need.")
        return [*ahead, *loop, *after]

    def last(self, enter: Var, leave: Var) -> str:
        """What a carried variable is in the end."""
        if (enter, leave) not in self._parts.carry or leave in self._parts.stored:
            return f"{self.name(leave)}[{'0' if self._scan.reverse else '-1'}]"
        return self._style.last(self._name_t(leave), self.name(leave))

    def _turn(self) -> Turn:
        parts = self._parts
        lines = self._step.lines(parts.turn)
        carry = tuple(
            (self._name_t(enter), self._name_t(leave), self._first[enter])
            for enter, leave in parts.carry
        )
        last = tuple(self.last(*pair) if self._scan.reverse else "_" for pair in parts.carry)
        return Turn(
            lines,
            carry,
            tuple(self._read.items()),
            tuple((self.name(v), self._name_t(v)) for v in parts.stored),
            tuple(text if text.isidentifier() else "_" for text in last),
            self._scan.reverse,
        )

    def _name_t(self, var: Var) -> str:
        """A variable in a turn of the loop."""
        if var in self._inside:
            return self._namer.role(str(var.name), "{}_t")
        if var not in self._scan.sequences:
            return self.name(var)
        whole, step = self.name(var), self._namer.role(str(var.name), "{}_t")
        self._read[whole] = step
        return self._style.at(whole, step)

    def _entering(self, d: Definition) -> str:
        """A state as it enters each turn: its first value, then those that it leaves as."""
        library, leave = self._style.library, d.expr.args[0]
        first, leaves = self._first[d.var], self.name(leave)
        if self._scan.reverse:
            items = f"{leaves}[1:]", f"{library.name}.zeros_like({leaves}[:1])"
        elif leave in self._scan.sequences:
            items = f"{first}[None]", f"{leaves}[:-1]"
        else:
            items = f"{first}[None]", library.broadcast(leaves, f"(T - 1, *{first}.shape)")
        return f"{self.name(d.var)} = {library.joined(items)}"
