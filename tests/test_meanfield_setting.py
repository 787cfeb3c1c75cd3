"""The laws of weights, inputs and biases, as a caller gives them."""

import pytest

from gru_sym import cells
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.flow.meanfield.setting import setting_of


def test_one_number_is_of_the_recurrent_matrices() -> None:
    setting = setting_of(cells.gru, 4.0, 0.5, None)
    assert setting.variance(("U_z", (0, 1))) == 4.0
    assert setting.variance(("W_z", (0, 1))) == 1.0
    assert setting.inputs == 0.5
    assert setting.vectors["b_z"] == (0.0, 0.0)
    doubled = setting.scaled(2.0)
    assert doubled.variance(("U_z", (0, 1))) == 16.0
    assert doubled.variance(("W_z", (0, 1))) == 1.0


def test_by_name_the_rest_is_1() -> None:
    setting = setting_of(cells.gru, {"U_h": 9.0, "W_r": 0.25}, 0.0, None)
    assert [setting.variance((n, (0, 1))) for n in ("U_h", "U_z", "W_r")] == [9.0, 1.0, 0.25]


def test_of_a_joined_matrix_the_columns_of_the_state() -> None:
    setting = setting_of(cells.gru_concat, {"W_z": 4.0}, 0.0, None)
    assert setting.variance(("W_z", (0, 1))) == 4.0
    assert setting.variance(("W_z", (1, 2))) == 1.0


def test_what_multiplies_is_1_and_what_is_added_0() -> None:
    laws = setting_of(cells.fastgrnn, 1.0, 0.0, {"b_z": (1, 2)}).vectors
    assert laws == {"b_z": (1.0, 2.0), "b_h": (0.0, 0.0), "zeta": (1.0, 0.0), "nu": (0.0, 0.0)}
    assert setting_of(cells.lstm_peephole, 1.0, 0.0, None).vectors["p_f"] == (0.0, 0.0)


def test_refused() -> None:
    with pytest.raises(DataError, match=r"no matrix `U_x`(.|\n)*did you mean `U_"):
        setting_of(cells.gru, {"U_x": 1.0}, 0.0, None)
    with pytest.raises(DataError, match="no vector or number among its parameters `b_q`"):
        setting_of(cells.gru, 1.0, 0.0, {"b_q": 1.0})
    with pytest.raises(DataError, match="variance of `U_z` is -1"):
        setting_of(cells.gru, -1.0, 0.0, None)
    with pytest.raises(DataError, match="variance of the inputs is inf"):
        setting_of(cells.gru, 1.0, float("inf"), None)
    with pytest.raises(DataError, match="mean of `b_z` is nan"):
        setting_of(cells.gru, 1.0, 0.0, {"b_z": float("nan")})
    with pytest.raises(UnsupportedError, match="`zeta` is a number"):
        setting_of(cells.fastgrnn, 1.0, 0.0, {"zeta": (1.0, 1.0)})
