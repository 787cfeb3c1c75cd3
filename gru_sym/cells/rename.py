"""A cell under other names: what composing cells needs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var
from gru_sym.cells.elaborate import NEXT
from gru_sym.cells.equations import Cell
from gru_sym.cells.parse import parse
from gru_sym.cells.show import show_document
from gru_sym.errors import StructureError

__all__ = [
    "composable",
    "declaring",
    "distinct",
    "made",
    "new_labels",
    "new_names",
    "new_size",
    "one_input",
    "renamed",
    "suffixed",
]


def suffixed(cell: Cell, suffix: str) -> Cell:
    """The cell with a suffix on every name but those of its inputs."""
    if not suffix:
        return cell
    names, labels = new_names(cell, suffix), new_labels(cell, suffix, None)
    distinct(names.values())
    document = renamed(cell.document, names, labels)
    state = names[cell.states[0].name]
    if document.header.shapes:
        document = declaring(document, state, new_size(cell.output, labels))
    return made(replace(document, header=replace(document.header, output=state)), cell.name)


def made(document: tree.Document, name: str) -> Cell:
    """The cell of a document. It goes through its text, so that it obeys all rules of a text."""
    return Cell.of(parse(show_document(document)), name=name)


def new_names(cell: Cell, suffix: str) -> dict[str, str]:
    """The new name of every name in the text; inputs keep theirs."""
    inputs, states = {v.name for v in cell.inputs}, {v.name for v in cell.states}
    found = {name: name + suffix for name in _in_text(cell.document) | states if name not in inputs}
    found |= {state + NEXT: state + suffix + NEXT for state in states}
    return found | {name: name for name in inputs}


def new_labels(cell: Cell, suffix: str, below: str | None) -> dict[str, str]:
    """The new name of every size: the input's is the size of the layer below."""
    states = {name for v in cell.states for dim in v.shape for name in dim}
    names = {name for v in cell.program.variables for dim in v.shape for name in dim}
    of_inputs = {name for v in cell.inputs for dim in v.shape for name in dim}
    declared = {name for _, shape in cell.document.header.shapes for name in shape}
    found = {name: name + suffix for name in names | declared}
    if below is not None and len(of_inputs) == 1:
        return found | dict.fromkeys(of_inputs, below)
    return found | {name: name for name in of_inputs - states}


def renamed(
    document: tree.Document, names: Mapping[str, str], labels: Mapping[str, str]
) -> tree.Document:
    """The document under other names; a declared name that is now a definition is left out."""

    def change(_: tree.Node, new: tree.Node) -> tree.Node:
        return replace(new, name=names[new.name]) if isinstance(new, tree.Name) else new

    header = document.header
    gone = {old for old, new in names.items() if new.endswith(NEXT)}

    def listed(items: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if items is None else tuple(names[n] for n in items if n not in gone)

    return tree.Document(
        tuple(
            tree.Definition(names[d.name], tree.transform(d.value, change))
            for d in document.definitions
        ),
        replace(
            header,
            roles=tuple((names.get(name, name), role) for name, role in header.roles),
            inputs=listed(header.inputs) or None,
            params=listed(header.params),
            states=listed(header.states),
            outputs=(),
            output="",
            shapes=tuple(
                (names[name], tuple(labels[n] for n in shape))
                for name, shape in header.shapes
                if name not in gone
            ),
            places=(),
        ),
    )


def declaring(document: tree.Document, state: str, size: str | None) -> tree.Document:
    """Declare the size of a state, so that what is declared beside it means the same."""
    header = document.header
    if size is None or state in dict(header.shapes):
        return document
    states = header.states or ()
    return replace(
        document,
        header=replace(
            header,
            states=states if state in states else (*states, state),
            shapes=(*header.shapes, (state, (size,))),
        ),
    )


def new_size(var: Var, labels: Mapping[str, str]) -> str | None:
    """The new name of a vector's size, where that is one name and not a sum of several."""
    (dim,) = var.shape
    return labels[dim[0]] if len(dim) == 1 else None


def distinct(names: Iterable[str]) -> None:
    """Raise :class:`StructureError` where two names are one."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise StructureError(
            f"`{twice[0]}` would be the name of two things in the composed cell",
            mend="a suffix made two names alike: rename one of them in the cell that you compose",
        )


def one_input(cell: Cell, why: str) -> None:
    """Raise :class:`StructureError` where a cell has more or fewer inputs than one."""
    if len(cell.inputs) != 1:
        names = ", ".join(v.name for v in cell.inputs) or "none"
        raise StructureError(
            f"`{cell.name}` {why}, and needs exactly one input; its inputs are: {names}",
            mend="join its inputs into one, `[u, v]`, or make those that do not change parameters "
            "with `# params: …`",
        )


def composable(cell: Cell, where: str) -> None:
    """Raise :class:`StructureError` where a cell has outputs beside its states, such as a loss."""
    if cell.extra:
        raise StructureError(
            f"`{cell.name}` has the output `{cell.extra[0].name}` beside its states, and cannot "
            f"be a layer of {where}",
            mend="compose first and read out last: readout(stack(cell, cell))",
        )


def _in_text(document: tree.Document) -> set[str]:
    found = {d.name for d in document.definitions}
    for d in document.definitions:
        found.update(n.name for n in tree.postorder(d.value) if isinstance(n, tree.Name))
    return found
