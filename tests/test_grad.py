"""Gradients from files to a file."""

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gru_sym import cells, readout
from gru_sym.cells import Cell
from gru_sym.codegen import compile
from gru_sym.errors import DataError
from gru_sym.grad import grad_files

T, B, H, I = 4, 2, 3, 2  # noqa: E741


@pytest.fixture
def files(tmp_path: Path, rng: np.random.Generator) -> dict[str, Any]:
    sizes = {"H": H, "I": I}
    params = {v.name: rng.normal(size=[sizes[d] for (d,) in v.shape]) for v in cells.gru.params}
    arrays = {
        "params": params,
        "x": rng.normal(size=(T, B, I)),
        "h": rng.normal(size=(B, H)),
        "g": rng.normal(size=(T, B, H)),
    }
    np.savez(tmp_path / "P.npz", **params)
    np.save(tmp_path / "X.npy", arrays["x"])
    np.savez(tmp_path / "S.npz", h=arrays["h"])
    np.save(tmp_path / "G.npy", arrays["g"])
    return arrays | {"at": tmp_path}


def test_everything(files: dict[str, Any]) -> None:
    at = files["at"]
    out = at / "OUT.npz"
    summary = grad_files(cells.gru, at / "P.npz", at / "X.npy", at / "S.npz", at / "G.npy", out)
    trajectory, grads = compile(cells.gru).gradients(
        files["params"], files["x"], files["h"], files["g"]
    )
    found = dict(np.load(out))
    assert found.keys() == {"hs", *(f"{n}_bar" for n in (*files["params"], "x", "h"))}
    for name, value in (grads | {"hs": trajectory.hs}).items():
        assert np.array_equal(found[name], value), name
        assert summary.arrays[name] == value.shape
    assert (summary.T, summary.B, summary.sizes) == (T, B, {"H": H, "I": I})
    assert str(summary) == f"gru: 4 steps, 2 sequences, float64; 12 arrays in {out}"
    assert sorted(path.name for path in at.iterdir()) == [
        "G.npy", "OUT.npz", "P.npz", "S.npz", "X.npy"
    ]  # fmt: skip


def test_defaults(files: dict[str, Any]) -> None:
    at = files["at"]
    grad_files(cells.gru, at / "P.npz", at / "X.npy", None, None, at / "OUT.npz")
    up = np.zeros((T, B, H))
    up[-1] = 1
    _, grads = compile(cells.gru).gradients(files["params"], files["x"], np.zeros((B, H)), up)
    found = np.load(at / "OUT.npz")
    for name, value in grads.items():
        assert np.array_equal(found[name], value)


def test_a_cell_with_a_loss(files: dict[str, Any], rng: np.random.Generator) -> None:
    at, cell = files["at"], readout(cells.gru, "mse")
    params = files["params"] | {"W_y": rng.normal(size=(1, H)), "b_y": np.zeros(1)}
    xs = {"x": files["x"], "y": rng.normal(size=(T, B, 1))}
    np.savez(at / "P.npz", **params)
    np.savez(at / "X.npz", **xs)
    grad_files(cell, at / "P.npz", at / "X.npz", None, None, at / "OUT.npz")
    _, grads = compile(cell).gradients(params, xs, None, {"loss": 1.0})
    found = np.load(at / "OUT.npz")
    for name, value in grads.items():
        assert np.array_equal(found[name], value)


def test_no_batch(files: dict[str, Any]) -> None:
    at = files["at"]
    np.save(at / "X.npy", files["x"][:, 0])
    np.save(at / "G.npy", files["g"][:, 0])
    np.savez(at / "S.npz", h=files["h"][0])
    summary = grad_files(
        cells.gru, at / "P.npz", at / "X.npy", at / "S.npz", at / "G.npy", at / "OUT.npz"
    )
    found = np.load(at / "OUT.npz")
    assert summary.B is None
    assert "4 steps, float64" in str(summary)
    assert found["hs"].shape == (T, H)
    assert found["x_bar"].shape == (T, I)
    assert found["h_bar"].shape == (H,)


