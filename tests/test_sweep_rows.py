"""What the table of measurements is made of."""

import json

from gru_sym.sweep.rows import Dimension, Quantity


def test_a_quantity_survives_json() -> None:
    lag = Dimension("lag", "steps", "steps back", 1)
    for quantity in (Quantity("nats", "a number"), Quantity("1", "a curve", (lag,))):
        assert Quantity.of(json.loads(json.dumps(quantity.to_json()))) == quantity


def test_numbers_begin_with_zero_unless_told() -> None:
    assert Dimension("lag", "steps", "steps back").first == 0
