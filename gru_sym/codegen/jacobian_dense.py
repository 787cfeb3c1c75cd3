"""All Jacobians of a sequence as a NumPy module: a chunk of steps at a time, in place.

The matrices that :mod:`~gru_sym.codegen.jacobian_elimination` finds are computed one after another,
for as many steps at once as keep them in the processor's cache.
"""

import textwrap
from collections.abc import Collection

from gru_sym.algebra.expr import Var
from gru_sym.cells.equations import Cell
from gru_sym.codegen import functions
from gru_sym.codegen.backends.layout import WIDTH, indented, tidy
from gru_sym.codegen.backends.naming import Namer, quotable
from gru_sym.codegen.backends.numpy import helper_lines, import_lines
from gru_sym.codegen.backends.statements import listed
from gru_sym.codegen.jacobian_elimination import Elimination, eliminated
from gru_sym.codegen.jacobian_matrices import Buffer, MatrixLines
from gru_sym.codegen.jacobian_values import COUNT, GIVEN, OVER, Values

__all__ = ["dense_jacobian_source"]

_OURS = (
    *("np", "math", "Array", "Callable", "Mapping", "Any", "TypeAlias", "NDArray", "jacobians"),
    *(*OVER, COUNT, GIVEN, "S", "buffers", "chunk", "each", "out", "part", "start", "whole"),
)

_ENTRIES = {True: 16, False: 17}
"""With products of matrices, or without: log2 of a matrix's entries at all steps of a chunk.

Half and double are about as fast: what is multiplied stays in the cache.
"""


def _fewest(products: bool, sums_rows: bool) -> int:
    """The steps of a chunk, however large their matrices are.

    A pass that sums rows is slow on few steps; a product has the cache for itself on one.
    """
    if products:
        return 2 if sums_rows else 1
    return 4


def dense_jacobian_source(cell: Cell) -> str:
    """A module with ``jacobians(values, out)``.

    ``values`` maps names to arrays: parameters as they are, what varies (T, B, n), a number that
    varies (T, B, 1). The function writes ∂next/∂state of each step to ``out`` (T, B, S, S).

    Args:
        cell: any cell.
    """
    namer = Namer(cell.program.variables, (*_OURS, *functions.__all__))
    body = _function(cell, eliminated(cell, namer.fresh), namer)
    title = textwrap.wrap(quotable(cell.title or f"The cell {cell.name}") + ".", WIDTH)
    equations = [f"    {line}" for line in quotable(cell.equations).splitlines()]
    head = ['"""The Jacobian of each step.', "", *title, "", *equations, '"""', ""]
    helpers = helper_lines(body)
    for called, source in OVER.items():
        helpers += [*source, "", ""] if f"{called}(" in "\n".join(body) else []
    return tidy([*head, *import_lines([*helpers, *body]), "", "", *helpers, *body])


def _function(cell: Cell, found: Elimination, namer: Namer) -> list[str]:
    """The function ``jacobians``."""
    values = Values(cell, namer)
    matrices = MatrixLines(values, namer)
    blocks = list(found.blocks.values())
    for matrix in found.matrices:
        if matrix.var not in blocks:
            n, m = matrix.var.shape
            matrices.buffers[str(matrix.var.name)] = Buffer((n, m))
    computed = [matrices.of(matrix) for matrix in found.matrices]
    places = _places(cell, found, values)
    buffers = _buffers(cell, found, matrices, values)  # before the values: it asks for sizes
    return [
        f"def jacobians({GIVEN}: Mapping[str, Array], out: Array) -> None:",
        *indented(
            [
                '"""The Jacobian of each step, with the states in the cell\'s order.',
                "",
                "Args:",
                f"    {GIVEN}: arrays by name: parameters as they are, what varies (T, B, n),",
                "        states as they enter a step.",
                "    out: what is written to, (T, B, S, S), with all entries in one piece.",
                '"""',
                "T, B, S, _ = out.shape",
                f"{COUNT} = T * B",
                *values.lines(),
                *buffers,
                f"whole = out.reshape({COUNT}, S, S)",
                f"for start in range(0, {COUNT}, chunk):",
                *indented(
                    [
                        "part = slice(start, start + chunk)",
                        *places,
                        *_cut(matrices.buffers, blocks[0]),
                        *(line for lines in computed for line in lines),
                    ]
                ),
            ]
        ),
    ]


def _places(cell: Cell, found: Elimination, values: Values) -> list[str]:
    """Lines that give the blocks of the whole matrix their names."""
    if len(cell.states) == 1:
        return [f"{var.name} = whole[part]" for var in found.blocks.values()]
    cuts: dict[Var, str] = {}
    states = [state.shape[0] for state in cell.states]
    for k, (state, after) in enumerate(zip(cell.states, cell.nexts, strict=True)):
        start, stop = (
            " + ".join(f"{values.size(dim)}" for dim in states[:end]) for end in (k, k + 1)
        )
        stop = stop if k + 1 < len(states) else ""
        spaced = " : " if " " in start + stop else ":"
        cuts[state] = cuts[after] = f"{start}{spaced}{stop}".strip()
    return [
        f"{var.name} = whole[part, {cuts[after]}, {cuts[state]}]"
        for (after, state), var in found.blocks.items()
    ]


def _buffers(cell: Cell, found: Elimination, matrices: MatrixLines, values: Values) -> list[str]:
    """Lines that make the arrays which all chunks use, and say how long a chunk is."""
    made, filled, counts = [], [], dict.fromkeys(("S * S",))
    known = {state.shape[0] for state in cell.states}
    for k, buffer in enumerate(matrices.buffers.values()):
        n, m = (values.size(dim) for dim in buffer.ends)
        layers = f"{1 + len(buffer.beside)}, " if buffer.beside else ""
        made.append(f"np.empty((chunk, {n}, {layers}{m}), out.dtype)")
        filled += [f"buffers[{k}][:, :, {j}] = {text}" for j, text in enumerate(buffer.beside, 1)]
        if not known.issuperset(buffer.ends):  # what is no larger than the whole does not count
            counts[" * ".join(f"({size})" if " " in size else size for size in (n, m))] = None
    fewest = _fewest(found.products > 0, matrices.sums_rows)
    largest = f"{'max' if len(counts) > 1 else ''}({', '.join(counts)})"
    return [
        "# As many steps at once as keep their matrices in the cache.",
        f"chunk = max({fewest}, 2**{_ENTRIES[found.products > 0]} // {largest})",
        *(listed("buffers = [", made, "]", 1) if made else []),
        *filled,
    ]


def _cut(names: Collection[str], block: Var) -> list[str]:
    """Lines that cut these arrays to the last chunk, which may be shorter."""
    cut = f"[: len({block.name})]"
    if len(names) == 1:
        return [f"{name} = buffers[0]{cut}" for name in names]
    return listed("", list(names), f" = (each{cut} for each in buffers)", 2) if names else []
