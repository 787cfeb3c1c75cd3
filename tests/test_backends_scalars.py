"""The modules for mpmath and Arb: against NumPy, against more digits, and what they read like."""

import ast
import builtins
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Var
from gru_sym.cells import Cell
from gru_sym.codegen import compile, module_source

T, B = 3, 2
NAMES = ("mpmath", "arb")

# What no built-in cell has: each text uses the language in another way.
TEXTS = {
    "no inputs": "h_next = tanh(U @ h + b)",
    "a constant state": "h_next = 0.5",
    "a state from parameters alone": "h_next = b",
    "matrices from matrices": "M = V.T + 2 * W\nh_next = tanh(M @ h + M.T @ x)",
    "a matrix by blocks": "h_next = tanh([U, W] @ [h, x])",
    "a function of a matrix": "# params: W(H, I)\nM = exp(W)\nh_next = tanh(M @ x + U.T @ h)",
    "the norm of a matrix": "h_next = tanh(W @ x / sqrt(sum(W * W)) + h)",
    "a mean under a matrix": "h_next = tanh(U @ (h - mean(h)) + W @ (x * mean(h)))",
    "a constant under a matrix": "h_next = tanh(W @ (x * 0 + 1) + sum(W @ x) * h)",
    "constants": "h_next = tanh(W @ x) * sigmoid(2) * sqrt(2) + h / 3 + exp(1) / 10**20",
    "logsumexp": "h_next = tanh(W @ x) * logsumexp(U @ h) + logsumexp(b) * softmax(h)",
    "all functions": (
        "u = softplus(W @ x) + sin(h) * cos(U @ h) + abs(W @ x) * relu(U @ h)\n"
        "h_next = tanh(u) + log(1 + exp(h)) * step(h) / sqrt(1 + h**2)"
    ),
    "powers": "h_next = (2 + tanh(W @ x)) ** (-3/2) + (1 + h**2) ** (-1) + h**3 / 9",
    "states of two sizes": "h_next = tanh(W @ x + U @ c)\nc_next = tanh(V @ h)",
    "a loss": (
        "# inputs: x, y\n# outputs: loss\nh_next = tanh(W @ x + U @ h)\n"
        "loss = mean((V @ h_next - y) ** 2)"
    ),
    "outputs of parameters": (
        "# outputs: z, loss\nz = sigmoid(b)\nloss = sum(W * W)\nh_next = z * h + W @ x"
    ),
    "a fixed state in use": "c_next = b\nh_next = tanh(W @ x + c_next * h + c)",
    "names that the code uses": (
        "rows = tanh(W @ values + U @ t + b)\na = sigmoid(rows) * t\nt_next = a + i * rows"
    ),
}

every_cell = pytest.mark.parametrize(
    "cell",
    [*map(cells.cell, cells.names()), *(Cell.parse(text, name=n) for n, text in TEXTS.items())],
    ids=lambda cell: cell.name,
)
built_in = pytest.mark.parametrize("name", cells.names())
both = pytest.mark.parametrize("backend", NAMES)


@pytest.fixture(autouse=True)
def flint(peer: Callable[[str], ModuleType]) -> ModuleType:
    return peer("flint")


class Drawn:
    """Random nested lists for a cell, at unequal sizes, with initial states that are not zero."""

    def __init__(self, cell: Cell, rng: np.random.Generator) -> None:
        names = dict.fromkeys(d for v in cell.program.variables for dim in v.shape for d in dim)
        sizes = dict(zip(names, (3, 2, 4, 5, 6), strict=False))

        def draw(var: Var, *lead: int) -> Any:
            shape = (sum(sizes[d] for d in dim) for dim in var.shape)
            return rng.normal(size=(*lead, *shape)).tolist()

        self.params = {str(v.name): draw(v) for v in cell.params}
        self.inputs = [draw(v, T, B) for v in cell.inputs] or [T]
        self.states = [draw(v, B) for v in cell.states]
        self.up = [draw(v, T, B) for v in (*cell.states, *cell.extra)]


