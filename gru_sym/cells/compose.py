"""Cells from cells: layers one above the other, a readout with a loss, two directions.

``stack`` and ``readout`` work on the equations: what they give is a text of equations again, hence
a cell like any other. Two directions cannot be one cell, for a cell sees one step at a time:
``bidirectional`` gives a :class:`Network`, which describes passes over a whole sequence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, overload

from gru_sym.algebra import tree
from gru_sym.cells.elaborate import NEXT
from gru_sym.cells.equations import Cell
from gru_sym.cells.network import Layer, Network
from gru_sym.cells.parse import parse
from gru_sym.cells.rename import (
    composable,
    declaring,
    distinct,
    made,
    new_labels,
    new_names,
    new_size,
    one_input,
    renamed,
)
from gru_sym.errors import StructureError

__all__ = ["LOSSES", "Layer", "Loss", "Network", "bidirectional", "readout", "stack"]

Loss = Literal["mse", "cross_entropy"]

LOSSES: Mapping[str, tuple[str, str, str]] = {
    "mse": ("y_hat", "mean((y_hat - y)**2)", "mean squared error"),
    # log-softmax in its stable form; sum(y) is 1 for a distribution, and needs not be.
    "cross_entropy": (
        "logits",
        "sum(y) * logsumexp(logits) - sum(y * logits)",
        "cross-entropy of a softmax",
    ),
}
"""For each loss: the name of what the readout computes, the loss at one step, and its title."""


@overload
def stack(*layers: Cell) -> Cell: ...
@overload
def stack(*layers: Cell | Network) -> Cell | Network: ...
def stack(*layers: Cell | Network) -> Cell | Network:
    """Layers one above the other: each takes as its input the output of the one below.

    Layer k's names get the suffix ``_k``, counted from 1: states ``h_1``, next values
    ``h_1_next``, parameters ``W_z_1``, sizes ``H_1``. The first layer keeps the names of its
    inputs. The output is the last layer's. One cell alone stays as it is.

    Where a member is a :class:`Network`, so is the result: its layers are those of the members.

    Args:
        *layers: cells or networks, from the input up.

    Raises:
        StructureError: there is no cell, a cell above another has more or fewer inputs than one, a
            cell has outputs beside its states (a readout), or two things would get one name.
        ShapeError: the output of a layer does not fit the one above it.

    >>> deep = stack(Cell.parse("h_next = tanh(W @ x + U @ h)"), Cell.parse("c_next = c + V @ x"))
    >>> deep.output, deep.states, deep.inputs
    (c_2_next, (c_2, h_1), (x,))
    >>> [(p.name, p.shape) for p in deep.params]
    [('W_1', (('H_1',), ('I',))), ('U_1', (('H_1',), ('H_1',))), ('V_2', (('H_2',), ('H_1',)))]
    """
    if not layers:
        raise StructureError("a stack of no cells", mend="give at least one: stack(cell, cell)")
    for layer in layers:
        if not isinstance(layer, Cell | Network):
            raise StructureError(
                f"a layer of a stack is a cell, not {layer!r}",
                mend='take a built-in one, cell("gru"), or parse your equations: Cell.parse(text)',
            )
    if len(layers) == 1:
        return layers[0]
    cells = [layer for layer in layers if isinstance(layer, Cell)]
    name = "_".join(("stack", *(layer.name for layer in layers)))
    if len(cells) == len(layers):
        return _stacked(cells, name)
    return Network(
        tuple(
            inner
            for layer in layers
            for inner in (layer.layers if isinstance(layer, Network) else (Layer(layer),))
        ),
        name,
    )


def readout(cell: Cell, loss: Loss = "mse") -> Cell:
    """The cell with a linear readout of its output, and the loss at each step as a further output.

    ``y`` (O,) becomes an input: the target of each step. The loss of a sequence is what the
    cotangent of ``loss`` makes of it: ones at every step give the sum over t, 1/T the mean.

    Args:
        cell: any cell; its output is what is read out.
        loss: ``mse``, the mean squared error over the entries of one step; or ``cross_entropy`` of
            ``softmax(logits)`` with ``y``, one-hot or any distribution over O classes.

    Raises:
        StructureError: there is no such loss, or the cell already uses one of the new names.

    >>> cell = readout(Cell.parse("h_next = tanh(W @ x + U @ h + b)"))
    >>> [d.name for d in cell.program]
    ['a_h_next', 'h_next', 'y_hat', 'loss']
    >>> cell.inputs, cell.params, cell.extra
    ((x, y), (W, U, b, W_y, b_y), (loss,))
    """
    if loss not in LOSSES:
        raise StructureError(f"there is no loss {loss!r}", mend=f"there are {', '.join(LOSSES)}")
    if not isinstance(cell, Cell):
        raise StructureError(
            f"a readout stands on a cell, not on {getattr(cell, 'name', cell)!r}",
            mend="a network of two directions has no single step: compute the loss of its outputs, "
            "and give backward their cotangent",
        )
    predicted, formula, words = LOSSES[loss]
    taken = {v.name for v in cell.program.variables}
    clash = sorted(taken & {"y", "W_y", "b_y", predicted, "loss"})
    if clash:
        raise StructureError(
            f"the readout adds `{clash[0]}`, and the cell has a `{clash[0]}` already",
            mend=f"call it otherwise in the cell, such as {clash[0]}_cell",
        )
    taken |= {name for v in cell.program.variables for dim in v.shape for name in dim}
    size = next(s for s in ("O", *(f"O_{k}" for k in range(1, len(taken) + 2))) if s not in taken)
    header = cell.document.header
    lines = parse(f"{predicted} = W_y @ {cell.output.name} + b_y\nloss = {formula}")
    title = f"{header.title}, with a linear readout and the {words}" if header.title else ""
    document = tree.Document(
        (*cell.document.definitions, *lines.definitions),
        replace(
            header,
            title=title,
            inputs=(*(v.name for v in cell.inputs), "y"),
            outputs=(*header.outputs, "loss"),
            shapes=(*header.shapes, ("y", (size,))),
        ),
    )
    return made(document, f"{cell.name}_readout")


def bidirectional(cell: Cell) -> Network:
    """A layer that runs forward and backward in time, each direction with its own parameters.

    The reverse direction's names get the suffix ``_rev``. At each step the layer gives the outputs
    of both directions, joined, forward first. Stack several with :func:`stack`.

    Source: Schuster & Paliwal 1997, IEEE Transactions on Signal Processing 45(11).

    Args:
        cell: a cell with one input.

    Raises:
        StructureError: the cell has more or fewer inputs than one, or a loss.

    >>> [p.name for p in bidirectional(Cell.parse("h_next = tanh(W @ x + U @ h)")).params]
    ['W', 'U', 'W_rev', 'U_rev']
    """
    if not isinstance(cell, Cell):
        raise StructureError(
            f"`bidirectional` takes one cell, not {getattr(cell, 'name', cell)!r}",
            mend="make each layer so, and stack them: stack(bidirectional(a), bidirectional(b))",
        )
    return Network((Layer(cell, cell),), f"bidirectional_{cell.name}")


def _stacked(cells: Sequence[Cell], name: str) -> Cell:
    parts: list[tree.Document] = []
    new: list[str] = []
    below = size = None  # the output of the layer below, and its size where that is one name
    declared = any(cell.document.header.shapes for cell in cells)
    for k, cell in enumerate(cells, 1):
        composable(cell, "a stack")
        if k > 1:
            one_input(cell, f"is layer {k} of a stack")
        names = new_names(cell, f"_{k}")
        labels = new_labels(cell, f"_{k}", size)
        if below is not None:
            del names[cell.inputs[0].name]
        new += names.values()
        if below is not None:
            names[cell.inputs[0].name] = below + NEXT
        part = renamed(cell.document, names, labels)
        below, size = names[cell.states[0].name], new_size(cell.output, labels)
        parts.append(declaring(part, below, size) if declared else part)
    distinct(new)
    header = _joined([part.header for part in parts], cells, str(below))
    return made(tree.Document(tuple(d for p in parts for d in p.definitions), header), name)


def _joined(headers: Sequence[tree.Header], cells: Sequence[Cell], output: str) -> tree.Header:
    titles = [cell.title for cell in cells]
    title = ""
    if all(titles):
        same = len(set(titles)) == 1
        title = f"Stack of {len(cells)} layers: {titles[0] if same else '; '.join(titles)}"
    conventions: dict[str, list[str]] = {}
    for k, header in enumerate(headers, 1):
        if header.convention:
            conventions.setdefault(header.convention, []).append(str(k))
    cites = dict.fromkeys(header.cite for header in headers if header.cite)

    def both(key: str) -> tuple[str, ...] | None:
        found = [getattr(h, key) for h in headers if getattr(h, key) is not None]
        return tuple(name for names in found for name in names) if found else None

    return tree.Header(
        title=title,
        cite="; ".join(cites),
        convention="; ".join(
            f"{'layer' if len(ks) == 1 else 'layers'} {', '.join(ks)}: {words}"
            for words, ks in conventions.items()
        ),
        roles=tuple(role for h in headers for role in h.roles),
        inputs=both("inputs"),
        params=both("params"),
        states=both("states"),
        output=output,
        shapes=tuple(shape for h in headers for shape in h.shapes),
    )
