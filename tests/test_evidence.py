"""What else a document says is proved; wrong paths and tangents first."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sympy as sp

from gru_sym import cells, jacobian
from gru_sym.algebra.nodes import MatVec, Transpose
from gru_sym.algebra.program import Definition, Program
from gru_sym.cells import Cell
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.jvp import hvp, jvp
from gru_sym.derive.local import Local, local_derivatives
from gru_sym.derive.paths import Factor, Path
from gru_sym.derive.vjp import vjp
from gru_sym.documents import evidence
from gru_sym.documents.evidence import is_nothing, prove_locals, prove_paths, prove_tangents

THREE = """
z      = sigmoid(W_z @ x + U_z @ h + V_z @ c)
h_next = z * h + (1 - z) * tanh(c)
c_next = sum(h) * c + s * h
s_next = mean(z * c)
"""
CELLS = [*map(cells.cell, cells.names())]
CELLS.append(Cell.parse(f"# shapes: s()\n{THREE}", name="three"))


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_paths_and_tangents_are_proved(cell: Cell) -> None:
    slopes = prove_locals(cell)
    assert slopes.verdict == "proved"
    assert len(list(slopes)) == len(list(local_derivatives(cell.program)))
    paths = prove_paths(jacobian(cell))
    assert paths.verdict == "proved"
    assert len(list(paths)) == len(cell.states)
    assert prove_tangents(cell.name, cell.program, jvp(cell)).verdict == "proved"
    assert prove_tangents(cell.name, vjp(cell), hvp(cell)).verdict == "proved"


# -- wrong local derivatives ----------------------------------------------------------------------


def test_wrong_local_derivatives_are_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each alone made wrong: doubled, with another sign, left out, transposed where square."""
    cell = cells.gru
    true = list(local_derivatives(cell.program))
    tried = 0
    for k, local in enumerate(true):
        paths = [Path("", (), product) for product in local.products]
        wrong = [tuple(change(path).factors for path in paths) for change in (doubled, negative)]
        wrong += [()] * bool(paths)
        if any(f.kind == "matrix" for path in paths for f in path.factors):
            wrong += [tuple(turned(path).factors for path in paths)] * (local.by != cell.inputs[0])
        for products in wrong:
            given = [*true[:k], Local(local.of, local.by, products), *true[k + 1 :]]
            monkeypatch.setattr(evidence, "local_derivatives", lambda _, given=given: iter(given))
            assert prove_locals(cell).verdict != "proved", (local, products)
            tried += 1
    assert tried > 40


def test_only_a_path_that_is_always_zero_is_nothing() -> None:
    text = "q = U @ h\nmu = mean(q)\nv = mean((q - mu)**2)\nh_next = (q - mu) / sqrt(v + 1)"
    found = jacobian(Cell.parse(text))
    ((ends, paths),) = found.blocks.items()
    zero = [path.name for path in paths if is_nothing(found, path, *ends)]
    assert zero == ["q → mu → v"]


# -- wrong paths -----------------------------------------------------------------------------------


def doubled(path: Path) -> Path:
    return replace(path, factors=(Factor("diag", (sp.Integer(2),)), *path.factors))


def negative(path: Path) -> Path:
    return replace(path, factors=(Factor("diag", (sp.Integer(-1),)), *path.factors))


def turned(path: Path) -> Path:
    """Each matrix transposed, which fits where it is square."""
    return replace(path, factors=tuple(map(_turned, path.factors)))


def _turned(factor: Factor) -> Factor:
    if factor.kind != "matrix":
        return factor
    return replace(factor, parts=tuple(Transpose(matrix) for matrix in factor.parts))


def reversed_(path: Path) -> Path:
    return replace(path, factors=path.factors[::-1])


WRONG: dict[str, Callable[[Path], Path | None]] = {
    "dropped": lambda path: None,
    "doubled": doubled,
    "sign": negative,
    "transposed": turned,
    "order": reversed_,
}


@pytest.mark.parametrize("name", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_path_is_refuted(name: str, how: str) -> None:
    true = jacobian(cells.cell(name))
    tried = 0
    for key, paths in true.blocks.items():
        for k, path in enumerate(paths):
            wrong = WRONG[how](path)
            if wrong == path or (how == "order" and len(path.factors) < 2):
                continue
            left = (*paths[:k], *((wrong,) if wrong else ()), *paths[k + 1 :])
            proof = prove_paths(Jacobian(true.cell, {**true.blocks, key: left}))
            assert proof.verdict == "refuted"
            tried += 1
    assert tried


def test_a_path_in_the_wrong_block_is_refuted() -> None:
    true = jacobian(cells.lstm)
    (one, of_one), (two, of_two), *others = true.blocks.items()
    mixed = {one: of_two, two: of_one, **dict(others)}
    assert prove_paths(Jacobian(cells.lstm, mixed)).verdict == "refuted"


# -- wrong tangents --------------------------------------------------------------------------------


def corrupted(lines: Program, name: str, value: sp.Expr) -> Program:
    changed = [replace(d, expr=value) if d.name == name else d for d in lines]
    return Program(lines.inputs, tuple(changed), lines.outputs)


def spoiled(d: Definition) -> dict[str, sp.Expr]:
    found = {"sign": -d.expr, "factor": 2 * d.expr, "zero": sp.S.Zero}
    if isinstance(d.expr, sp.Add):
        found["a term is missing"] = sp.Add(*d.expr.args[1:])
        found["a term has another sign"] = sp.Add(-d.expr.args[0], *d.expr.args[1:])
    products = [p for p in d.expr.atoms(MatVec) if p.args[0].shape[0] == p.args[0].shape[1]]
    if products:
        one = sorted(products, key=str)[0]
        matrix, vector = one.args
        found["transposed"] = d.expr.xreplace({one: MatVec(Transpose(matrix), vector)})
    return found


@pytest.mark.parametrize(("name", "second"), [("gru", False), ("lstm", False), ("mgu", True)])
def test_a_wrong_tangent_is_not_proved(name: str, second: bool) -> None:
    cell = cells.cell(name)
    program, lines = (vjp(cell), hvp(cell)) if second else (cell.program, jvp(cell))
    own = {d.name for d in program}
    tried = set()
    for d in [d for d in lines if d.name not in own][:: 3 if second else 1]:
        for how, value in spoiled(d).items():
            proof = prove_tangents(name, program, corrupted(lines, d.name, value))
            assert proof.verdict == "unproved", (d.name, how)
            tried.add(how)
    assert {"sign", "factor", "zero", "a term is missing", "transposed"} <= tried


def test_what_is_not_linear_is_no_tangent() -> None:
    cell = cells.rnn
    lines = jvp(cell)
    last = lines.definitions[-1]
    for value in (last.expr + 1, last.expr**2):
        proof = prove_tangents("rnn", cell.program, corrupted(lines, last.name, value))
        assert proof.verdict == "unproved"


def test_a_line_that_is_left_out_is_missed() -> None:
    """What has no line counts as zero, and here it is not."""
    lines = jvp(cells.gru)
    for name in ("z_dot", "a_r_dot"):
        gone = {lines[name].var: sp.S.Zero}
        kept = tuple(replace(d, expr=d.expr.xreplace(gone)) for d in lines if d.name != name)
        short = Program(lines.inputs, kept, lines.outputs)
        assert prove_tangents("gru", cells.gru.program, short).verdict == "unproved"
