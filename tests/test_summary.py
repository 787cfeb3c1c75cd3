"""Gradient flow in one result, and its JSON."""

import json
import re
from collections.abc import Callable

import numpy as np
import pytest

from gru_sym.flow import gradient_flow, lag_curve, path_length, shapley
from gru_sym.flow.summary import family_formulas
from tests.flow_cases import CELLS, arrays, case, every_cell


@every_cell
def test_json_is_plain(name: str) -> None:
    made = CELLS[name]
    params, xs, states = arrays(made, 5, batch=None)
    result = gradient_flow(made, params, xs, states)
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert document["lag"] == list(range(6))
    assert len(document["log_norm"]) == len(document["skip_log_norm"]) == 6
    assert set(document["path_length"]) == {"mean", "std"}
    assert len(document["path_length"]["mean"]) == 6
    assert set(document["shapley"]) == set(document["families"]) - {"skip"}
    assert document["float64_zero_lag"] is None or isinstance(document["float64_zero_lag"], int)
    assert "enclosure" not in document
    assert made.name in str(result)


@every_cell
def test_numbers_are_those_of_the_functions(name: str) -> None:
    made = CELLS[name]
    result = gradient_flow(made, *arrays(made, 8)).to_json()
    steps = case(name)
    curve = lag_curve(steps).log_norm
    wanted = np.where(np.isfinite(curve), curve, None)
    assert result["log_norm"] == wanted.tolist()
    mean = path_length(steps).mean
    assert result["path_length"]["mean"] == np.where(np.isfinite(mean), mean, None).tolist()
    values = shapley(steps).values[-1]
    for family, column in zip(shapley(steps).families, values, strict=True):
        assert result["shapley"][family] == np.where(np.isfinite(column), column, None).tolist()


@every_cell
def test_formulas(name: str, check_latex: Callable[[str], None]) -> None:
    found = family_formulas(CELLS[name], case(name).families)
    assert list(found) == list(case(name).names)
    for formula in found.values():
        check_latex(formula)


def test_formulas_of_the_gru() -> None:
    found = family_formulas(CELLS["gru"], case("gru").families)
    assert found["skip"] == r"\operatorname{diag}(1 - z_{t})"
    assert re.search(r"U_\{h\}.*U_\{r\}", found["reset"])
    two = family_formulas(CELLS["lstm"], case("lstm").families)["skip"]
    assert two.count(r"\colon") == 2


def test_enclosures(peer: Callable[[str], object]) -> None:
    peer("flint")
    made = CELLS["lstm"]
    result = gradient_flow(made, *arrays(made, 5, batch=None), certify=12)
    document = result.to_json()
    assert len(document["enclosure"]) == 6
    assert set(document["enclosure"][0]) == {"mid", "rad"}
    for ball, value in zip(document["enclosure"], document["log_norm"], strict=True):
        assert float(ball["mid"]) == pytest.approx(value, abs=1e-11)
    assert document["certified"]["reached"]
    batch = gradient_flow(made, *arrays(made, 5), certify=12).to_json()
    assert len(batch["enclosure"][0]) == 2


def test_too_many_families_have_no_worth() -> None:
    lines = [f"u{k} = tanh(U{k} @ h)" for k in range(12)]
    names = ", ".join(f"u{k} = r{k}" for k in range(12))
    text = [f"# roles: {names}", *lines, "h_next = h + " + " + ".join(f"u{k}" for k in range(12))]
    made = type(CELLS["gru"]).parse("\n".join(text))
    result = gradient_flow(made, *arrays(made, 2, batch=None))
    assert result.shapley is None
    assert result.to_json()["shapley"] is None
