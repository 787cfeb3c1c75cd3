"""Derivations as text and JSON."""

import json
from collections.abc import Callable

import pytest

from gru_sym.algebra.program import Program
from gru_sym.cells import Cell, cell, names
from gru_sym.cells.parse import parse
from gru_sym.derive.describe import KINDS, lines, sections, select, text, to_json
from gru_sym.errors import DataError


def names_in(derivation_lines: list[str]) -> list[str]:
    return [line.split("=")[0].strip() for line in derivation_lines]


@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize("name", ["gru", "lstm", "gru_concat"])
def test_golden(golden: Callable[[str, str], None], name: str, of: str) -> None:
    golden(f"text/{name}_{of}.txt", text(select(cell(name), of)) + "\n")


def test_only_derived_lines_aligned() -> None:
    shown = lines(select(cell("gru")))
    assert names_in(shown)[:2] == ["h_tilde_bar", "a_h_tilde_bar"]
    assert len({line.index("=") for line in shown}) == 1
    assert len(shown) == 17


def test_vjp_is_a_derivation_in_the_language() -> None:
    derivation = select(cell("gru_concat"))
    document = parse(text(derivation), derivation=True)
    (section,) = sections(derivation)
    assert [d.name for d in document.definitions] == [d.name for d in section.definitions]


def test_wrt_computes_only_what_is_needed() -> None:
    gru = cell("gru")
    assert names_in(lines(select(gru, "vjp", ["W_z"]))) == ["z_bar", "a_z_bar", "W_z_bar"]
    assert names_in(lines(select(gru, "jvp", ["b_z"]))) == ["a_z_dot", "z_dot", "h_next_dot"]
    hvp = select(gru, "hvp", ["b_z"]).result
    assert isinstance(hvp, Program)
    assert [v.name for v in hvp.outputs] == ["b_z_bar_dot"]
    both = select(cell("lstm"), "jacobian", ["c"])
    assert [line.split(" = ")[0] for line in lines(both)] == ["dh_next/dc", "dc_next/dc"]
    bptt = select(gru, "bptt", ["b_z", "h", "b_z"])
    assert [s.key for s in sections(bptt)] == ["step", "after"]
    assert lines(bptt)[-1] == "    b_z_bar = sum_t(a_z_bar)"


@pytest.mark.parametrize(
    ("of", "wrt", "message", "mend"),
    [
        ("vjp", ["W_q"], "gru has no parameter, input or state `W_q`", "did you mean `W_"),
        ("jacobian", ["x"], "gru has no state `x`", "There are h"),
        ("jacobain", [], "there is no derivative `jacobain`", "did you mean `jacobian`"),
    ],
)
def test_unknown_names(of: str, wrt: list[str], message: str, mend: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        select(cell("gru"), of, wrt)
    assert mend in caught.value.mend


def test_bptt_in_its_parts() -> None:
    shown = lines(select(cell("gru"), "bptt"))
    heads = [line for line in shown if line.endswith(":")]
    assert heads == ["at t = T:", "for t = T ... 1:", "then, for every t:", "then:"]
    assert shown[0].startswith("# h_bar_up: ")
    assert shown[1].startswith("# h_bar_later: ")
    assert shown[3] == "    h_bar_later = 0"
    assert "    h_next_bar    = h_bar_up + h_bar_later" in shown
    assert "    h_bar_later   = h_bar" in shown
    assert "    W_z_bar = sum_t(outer(a_z_bar, x))" in shown


def test_jacobian_by_path() -> None:
    shown = lines(select(cell("gru"), "jacobian"))
    bare = [" ".join(line.split()) for line in shown]
    assert bare == [
        "dh_next/dh = diag(1 - z) [skip]",
        "+ diag((h_tilde - h) * z * (1 - z)) @ U_z [update]",
        "+ diag(z * (1 - h_tilde**2)) @ U_h @ diag(r) [candidate]",
        "+ diag(z * (1 - h_tilde**2)) @ U_h @ diag(h * r * (1 - r)) @ U_r [reset]",
    ]
    assert len({line.index("[") for line in shown}) == 1


def test_jacobian_zeros_identities_and_sums() -> None:
    made = Cell.parse("h_next = W @ x + c\nc_next = c + sum(h) * c - h")
    assert lines(select(made, "jacobian")) == [
        "dh_next/dh = 0",
        "dh_next/dc = identity    [skip]",
        "dc_next/dh = outer(c, 1)    [direct]",
        "           - identity       [skip]",
        "dc_next/dc = (sum(h) + 1) * identity    [skip]",
    ]


def test_jacobian_through_a_part_of_a_vector() -> None:
    made = Cell.parse("q = tanh([h, x])\nh_next = U @ h + sum(q) * h")
    shown = lines(select(made, "jacobian"))
    assert shown[-1].split("  ")[-3].strip() == "+ outer(h, 1 - q**2) @ identity[:, :H]"


@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize("name", names())
def test_json_is_plain(name: str, of: str) -> None:
    derivation = select(cell(name), of)
    made = to_json(derivation)
    assert json.loads(json.dumps(made)) == made
    assert (made["cell"], made["of"]) == (name, of)
    if of == "jacobian":
        assert {block["next"] for block in made["blocks"]} == {v.name for v in cell(name).nexts}
        paths = [path for block in made["blocks"] for path in block["paths"]]
        assert all(set(path) == {"name", "through", "expr"} for path in paths)
    else:
        count = sum(len(section.definitions) for section in sections(derivation))
        assert len(made["lines"]) == count


def test_json_lines() -> None:
    made = to_json(select(cell("gru_concat"), "bptt", ["W_z"]))
    assert made["lines"][-1] == {
        "name": "W_z_bar",
        "expr": "sum_t(outer(a_z_bar, [h, x]))",
        "shape": ["H", "H+I"],
        "part": "after",
    }
    assert made["carry"] == [{"name": "h_bar_later", "start": "0", "next": "h_bar"}]