def test_several_inputs_and_states_by_name(tmp_path: Path, rng: np.random.Generator) -> None:
    cell = Cell.parse(
        "# inputs: x, u\nh_next = tanh(W @ x + V @ u + c)\nc_next = c * sigmoid(h) + mean(u) * h"
    )
    sizes = {"H": H, "I": I}
    np.savez(
        tmp_path / "P.npz",
        **{v.name: rng.normal(size=[sizes.get(d, 4) for (d,) in v.shape]) for v in cell.params},
    )
    np.savez(tmp_path / "X.npz", x=rng.normal(size=(T, I)), u=rng.normal(size=(T, 4)))
    np.savez(tmp_path / "S.npz", h=rng.normal(size=H), c=rng.normal(size=H))
    np.savez(tmp_path / "G.npz", c=rng.normal(size=(T, H)))
    summary = grad_files(
        cell,
        tmp_path / "P.npz",
        tmp_path / "X.npz",
        tmp_path / "S.npz",
        tmp_path / "G.npz",
        tmp_path / "OUT.npz",
    )
    assert summary.arrays == {
        "hs": (T, H), "W_bar": (H, I), "V_bar": (H, 4), "x_bar": (T, I), "u_bar": (T, 4),
        "h_bar": (H,), "c_bar": (H,),
    }  # fmt: skip


def test_an_input_with_another_name(tmp_path: Path, rng: np.random.Generator) -> None:
    cell = Cell.parse("h_next = tanh(W @ u + h)")
    np.savez(tmp_path / "P.npz", W=rng.normal(size=(H, I)))
    np.save(tmp_path / "X.npy", rng.normal(size=(T, I)))
    summary = grad_files(
        cell, tmp_path / "P.npz", tmp_path / "X.npy", None, None, tmp_path / "OUT.npz"
    )
    assert set(summary.arrays) == {"hs", "W_bar", "u_bar", "h_bar"}


@pytest.mark.parametrize(("given", "written"), [("OUT", "OUT.npz"), ("OUT.gru", "OUT.gru.npz")])
def test_the_ending_is_added(files: dict[str, Any], given: str, written: str) -> None:
    at = files["at"]
    summary = grad_files(cells.gru, at / "P.npz", at / "X.npy", None, None, at / given)
    assert summary.out == at / written
    assert stat.S_IMODE(summary.out.stat().st_mode) & 0o400


class Touchy:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (Path.touch, (Path("touched"),))


def test_pickles_are_refused(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    at = files["at"]
    monkeypatch.chdir(at)
    np.save(at / "X.npy", np.array([Touchy()], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="never loaded"):
        grad_files(cells.gru, at / "P.npz", at / "X.npy", None, None, at / "OUT.npz")
    np.savez(at / "P.npz", W_z=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="never loaded"):
        grad_files(cells.gru, at / "P.npz", at / "G.npy", None, None, at / "OUT.npz")
    assert not (at / "touched").exists()
    assert not (at / "OUT.npz").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"1 2 3\n"])
def test_files_that_are_none(files: dict[str, Any], content: bytes) -> None:
    at = files["at"]
    (at / "X.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"the inputs, .*X\.npy") as caught:
        grad_files(cells.gru, at / "P.npz", at / "X.npy", None, None, at / "OUT.npz")
    assert "np.save" in caught.value.mend


def test_missing_files(files: dict[str, Any]) -> None:
    at = files["at"]
    with pytest.raises(DataError, match=r"cannot read the parameters, .*absent\.npz: No such"):
        grad_files(cells.gru, at / "absent.npz", at / "X.npy", None, None, at / "OUT.npz")
    with pytest.raises(DataError, match="cannot read the inputs"):
        grad_files(cells.gru, at / "P.npz", at, None, None, at / "OUT.npz")
    with pytest.raises(DataError, match="cannot write"):
        grad_files(cells.gru, at / "P.npz", at / "X.npy", None, None, at / "no" / "OUT.npz")


def test_wrong_arrays(files: dict[str, Any]) -> None:
    at = files["at"]

    def run() -> None:
        grad_files(cells.gru, at / "P.npz", at / "X.npy", at / "S.npz", at / "G.npy", at / "O.npz")

    np.save(at / "G.npy", files["g"][1:])
    with pytest.raises(DataError, match=r"cotangent of h must be \(T, B, H\) = \(4, 2, 3\)"):
        run()
    np.save(at / "G.npy", files["g"])
    np.savez(at / "S.npz", c=files["h"])
    with pytest.raises(DataError, match="no state c"):
        run()
    np.savez(at / "S.npz", h=files["h"])
    np.savez(at / "P.npz", **{n.replace("W_z", "Wz"): a for n, a in files["params"].items()})
    with pytest.raises(DataError, match="no parameter Wz") as caught:
        run()
    assert "did you mean `W_z`?" in caught.value.mend
    np.save(at / "P.npy", np.zeros(3))
    with pytest.raises(DataError, match="not parameters by name"):
        grad_files(cells.gru, at / "P.npy", at / "X.npy", None, None, at / "O.npz")
    assert not (at / "O.npz").exists()
