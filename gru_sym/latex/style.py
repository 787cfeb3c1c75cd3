"""The style in which a cell and its derivatives are written: a notation, met with a cell's names.

Which matrix acts on the input and which on the state is found from the equations, not from a name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.nodes import MatVec
from gru_sym.algebra.program import Program, Scan
from gru_sym.algebra.symbols import Naming, Symbol, at, look, spelled
from gru_sym.algebra.typeset import Style
from gru_sym.cells.build import ARGUMENT
from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.derive.bptt import LATER, UP, later_of
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.jvp import DOT
from gru_sym.derive.paths import IDENTITY
from gru_sym.derive.vjp import BAR, TOTAL, cotangent_of, total_of
from gru_sym.errors import DataError
from gru_sym.latex.notation import GATE, KEYS, Notation

__all__ = ["note_of_unused", "style_of", "symbols_of", "unused_symbols"]

_MARKS = ("", "_tilde", "_hat")
_IDENTITY = r"\mathbf{I}"


def style_of(
    cell: Cell,
    notation: Notation,
    result: Program | Scan | Jacobian | None = None,
    *,
    in_sequence: bool = False,
) -> Style:
    """The style for a cell, or for what was derived from it.

    ``in_sequence`` is for a step that is told as one of many: what it gives to its old state is
    what comes "later" there, to be added to what the loss sees of it, and its share of the gradient
    of a parameter has an index t. In a Scan it always is.
    """
    varying = result.sequences if isinstance(result, Scan) else cell.varying
    naming = Naming(
        frozenset(str(v.name) for v in varying),
        frozenset(str(s.name) for s in cell.states),
        # Named here, so that nothing is looked for in what is written to put the matrix there.
        symbols_of(cell, notation) | {IDENTITY: _IDENTITY},
        notation.cotangent,
        dict(_standing(cell, in_sequence=in_sequence or isinstance(result, Scan))),
    )
    return Style(naming, frozenset(_scalars(cell, result)), f"\\{notation.product}")


def _standing(cell: Cell, *, in_sequence: bool) -> Iterator[tuple[str, tuple[str, str]]]:
    """The cotangents that are a part of the derivative by their variable, called as such.

    Of an output that its own cell uses, too, what is "given" is a part, and the total is all.
    """
    for state in cell.states if in_sequence else ():
        bar, later = cotangent_of(state), later_of(state)
        yield str(bar.name), (str(later.name), "t-1")
        yield f"{bar.name}{DOT}", (f"{later.name}{DOT}", "t-1")
    for param in cell.params if in_sequence else ():
        # The share of one step: the derivative by the copy of the parameter that it uses.
        share = str(cotangent_of(param).name)
        yield share, (share, "t")
        yield f"{share}{DOT}", (f"{share}{DOT}", "t")
    used = {v for d in cell.program for v in variables_of(d.expr)}
    for var in used.intersection(cell.program.outputs):
        whole = str(cotangent_of(var).name)
        index = "t" if var in cell.varying else ""
        for name, stands_for in ((total_of(var).name, whole), (whole, f"{whole}_given")):
            yield str(name), (stands_for, index)
            yield f"{name}{DOT}", (f"{stands_for}{DOT}", index)


def _scalars(cell: Cell, result: Program | Scan | Jacobian | None) -> Iterable[str]:
    programs = [cell.program]
    if isinstance(result, Program):
        programs.append(result)
    elif isinstance(result, Scan):
        programs += [result.step, result.after]
    variables = [v for program in programs for v in program.variables]
    numbers = {str(v.name) for v in variables if not v.shape}
    return numbers | {size for v in variables for dim in v.shape for size in dim}


def symbols_of(cell: Cell, notation: Notation) -> dict[str, str]:
    """The names of a cell that have a symbol of their own in a notation, with it.

    No two names of a document share a symbol, and none has one that documents use themselves. What
    a template or a profile gives is left where it would; a name that is left without a symbol is
    spelled as in the cell's text.

    Raises:
        DataError: a symbol of the notation's own is that of another name, or of documents.
    """
    return dict(_given(cell, notation))


# A document has several printers, and each asks for the same.
@lru_cache(maxsize=64)
def _given(cell: Cell, notation: Notation) -> tuple[tuple[str, str], ...]:
    giving = _Giving(cell, notation)
    giving.what_the_notation_says()
    giving.what_templates_say()
    giving.all_others()
    return tuple(giving.found.items())


_FORMS = tuple(
    dict.fromkeys(
        said + dot
        for said in ("", BAR, UP, LATER, f"{BAR}_given", BAR + TOTAL)
        for dot in ("", DOT)
    )
)
"""What a document adds to a name."""
_TIMES = ("t", "t-1", "0", "1", "T")
_SCRIPTS = (r"^{\top}", "^{2}")
"""What a document puts on a symbol that has no superscript."""
_DELTA = r"\delta"

_ALWAYS = (
    ("L", "the loss"),
    ("J", "the Jacobian of a step"),
    ("t", "the number of a step"),
    (r"\mathbf{s}", "all states together"),
)
"""What documents write, with an index or without, and for what."""
_BARE = (
    ("T", "the length of a sequence"),
    ("i", "the number of an entry"),
    ("j", "the number of an entry"),
    ("c", "a bound"),
    ("a", "the arguments of activations"),
    (r"\sigma", "the sigmoid"),
    (r"\mathbf{1}", "a vector of ones"),
    (_IDENTITY, "the identity matrix"),
    ("x", "any vector"),
    ("y", "any vector"),
    ("g", "any gradient"),
)
"""What they write without an index: a gate i, which is i_t, is another symbol."""


@dataclass(frozen=True)
class _Owner:
    """Whose a symbol is: a variable's, called by its name, or the documents' own, for something."""

    name: str = ""
    what: str = ""


class _Giving:
    """Gives the names of a cell their symbols, each only where nothing else is written so.

    What a name would be written as, with all that documents add to it, is compared with all that
    is taken; so it needs no list of the ways in which names may meet.
    """

    def __init__(self, cell: Cell, notation: Notation) -> None:
        self.cell, self.notation = cell, notation
        self.found: dict[str, str] = {}
        self.varying = frozenset(str(v.name) for v in cell.varying)
        self.nexts = {
            str(v.name): str(s.name) for v, s in zip(cell.nexts, cell.states, strict=True)
        }
        states = frozenset(self.nexts.values())
        self.naming = Naming(self.varying, states, self.found, notation.cotangent)
        self.taken = {
            look(text): _Owner(what=what)
            for symbol, what in (*_ALWAYS, *_BARE)
            for text in (symbol, *(str(at(Symbol.read(symbol), time)) for time in _TIMES))
            if text == symbol or (symbol, what) in _ALWAYS
        }
        sizes = {name for v in cell.program.variables for dim in v.shape for name in dim}
        self.taken |= {look(Naming()(size)): _Owner(what="a size") for size in sizes}

    def what_the_notation_says(self) -> None:
        """The symbols that a notation lists; those that it has from a profile give way."""
        known = {str(v.name) for v in self.cell.program.variables}
        listed = [(name, symbol) for name, symbol in self.notation.symbols if name in known]
        for name, symbol in listed:
            if name not in self.notation.inherited:
                clash = self._clash(name, symbol)
                if clash is not None:
                    raise self._refusal(name, symbol, *clash)
                self._take(name, symbol)
        for name, symbol in listed:
            if name in self.notation.inherited:
                self._take_if_free(name, symbol)

    def what_templates_say(self) -> None:
        """The symbols of matrices and biases, each after its gate's."""
        known = {str(v.name) for v in self.cell.program.variables}
        for var, template in _templates(self.cell, self.notation):
            name = str(var.name)
            gate = _gate(name, known, dict(self.notation.symbols))
            if template and gate is not None and name not in self.found:
                self._take_if_free(name, template.replace(GATE, gate).replace(",}", "}"))

    def all_others(self) -> None:
        """Each name that is left has the symbol that it suggests, or else is spelled."""
        for name in self._order():
            if name in self.found:
                continue
            clash = self._clash(name)
            if clash is None:
                self._take(name)
                continue
            self._unless_the_notations_own(name, clash)
            symbol = spelled(name)
            self._unless_the_notations_own(name, self._clash(name, symbol))
            self._take(name, symbol)

    def _order(self) -> list[str]:
        """Who comes first keeps its symbol: the states do, a parameter may have another.

        The argument of an activation, called after its line, comes after the line and before what
        a text calls so by itself.
        """
        written = {d.name for d in self.cell.document.definitions}
        defined = [d.name for d in self.cell.program if d.name not in self.nexts]
        names = [str(v.name) for v in (*self.cell.states, *self.cell.inputs)]
        names += [name for name in defined if name in written]
        names += [str(v.name) for v in self.cell.params]
        like_arguments = [name for name in names if name.startswith(ARGUMENT)]
        arguments = [name for name in defined if name not in written]
        return [
            *(name for name in names if name not in like_arguments),
            *arguments,
            *sorted(like_arguments, key=len),
        ]

    def _looks(self, name: str, symbol: str = "") -> dict[str, str]:
        """All that a document may write for a name, as it looks, with its LaTeX."""
        naming = self.naming
        if symbol:
            naming = replace(naming, symbols={**self.found, name: symbol})
        times = ("t",) if name in self.nexts else _TIMES if name in self.varying else ("",)
        shown = [naming.indexed(name + form, time) for form in _FORMS for time in times]
        bare = [text for text in shown[: len(times)] if not {"^", "'"} & set(look(text).split())]
        shown += [text + script for text in bare for script in _SCRIPTS]
        return {look(text): text for text in shown}

    def _clash(self, name: str, symbol: str = "") -> tuple[_Owner, str] | None:
        """Whose the symbol is already, and what both would be written as."""
        owner = _Owner(self.nexts.get(name, name))
        looks = self._looks(name, symbol)
        for seen, text in looks.items():
            if self.taken.get(seen, owner) != owner:
                return self.taken[seen], text
        first = next(iter(looks.values()))
        core = look(Symbol.read(first).core).split()
        if self.notation.cotangent == "delta" and core[-1:] == [_DELTA]:
            return _Owner(what="cotangents"), first
        return None

    def _take(self, name: str, symbol: str = "") -> None:
        owner = _Owner(self.nexts.get(name, name))
        self.taken |= dict.fromkeys(self._looks(name, symbol), owner)
        if symbol:
            self.found[name] = symbol

    def _take_if_free(self, name: str, symbol: str) -> None:
        """Take a symbol that gives way to what is taken, and to what another name suggests."""
        clash = self._clash(name, symbol)
        if clash is not None:
            if name in self.notation.inherited:
                self._unless_the_notations_own(name, clash)
            return
        looks = self._looks(name, symbol).keys()
        others = (
            seen for other, seen in self._suggested.items() if other not in {*self.found, name}
        )
        if all(map(looks.isdisjoint, others)):
            self._take(name, symbol)

    @cached_property
    def _suggested(self) -> dict[str, dict[str, str]]:
        """What each name would be written as without a symbol that a profile or template gives."""
        return {name: self._looks(name) for name in self._order()}

    def _unless_the_notations_own(self, name: str, clash: tuple[_Owner, str] | None) -> None:
        """Raise where a symbol is taken by one that the notation's author chose."""
        chosen = dict(self.notation.chosen)
        if clash is not None:
            names = [n for n in chosen if self.nexts.get(n, n) == clash[0].name]
            if names:
                raise self._refusal(names[0], chosen[names[0]], _Owner(name), clash[1])

    def _refusal(self, name: str, symbol: str, owner: _Owner, shown: str) -> DataError:
        if owner.what:
            return DataError(
                f"the notation writes `{name}` as {symbol}, and documents write {shown} for "
                f"{owner.what}",
                mend=f"give `{name}` another symbol under [symbols]",
            )
        return DataError(
            f"the notation gives `{owner.name}` and `{name}` one symbol, {shown}",
            mend="give each a symbol of its own under [symbols]",
        )