def functions(cell: Cell, backend: str) -> Any:
    return compile(cell, backend).functions


def results(made: Any, drawn: Drawn) -> tuple[Any, Any]:
    trajectory = made["forward"](drawn.params, *drawn.inputs, *drawn.states)
    return trajectory, made["backward"](drawn.params, trajectory, *drawn.up)


def floats(value: Any) -> np.ndarray:
    return np.asarray(value, dtype=object).astype(float)


def flat(value: Any) -> list[Any]:
    return [a for part in value for a in flat(part)] if isinstance(value, list) else [value]


def relative_error(found: Any, truth: Any) -> float:
    found, truth = floats(found), np.asarray(truth)
    assert found.shape == truth.shape
    return float(np.linalg.norm(found - truth) / (np.linalg.norm(truth) or 1))


@every_cell
@both
def test_against_numpy(cell: Cell, backend: str, rng: np.random.Generator) -> None:
    drawn = Drawn(cell, rng)
    arrays = Drawn(cell, rng)
    arrays.params = {name: np.asarray(value) for name, value in drawn.params.items()}
    for part in ("inputs", "states", "up"):
        setattr(arrays, part, [v if v is T else np.asarray(v) for v in getattr(drawn, part)])
    trajectory, gradients = results(functions(cell, backend), drawn)
    expected, truth = results(functions(cell, "numpy"), arrays)
    assert gradients.keys() == truth.keys()
    for name, value in truth.items():
        assert relative_error(gradients[name], value) < 1e-12, name
    for v in (*cell.inputs, *cell.states, *(d.var for d in cell.program)):
        assert relative_error(trajectory[v.name], expected[v.name]) < 1e-12, v.name


