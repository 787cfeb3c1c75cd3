"""What a study says of learning, and what it may not say."""

import json

import pytest

from gru_sym.errors import StudyError
from gru_sym.sweep import Study

LEARNS = """\
[axes]
cell = ["gru"]
measurement = ["learning"]
task = ["adding", "copy"]
paths = ["all", "skip only", "no reset"]
"""


def test_defaults_and_values() -> None:
    study = Study.parse(f"{LEARNS}[learning]\nupdates = 7\nclip = 2\n")
    trials = list(study.trials())
    assert len(trials) == 6
    assert {(t.task, t.paths) for t in trials} >= {("adding", "all"), ("copy", "skip only")}
    how = json.loads(trials[0].learning)
    assert how == {
        "updates": 7, "batch": 32, "learning_rate": 0.005, "clip": 2.0, "snapshots": 2
    }  # fmt: skip
    assert json.loads(next(Study.parse(LEARNS).trials()).learning)["updates"] == 500


def test_what_does_not_learn_knows_nothing_of_it() -> None:
    text = LEARNS.replace('"learning"', '"lag_curve", "learning"')
    found = {t.measurement: t.learning for t in Study.parse(text).trials()}
    assert found["lag_curve"] == ""
    assert found["learning"]


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (('"adding"', '"addding"'), 4, "no task `addding`"),
        (('task = ["adding", "copy"]\n', ""), 1, "nothing says what is to be learned"),
        (('"no reset"', '"no gate"'), 5, "cannot do with the paths `no gate`"),
        (('["learning"]', '["lag_curve"]'), 7, "belongs to the measurement `learning`"),
        (("updates", "updatez"), 8, "no key `updatez` in learning"),
        (("updates = 3", "updates = 0"), 8, "updates is 0, beyond"),
        (("updates = 3", "updates = 1.5"), 8, "updates is 1.5, and has to be"),
    ],
)
def test_errors_have_their_line(change: tuple[str, str], line: int, message: str) -> None:
    text = f"{LEARNS}\n[learning]\nupdates = 3\n".replace(*change)
    with pytest.raises(StudyError, match=message) as error:
        Study.parse(text)
    assert error.value.line == line