def unused_symbols(cell: Cell, notation: Notation) -> tuple[str, ...]:
    """The names that a notation's author chose a symbol for, and that a cell does not have."""
    known = {str(v.name) for v in cell.program.variables}
    return tuple(name for name, _ in notation.chosen if name not in known)


def note_of_unused(cell: Cell, notation: Notation) -> str:
    """A sentence about :func:`unused_symbols` for the notation's author; empty without any.

    It is no error: cells share a notation. But a name that is misspelt should not be lost.
    """
    known = [str(v.name) for v in cell.program.variables]
    names = []
    for name in unused_symbols(cell, notation):
        hint = did_you_mean(name, known)
        if name in KEYS:
            hint = "if it is meant for all of the notation, it stands above [symbols]"
        names.append(f"`{name}`" + (f" ({hint})" if hint else ""))
    if not names:
        return ""
    return (
        f"{notation.name}.toml has symbols for {', '.join(names)}, which {cell.name} does not have"
    )


def _templates(cell: Cell, notation: Notation) -> Iterable[tuple[Var, str]]:
    """Each parameter that a notation has a template for."""
    moving = cell.program.depending_on(cell.states)
    on_state: dict[Var, set[bool]] = {}
    for d in cell.program:
        for product in d.expr.atoms(MatVec):
            matrix, vector = product.args
            for var in variables_of(matrix):
                on_state.setdefault(var, set()).add(not moving.isdisjoint(variables_of(vector)))
    for var in cell.params:
        if len(var.shape) == 1 and var.name.partition("_")[0] == "b":
            yield var, notation.bias
        elif on_state.get(var) == {False}:
            yield var, notation.input_matrix
        elif on_state.get(var) == {True}:
            yield var, notation.state_matrix


def _gate(name: str, known: set[str], symbols: dict[str, str]) -> str | None:
    """The symbol of the gate that a parameter's name speaks of; None where it is no gate's."""
    _, _, gate = name.partition("_")
    if not gate:
        return ""
    for mark in _MARKS:
        if gate + mark in symbols:
            return symbols[gate + mark]
    if not any(gate + mark in known for mark in _MARKS):
        return None
    core, *rest = str(Naming()(f"v_{gate}")).removeprefix("v_{").removesuffix("}").split(",")
    return ",".join((core, *rest))
