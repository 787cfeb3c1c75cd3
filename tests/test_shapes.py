"""Unification: each name gets its shape, and no two dimensions one name."""

import pytest

from gru_sym.algebra.tree import HERE, Name
from gru_sym.cells.equations import Cell
from gru_sym.cells.parse import parse
from gru_sym.cells.shapes import Inference, describe
from gru_sym.errors import ShapeError

H, N = ("H",), ("I",)


def shapes(text: str) -> dict[str, object]:
    return {str(v.name): v.shape for v in Cell.parse(text).program.variables}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h_next = tanh(W @ x + U @ h + b)", {"W": (H, N), "U": (H, H), "x": (N,), "b": (H,)}),
        ("h_next = W.T @ x + h", {"W": (N, H)}),
        ("h_next = W @ [h, x] + h", {"W": (H, ("H", "I"))}),
        ("h_next = h * x", {"x": (H,)}),
        ("h_next = h * sum(x)", {"x": (N,), "h_next": (H,)}),
        ("m = mean(x)\nh_next = h * m", {"m": ()}),
        ("# params: k()\nh_next = h * k", {"k": ()}),
        ("# params: g(K)\nh_next = W @ g + h * x", {"g": (("K",),), "W": (H, ("K",))}),
        ("h_next = softmax(h + W @ x)", {"a_h_next": (H,), "h_next": (H,)}),
        ("h_next = h + W @ x + V @ y", {"y": (("V",),)}),
        ("h_next = 3", {"h": (H,), "h_next": (H,)}),
        ("c_next = c + W @ h\nh_next = h", {"c": (("W",),), "W": (("W",), H)}),
        ("v = [h, x]\nh_next = (V @ v) * h + W @ v", {"v": (("H", "I"),)}),
        ("h_next = ([U, W] + [V, W]) @ [h, x]", {"U": (H, H), "V": (H, H), "W": (H, N)}),
        ("v = [x, x] + W @ h\nh_next = h", {"W": (("I", "I"), H)}),
    ],
)
def test_inferred(text: str, expected: dict[str, object]) -> None:
    found = shapes(text)
    names = {n for shape in found.values() for dim in shape for n in dim}
    assert "H" in names
    for name, shape in expected.items():
        if "W" in str(shape) or "V" in str(shape):
            assert len(found[name]) == len(shape)
        else:
            assert found[name] == shape


@pytest.mark.parametrize(
    "text",
    [
        "h_next = tanh(W @ [h, x, y, v])",
        "h_next = tanh(W @ [h, x, y, v, u, k])",
        "h_next = W @ [h, x, y, D_W, D_W_2, v]",
        "h_next = h + W @ x + V @ y + A @ [v, u]",
        "w_next = w + W @ [a, c, d]\nv_next = V @ [v, w, e]",
    ],
)
def test_two_dimensions_never_share_a_name(text: str) -> None:
    """One name for both would make them equal, and prove what is false."""
    cell = Cell.parse(text)
    vectors = [*cell.states, *cell.inputs]
    names = [v.shape[0] for v in vectors]
    assert all(len(dim) == 1 for dim in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("h_next = W @ h + W @ x + h * x + [h, x]", "vector"),
        ("h_next = tanh(U @ [h, x] + U @ h)", "first at line 1, column"),
        ("h_next = h + U + U @ h", "equal shapes"),
        ("h_next = W @ W @ x", "A @ (B @ v)"),
        ("h_next = (b + x) @ (W @ x) + b", "vector"),
        ("h_next = U @ sum(h)", "scalar"),
        ("h_next = mean(2) * h", "mean takes a vector"),
        ("z = [U, h] + x\nh_next = U @ h", "equally many rows"),
    ],
)
def test_a_clash_names_both_sides(text: str, words: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Cell.parse(text)
    assert words in str(caught.value)


def test_slices_of_derivations() -> None:
    def infer(text: str) -> object:
        types = Inference(text)
        types.declare("v", types.known((("H", "I", "H"),)), HERE)
        value = parse(f"y = {text}", derivation=True).definitions[0].value
        return types.close(types.infer(value), lambda part: part.label)

    assert infer("v[:H]") == (H,)
    assert infer("v[H:H+I]") == (N,)
    assert infer("v[H:]") == (("I", "H"),)
    assert infer("outer(v[:H], v[H:H+I])") == (H, N)
    for wrong in ("v[:I]", "v[H:H]", "v[:K]"):
        with pytest.raises(ShapeError):
            infer(wrong)


def test_unification() -> None:
    types = Inference("")
    (((a,),), ((b,),), ((c,),)) = (types.fresh(1) for _ in range(3))
    assert types.same_dim((a, b), (types.label("H"), types.label("I")))
    assert types.same_dim((c,), (a, b))
    assert not types.same_dim((c,), (a,))  # c is a and b together
    assert not types.same_dim((types.label("H"),), (types.label("I"),))
    types.declare("v", ((c,),), HERE)
    assert types.words(types.infer(Name("v"))) == "a vector (H + I)"


def test_describe() -> None:
    assert describe(()) == "a scalar"
    assert describe((H,)) == "a vector (H)"
    assert describe((H, ("H", "I"))) == "a matrix (H, H + I)"