@every_cell
def test_balls_hold_the_digits_of_mpmath(
    cell: Cell, rng: np.random.Generator, flint: ModuleType
) -> None:
    """At 30 digits each ball has the numbers of 60 digits within it, and is small."""
    drawn = Drawn(cell, rng)
    with flint.ctx.workdps(30):
        balls = results(functions(cell, "arb"), drawn)
    with mpmath.workdps(60):
        numbers = results(functions(cell, "mpmath"), drawn)
    for ours, theirs in zip(balls, numbers, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            size = max(abs(float(q)) for q in flat(theirs[name]))
            for ball, q in zip(flat(ours[name]), flat(theirs[name]), strict=True):
                with flint.ctx.workdps(60):  # mpmath's last digits are rounded
                    assert ball.overlaps(flint.arb(q, 1e-50 * size)), name
                assert float(ball.rad()) <= 1e-20 * size, name


@every_cell
@both
def test_the_module_checks_itself(
    cell: Cell, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    functions(cell, backend)["check"]()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len((*cell.params, *cell.inputs, *cell.states))
    assert all("relative error" in line for line in lines)


@both
def test_the_file_needs_its_library_alone(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "gru.py"
    path.write_text(module_source(cells.gru, backend), encoding="utf-8")
    script = (
        f"import runpy, sys; runpy.run_path({str(path)!r}, run_name='__main__'); "
        "sys.exit(str({'numpy', 'sympy', 'gru_sym'} & set(sys.modules) or ''))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False
    )
    assert "h_bar  relative error" in run.stdout
    assert run.stderr.strip() == "", run.stderr


@both
def test_a_wrong_gradient_fails_the_check(backend: str, tmp_path: Path) -> None:
    source = module_source(cells.gru, backend)
    right = "a_z_bar = [z_bar[i] * z[i] * one_minus_z[i] for i in range(H)]"
    for wrong in (right.replace("z_bar[i] * z[i]", "z_bar[i] * r[i]"), "a_z_bar = z_bar"):
        path = tmp_path / "wrong.py"
        path.write_text(source.replace(right, wrong), encoding="utf-8")
        run = subprocess.run(
            [sys.executable, path], capture_output=True, encoding="utf-8", check=False
        )
        assert run.returncode == 1
        assert "W_z_bar is wrong" in run.stderr


@both
def test_twice_the_digits(backend: str, rng: np.random.Generator, flint: ModuleType) -> None:
    """Nothing on the way has fewer digits than were asked for: not even 0.00001 in the cell."""
    drawn = Drawn(cells.gru_layernorm, rng)
    made = functions(cells.gru_layernorm, backend)
    workdps = {"mpmath": mpmath.workdps, "arb": flint.ctx.workdps}[backend]
    with workdps(50):
        _, fifty = results(made, drawn)
    with workdps(100):
        _, hundred = results(made, drawn)
        for name, values in hundred.items():
            size = max(abs(float(q)) for q in flat(values))
            for p, q in zip(flat(fifty[name]), flat(values), strict=True):
                assert abs(float(p - q)) < 1e-44 * size, name


@both
def test_constants_are_exact(backend: str, flint: ModuleType) -> None:
    text = "h_next = h / 3 + 0.1 + sqrt(2) * x / 7 + 10**23 * x + 2**(1/3) + sum(1 + 0 * h) / 7"
    cell = Cell.parse(text)
    source = module_source(cell, backend)
    (forward,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "forward"
    )
    constants = [node.value for node in ast.walk(forward) if isinstance(node, ast.Constant)]
    assert not any(isinstance(value, float) for value in constants)
    workdps = {"mpmath": mpmath.workdps, "arb": flint.ctx.workdps}[backend]
    with workdps(70), mpmath.workdps(70):
        forward = functions(cell, backend)["forward"]
        (found,) = forward({}, [[["0.3"]]], [[0.7]])["h_next"][0][0]
        mpf = mpmath.mpf
        expected = mpf(0.7) / 3 + mpf("0.1") + mpmath.sqrt(2) * mpf("0.3") / 7
        expected += mpf(10) ** 23 * mpf("0.3") + mpmath.cbrt(2) + mpf(1) / 7
        if backend == "arb":
            assert found.overlaps(flint.arb(expected, 1e-65))
            found = mpmath.mpf(found.mid().str(75, radius=False))
        assert abs(found - expected) < 1e-65 * abs(expected)


@both
def test_numbers_in_every_form(backend: str, flint: ModuleType) -> None:
    number = {"mpmath": mpmath.mpf, "arb": flint.arb}[backend]
    forward = functions(Cell.parse("h_next = h + x"), backend)["forward"]
    for form in (1, 1.0, "1", number(1), True):
        (found,) = forward({}, [[[form]]], [["0.5"]])["h_next"][0][0]
        assert isinstance(found, number)
        assert found == number(1.5)
    (found,) = forward({}, [[[0.1]]], [[0]])["h_next"][0][0]
    assert float(found) == 0.1
    assert found == number(0.1)


@both
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b_z": [1.0] * 4}, "4 numbers, not 3"),
        ({"W_z": [[1.0] * 2] * 4}, "4 rows, not 3"),
        ({"xs": [[[1.0] * 2] * 3] * 2}, "3 rows, not 2"),
        ({"hs_bar": [[[1.0] * 3] * 2] * 5}, "5 steps, not 3"),
    ],
)
def test_a_wrong_shape(
    backend: str, change: dict[str, Any], message: str, rng: np.random.Generator
) -> None:
    drawn, made = Drawn(cells.gru, rng), functions(cells.gru, backend)
    drawn.params |= {name: value for name, value in change.items() if name in drawn.params}
    drawn.inputs = [change.get("xs", drawn.inputs[0])]
    drawn.up = [change.get("hs_bar", drawn.up[0])]
    with pytest.raises(ValueError, match=message):
        results(made, drawn)


def test_a_step_at_a_ball_around_zero(flint: ModuleType) -> None:
    forward = functions(Cell.parse("h_next = step(h) + abs(h) + relu(x)"), "arb")["forward"]
    (found,) = forward({}, [[[flint.arb(0, 0.25)]]], [[0]])["h_next"][0][0]
    assert found.contains(0)
    assert found.contains(0.25)
    assert found < 0.6
    with pytest.raises(ValueError, match=r"raise flint\.ctx\.prec"):
        forward({}, [[[0]]], [[flint.arb(0, 1e-9)]])


def test_an_output_that_is_a_matrix() -> None:
    """One cotangent for each step and sequence, of a value that is the same at all of them."""
    cell = Cell.parse("# params: W(H, I)\n# outputs: M\nM = exp(W)\nh_next = tanh(M @ x + h)")
    for backend in NAMES:
        functions(cell, backend)["check"]()


@both
@pytest.mark.parametrize("name", ["gru", "lstm", "minlstm"])
def test_saturation(backend: str, name: str) -> None:
    """Biases of ±800 on all gates: nothing overflows, and the balls stay finite."""
    cell = cells.cell(name)
    made = functions(cell, backend)
    for sign in (1.0, -1.0):
        drawn = Drawn(cell, np.random.default_rng(3))
        for key, value in drawn.params.items():
            if key.startswith("b"):
                drawn.params[key] = [b + sign * 800 for b in value]
        _, gradients = results(made, drawn)
        assert all(np.isfinite(float(p)) for value in gradients.values() for p in flat(value))


@built_in
@both
def test_every_name_is_bound(backend: str, name: str) -> None:
    tree = ast.parse(module_source(cells.cell(name), backend))
    top: set[str] = set(dir(builtins))
    for node in tree.body:
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                top |= {alias.name for alias in names}
            case ast.FunctionDef(name=function):
                top.add(function)
            case ast.AnnAssign(target=ast.Name(id=target)):
                top.add(target)
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        inner = [node for node in ast.walk(function) if isinstance(node, ast.FunctionDef)]
        bound = {arg.arg for f in inner for arg in (*f.args.args, f.args.vararg) if arg}
        bound |= {f.name for f in inner}
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        bound |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
        read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        assert read <= bound | top, function.name
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert top - set(dir(builtins)) <= used


@built_in
@both
def test_no_line_is_long(backend: str, name: str) -> None:
    assert max(map(len, module_source(cells.cell(name), backend).splitlines())) <= 88


def test_the_gru_reads_like_its_equations() -> None:
    source = module_source(cells.gru, "mpmath")
    for line in (
        "a_z = add(matvec(W_z, x), matvec(U_z, h), b_z)",
        "z = [sigmoid(a) for a in a_z]",
        "h_r = [r[i] * h[i] for i in range(H)]",
        "h_next = [one_minus_z[i] * h[i] + z[i] * h_tilde[i] for i in range(H)]",
        "h_r_bar = matvec(U_h_T, a_h_tilde_bar)",
        "W_z_bar = outers(a_z_bars, xs)",
        "b_z_bar = add(*a_z_bars)",
    ):
        assert line in source, line
    arb = module_source(cells.gru, "arb")
    assert 'U_z = arb_mat(rows(params["U_z"], H, H))' in arb
    assert '"U_z_bar": U_z_bar.tolist(),' in arb


def test_letters_that_a_cell_uses_are_no_indices() -> None:
    source = module_source(cells.lstm, "mpmath")
    assert "c_next = [f[j] * c[j] + i[j] * g[j] for j in range(H)]" in source
    source = module_source(Cell.parse("h_next = tanh(W @ x + b)"), "mpmath")
    assert "for t, n in product(range(T), range(B)):" in source


@both
def test_through_compile(backend: str, rng: np.random.Generator) -> None:
    run = compile(cells.lstm, backend)
    shapes = {"W": (3, 2), "U": (3, 3), "b": (3,)}
    params = {
        f"{kind}_{gate}": rng.normal(size=shape)
        for (kind, shape), gate in itertools.product(shapes.items(), "ifgo")
    }
    xs = rng.normal(size=(T, 2))
    trajectory, gradients = run.gradients(params, xs, 0.25)
    expected, truth = compile(cells.lstm).gradients(params, xs, 0.25)
    assert relative_error(trajectory.hs, expected.hs) < 1e-13
    for name, value in truth.items():
        assert relative_error(gradients[name], value) < 1e-12, name
