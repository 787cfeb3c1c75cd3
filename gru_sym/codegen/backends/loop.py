"""The NumPy loop of a Scan: what is computed ahead, the arrays, and the turns, all in place."""

from collections.abc import Mapping

import sympy as sp

from gru_sym.algebra.expr import Dim, Expr, Shape, Size, Var, variables_of
from gru_sym.algebra.nodes import Concat, Slice
from gru_sym.algebra.program import Definition, Scan, presenter_for
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.algebra.show import show_definition
from gru_sym.codegen.backends.inplace import InPlace, InPlaceRows
from gru_sym.codegen.backends.layout import indented
from gru_sym.codegen.backends.naming import Namer, dim_text
from gru_sym.codegen.backends.statements import flushing
from gru_sym.codegen.backends.whole import Whole
from gru_sym.codegen.passes.reuse import reuse
from gru_sym.codegen.text import Writer

__all__ = ["Loop"]

_SIGMOID = FUNCTIONS["sigmoid"]
_PADDING = 16  # numbers by which arrays in one block may be moved apart


class Loop:
    """Prints a Scan as NumPy statements.

    Within the loop ``z_t`` is the row of ``z`` at step t, (B, n).

    Args:
        scan: what to print.
        kept: what is wanted for all t beside what ``scan.after`` reads.
        first: what enters the first turn → the text of its value.
        writer: writes elementwise expressions.
        namer: the identifiers.
    """

    def __init__(
        self,
        scan: Scan,
        kept: frozenset[Var],
        first: Mapping[Var, str],
        writer: Writer,
        namer: Namer,
    ) -> None:
        self._scan, self._first, self._namer = scan, first, namer
        self._varying = scan.sequences
        self._values = scan.step.as_mapping
        self.sizes: dict[str, None] = {}
        self.whole = Whole(writer, namer, self._varying, lambda d: self.sizes.setdefault(d))
        self._places = reuse(scan, kept)
        self._under = {w: v for v, w in self._places.over.items()}
        self._carried = {v for pair in scan.carry for v in pair}
        wanted = kept | set(scan.after.inputs)
        self._wanted = {v for v in (*self._values, *self._carried) if v in wanted}
        self._presenter = presenter_for(scan.origin, scan.before, scan.step)
        self._shapes: dict[str, tuple[bool, Shape]] = {}  # array of the block → (all t, shape)
        self._free: list[str] = []
        self._bound: dict[Var, None] = {}
        self._axes: dict[str, str] = {}
        self._dense: dict[str, None] = {}
        self._turned: dict[str, str] = {}

    def lines(self) -> list[str]:
        """The statements, up to the end of the loop."""
        fixed, ahead = self._before()
        apart = [  # states whose next value lives elsewhere
            enter
            for enter, _ in self._scan.carry
            if enter not in self._places.rolled and enter in self._wanted
        ]
        for enter in apart:
            self._ask(self._name(enter), enter.shape, all_t=True)
        turn = [f"{self._name(e)}[t] = {self._step_text(e)}" for e in apart]
        turn += [*self._step(), *self._carry_on()]
        # Values computed ahead are written to parts of stacks, which have their names before that,
        # unless the stack takes the place of such a value.
        arrays, (views, later) = self._arrays(), self._views()
        ordered = [*arrays, *views, *ahead, *self._in_place(), *later]
        turned = [f"{text} = np.ascontiguousarray({text})" for text in self._dense]
        turned += [f"{n} = np.ascontiguousarray({text}.T)" for text, n in self._turned.items()]
        loop = []
        if turn:
            over = "reversed(range(T))" if self._scan.reverse else "range(T)"
            loop = [f"for t in {over}:", *indented([*self._bindings(), *turn])]
        return [*fixed, *turned, "", *self._allocation(), "", *ordered, "", *loop, ""]

    def after(self) -> list[str]:
        """What is computed once the loop has ended."""
        return [self.whole.definition(d) for d in self._scan.after]

    def last(self, enter: Var, leave: Var) -> str:
        """The text of what the last turn left; a copy, which does not hold the block of memory."""
        if enter in self._places.rolled:
            return f"{self._name(leave)}[{'0' if self._scan.reverse else '-1'}].copy()"
        return f"{self._step_name(enter)}.copy()"

    # -- names ---------------------------------------------------------------------------------

    def _name(self, var: Var) -> str:
        return self._namer.plain(str(var.name))

    def _step_name(self, var: Var) -> str:
        if var not in self._varying:
            return self._name(var)
        return self._namer.role(str(var.name), "{}_t")

    def _step_text(self, atom: Var | Size) -> str:
        if isinstance(atom, Size):
            return self.whole.text(atom)
        atom = self._under.get(atom, atom)
        atom = self._places.kept_in.get(atom, atom)
        self._bound.setdefault(atom)
        return self._step_name(atom)

    def _size(self, dim: Dim) -> str:
        for name in dim:
            self.sizes.setdefault(name)
        return dim_text(dim, self._namer)

    def _fixed_text(self, expr: Expr) -> str | None:
        """The text of what is the same at each step; None: it is not."""
        if variables_of(expr) & self._varying:
            return None
        return f"({self.whole.text(expr)})"

    # -- arrays, made once ---------------------------------------------------------------------

    def _ask(self, name: str, shape: Shape, *, all_t: bool) -> None:
        """Ask for an array that is made once, ahead of the loop."""
        self._shapes[name] = all_t, shape

    def _scratch(self, shape: Shape, *, all_t: bool) -> str:
        for name in self._free:
            if self._shapes[name] == (all_t, shape):
                self._free.remove(name)
                return name
        name = self._namer.fresh("work" if all_t else "tmp")
        self._ask(name, shape, all_t=all_t)
        return name

    def _allocation(self) -> list[str]:
        if not self._shapes:
            return []
        T, B = sp.symbols("T B")
        total: Expr = sp.S.Zero
        lines = []
        for name, (all_t, shape) in self._shapes.items():
            rolled = name in self._both.values()
            sizes = [self._size(dim) for dim in shape] or ["1"]
            lead = ["T + 1" if rolled else "T"] if all_t else []
            lines.append(f"{name} = new({', '.join([*lead, 'B', *sizes])})")
            width = sp.Add(*(sp.Symbol(self._namer.size(n)) for dim in shape for n in dim))
            total += ((T + 1 if rolled else T) if all_t else 1) * B * (width or 1)
        count = str(sp.factor(total)).replace("*", " * ")
        padding = _PADDING * len(lines)
        return [
            "# All arrays, made once.",
            f"new = memory(dtype, {count} + {padding})",
            *lines,
        ]

    # -- ahead of the loop ---------------------------------------------------------------------

    def _before(self) -> tuple[list[str], list[str]]:
        """What is the same at each step, and what is computed for all t."""
        emit = InPlaceRows(
            self.whole.text,
            lambda shape: self._scratch(shape, all_t=True),
            self._free.append,
            lambda matrix, turned: f"{self.whole.text(matrix)}{'' if turned else '.T'}",
            self.whole.cut,
            self._fixed_text,
        )
        in_part = {w: v for w, v in self._under.items() if v in self._places.parts}
        fixed: list[str] = []
        lines: list[str] = []
        for d in self._scan.before:
            if d.var not in self._varying:
                fixed.append(self.whole.definition(d))
            elif isinstance(d.expr, Slice | Var):
                lines.append(self.whole.definition(d))
            else:
                target = in_part.get(d.var, d.var)
                if target == d.var:
                    self._ask(self._name(target), d.var.shape, all_t=True)
                whole = target not in self._places.parts
                made = emit.lines(d.expr, self._name(target), d.var.shape, contiguous=whole)
                lines += self._explained(d, made)
        self._free.clear()
        return fixed, lines

    def _arrays(self) -> list[str]:
        """Ask for the arrays of the loop; lines that give them their names and first values."""
        places, lines = self._places, []
        for enter, leave in places.rolled.items():
            both = self._both[enter]
            self._ask(both, enter.shape, all_t=True)
            rows = [f"{both}[:-1]", f"{both}[1:]"]
            first, (a, b) = ("T", rows[::-1]) if self._scan.reverse else ("0", rows)
            lines.append(f"{both}[{first}] = {self._first[enter]}")
            lines.append(f"{self._name(enter)}, {self._name(leave)} = {a}, {b}")
        for v in places.stored:
            self._ask(self._name(v), v.shape, all_t=True)
        for v in places.scratch:
            if v in self._varying:
                self._ask(self._step_name(v), v.shape, all_t=False)
        for enter, _ in self._scan.carry:
            if enter not in places.rolled:
                self._ask(self._step_name(enter), enter.shape, all_t=False)
                lines.append(f"{self._step_name(enter)}[...] = {self._first[enter]}")
        return lines

    def _in_place(self) -> list[str]:
        """Names for the values that take the place of others."""
        return [
            f"{self._name(v)} = {self._name(w)}  # in place"
            for v, w in self._places.over.items()
            if v not in self._places.parts
        ]

    @property
    def _both(self) -> dict[Var, str]:
        """State → the array that holds it before and after each step."""
        return {e: self._namer.role(str(e.name), "{}_all") for e in self._places.rolled}

    def _everywhere(self) -> set[Var]:
        """The variables with an array of their own for all t."""
        places = self._places
        rolled = {v for pair in places.rolled.items() for v in pair}
        over = {v for v in places.over if v not in places.parts}
        return {*places.stored, *over, *rolled}

    def _views(self) -> tuple[list[str], list[str]]:
        """Parts of stacks: of all steps where they are stored, else of the array for one.

        Those of stacks that take the place of other values come second.
        """
        first: list[str] = []
        second: list[str] = []
        used = {*self._bound, *self._wanted, *self._places.over}
        for v, (whole, start, stop) in self._places.parts.items():
            if v not in used:
                continue
            cut = self.whole.cut(whole.shape[0], start, stop)
            root = self._places.root(v)
            lines = second if root in self._places.over else first
            if root in self._everywhere():
                lines.append(f"{self._name(v)} = {self._name(whole)}[..., {cut}]")
            else:
                lines.append(f"{self._step_name(v)} = {self._step_name(whole)}[:, {cut}]")
        return [*first, *(f"{name} = {text}" for name, text in self._axes.items())], second

    # -- a turn --------------------------------------------------------------------------------

    def _bindings(self) -> list[str]:
        """At the head of a turn: the rows of step t."""
        everywhere = self._everywhere()
        within = {*self._values, *(enter for enter, _ in self._scan.carry)}
        rows = [
            v
            for v in self._bound
            if v in self._varying and (v not in within or self._places.root(v) in everywhere)
        ]
        lines = [f"{self._step_name(v)} = {self._name(v)}[t]" for v in rows]
        return [*lines, *(f"{name}_t = {name}[t]" for name in self._axes)]

    def _step(self) -> list[str]:
        emit = InPlace(
            self._step_text,
            lambda shape: self._scratch(shape, all_t=False),
            self._free.append,
            self._matrix,
            self.whole.cut,
            self._fixed_text,
        )
        runs = self._runs()
        done: set[Var] = set()
        lines: list[str] = []
        for d in self._scan.step:
            if d.var in done or self._is_view(d):
                continue
            if d.var not in self._varying:
                lines.append(self.whole.definition(d))
            elif d.var in runs:
                lines += self._multiplied(runs[d.var])
                done |= set(runs[d.var])
            elif (pair := self._pair(d)) is not None:
                gate, rest = pair
                arg = self._step_text(_unsigned(d.expr.args[0]))
                out = f"out={self._step_text(gate)}, rest={self._step_text(rest)}"
                lines.append(f"sigmoid_pair({arg}, {out})")
                done |= {gate, rest}
            else:
                out = self._step_text(d.var)
                made = emit.lines(d.expr, out, d.var.shape, contiguous=self._contiguous(d.var))
                lines += self._explained(d, made)
        return lines

    def _explained(self, d: Definition, made: list[str]) -> list[str]:
        """Lines with what they compute together above them, in the language of cells."""
        if len(made) < 2:
            return made
        written = self._presenter.definition(Definition(d.var, d.expr))
        return [f"# {show_definition(written)}", *made]

    def _matrix(self, matrix: Expr, turned: bool) -> str:
        """What a row is multiplied by: BLAS is fastest where it reads a transposed matrix.

        ``np.dot`` would copy a matrix with gaps between its rows, at each step.
        """
        text = self.whole.text(matrix)
        if not turned:
            if isinstance(self._scan.before.as_mapping.get(matrix), Slice):
                self._dense.setdefault(text)
            return f"{text}.T"
        if text not in self._turned:
            self._turned[text] = self._namer.fresh(f"{text}_T" if text.isidentifier() else "turned")
        return f"{self._turned[text]}.T"

    def _pair(self, d: Definition) -> tuple[Var, Var] | None:
        """A gate and its complement, where the step computes both."""
        if d.expr.func is not _SIGMOID:
            return None
        arg = d.expr.args[0]
        for other in self._scan.step:
            if other.expr.func is _SIGMOID and other.expr.args[0] == -arg:
                return (d.var, other.var) if isinstance(arg, Var) else (other.var, d.var)
        return None

    def _is_view(self, d: Definition) -> bool:
        """Whether a value lies in memory already, as a part of another or as all of its parts."""
        parts = self._places.parts
        if isinstance(d.expr, Slice):
            return d.var in parts
        return isinstance(d.expr, Concat) and any(
            v in parts and parts[v][0] == d.var for v in d.expr.operands
        )

    def _contiguous(self, var: Var) -> bool:
        return var not in self._places.parts and var not in self._places.over

    def _runs(self) -> dict[Var, list[Var]]:
        """Neighbours in a stack, of one size, that are all to be multiplied by the same value."""
        runs: list[tuple[tuple[object, ...], list[Var]]] = []
        parts = self._places.parts
        for v in sorted(parts, key=lambda v: (str(parts[v][0].name), parts[v][1])):
            if v not in self._places.over or not isinstance(self._values[v], sp.Mul):
                continue
            base = self._values[v] / self._places.over[v]
            if not isinstance(base, Var) or base.shape != v.shape or base in parts:
                continue
            whole, start, _ = parts[v]
            if runs and runs[-1][0] == (whole, base) and parts[runs[-1][1][-1]][2] == start:
                runs[-1][1].append(v)
            else:
                runs.append(((whole, base), [v]))
        return {v: run for _, run in runs if len(run) > 1 for v in run}

    def _multiplied(self, run: list[Var]) -> list[str]:
        """All parts of a run by one multiplication, of an array with an axis for the parts."""
        whole, start, _ = self._places.parts[run[0]]
        stop = self._places.parts[run[-1]][2]
        stacked = self._name(whole)
        if (start, stop) != (0, len(whole.shape[0])):
            stacked = f"{stacked}[..., {self.whole.cut(whole.shape[0], start, stop)}]"
        name = self._namer.fresh(f"{self._name(whole)}_parts")
        self._axes[name] = f"{stacked}.reshape(T, B, {len(run)}, {self._size(run[0].shape[0])})"
        base = self._values[run[0]] / self._places.over[run[0]]
        return [
            f"# {', '.join(map(self._name, run))}: each slope times {self._name(base)}",
            f"{name}_t *= {self._step_text(base)}[:, np.newaxis]",
        ]

    def _carry_on(self) -> list[str]:
        """At the end of a turn: what the next one begins with, where it is not there yet."""
        lines: list[str] = []
        calls: list[str] = []
        for enter, leave in self._scan.carry:
            rolled = enter in self._places.rolled
            array = self._step_text(leave) if rolled else self._step_name(enter)
            if not rolled and leave not in self._places.kept_in:
                lines.append(f"{array}[...] = {self._step_text(leave)}")
            if self._scan.reverse:  # cotangents vanish; states do not
                work = self._scratch(enter.shape, all_t=False)
                self._free.append(work)
                calls.append(f"{array}, {work}")
        return [*lines, *(flushing(calls) if calls else [])]


def _unsigned(arg: Expr) -> Expr:
    return arg if isinstance(arg, Var) else -arg
