"""Studies: what is read, which trials there are, and what is refused, with the line."""

from itertools import islice
from pathlib import Path

import pytest

from gru_sym import cells
from gru_sym.errors import DataError, StudyError
from gru_sym.sweep import Study
from gru_sym.sweep.design import MOST_CHARACTERS, MOST_TRIALS

AXES = """\
[axes]
cell = ["rnn", "gru"]
measurement = ["gradient_norm", "spectral_radius"]
"""
RANDOM = f"""\
design = "random"
trials = 50
seed = 3
{AXES}gain = {{ log_uniform = [0.5, 2] }}
size = {{ uniform = [2, 5] }}
seed = {{ uniform = [0, 1000000] }}
T = [5, 10]
"""


def test_a_grid_and_its_defaults() -> None:
    study = Study.parse(AXES)
    trials = list(study.trials())
    assert len(study) == len(trials) == 4
    assert [(t.cell, t.measurement) for t in trials[:3]] == [
        ("rnn", "gradient_norm"),
        ("rnn", "spectral_radius"),
        ("gru", "gradient_norm"),
    ]
    (trial, *_) = trials
    assert (trial.size, trial.T, trial.initialisation, trial.seed) == (32, 100, "torch", 0)
    assert (trial.gain, trial.bias, trial.variance, trial.inputs) == (1.0, 0.0, 1.0, None)
    assert trial.equations == cells.rnn.text
    assert (study.title, study.design) == ("study", "grid")
    assert len({t.key for t in trials}) == 4


def test_all_that_a_study_can_say() -> None:
    study = Study.parse(
        f"""title = "all of it"\n{AXES}
        size = [2]
        T = [3]
        initialisation = ["orthogonal", "keras"]
        gain = [0.5, 1.5]
        bias = [-1, 0]
        seed = {{ from = 7, count = 2 }}
        [inputs]
        variance = 0.25
        size = 5"""
    )
    assert len(study) == 2 * 2 * 2 * 2 * 2 * 2
    last = list(study.trials())[-1]
    assert last.point == {
        "cell": "gru", "size": 2, "T": 3, "initialisation": "keras", "gain": 1.5, "bias": 0.0,
        "task": "none", "paths": "all", "seed": 8, "measurement": "spectral_radius",
    }  # fmt: skip
    assert (last.variance, last.inputs, study.title) == (0.25, 5, "all of it")


def test_a_study_in_a_line() -> None:
    text = AXES + "seed = { from = 0, count = 100000 }"
    assert (
        repr(Study.parse(text))
        == str(Study.parse(text))
        == ("study: a grid of 400,000 trials (2 cell · 100,000 seed · 2 measurement)")
    )
    assert str(Study.parse(RANDOM)) == (
        "study: a random design of 100 trials "
        "(2 cell · size uniform · 2 T · gain log_uniform · seed uniform · 2 measurement)"
    )
    one = '[axes]\ncell = ["gru"]\nmeasurement = ["gradient_norm"]'
    assert str(Study.parse(one)) == "study: a grid of 1 trial"


def test_a_random_design() -> None:
    study = Study.parse(RANDOM)
    trials = list(study.trials())
    assert len(study) == len(trials) == 100  # each point that is drawn is measured in both ways
    assert [t.measurement for t in trials[:2]] == ["gradient_norm", "spectral_radius"]
    assert len({t.key for t in trials}) == 100
    assert {t.cell for t in trials} == {"rnn", "gru"}
    assert {t.size for t in trials} == {2, 3, 4, 5}
    assert {t.T for t in trials} == {5, 10}
    assert all(0.5 <= t.gain <= 2 for t in trials)
    assert list(Study.parse(RANDOM).trials()) == trials
    another = Study.parse(RANDOM.replace("seed = 3", "seed = 4"))
    assert {t.gain for t in another.trials()}.isdisjoint(t.gain for t in trials)


def test_more_draws_begin_with_the_same() -> None:
    few, many = Study.parse(RANDOM), Study.parse(RANDOM.replace("trials = 50", "trials = 80"))
    assert list(islice(many.trials(), len(few))) == list(few.trials())


def test_an_axis_does_not_change_what_others_draw() -> None:
    other = Study.parse(RANDOM.replace("T = [5, 10]", "T = [7]"))
    pairs = zip(other.trials(), Study.parse(RANDOM).trials(), strict=True)
    assert all((a.gain, a.size, a.cell) == (b.gain, b.size, b.cell) for a, b in pairs)


def test_a_random_design_that_takes_all() -> None:
    text = f'design = "random"\ntrials = 24\n{AXES}size = [2, 3, 4]\nseed = [0, 1, 2, 3]\n'
    points = {tuple(sorted(t.point.items())) for t in Study.parse(text).trials()}
    assert len(points) == 48
    with pytest.raises(StudyError, match="25 different points are asked for, and the axes have 24"):
        Study.parse(text.replace("trials = 24", "trials = 25"))


def test_files_of_cells(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "my own.cell").write_text("# mine\nh_next = tanh(W @ x + U @ h)")
    study = tmp_path / "Über.toml"
    text = '[axes]\ncell = ["gru", "cells/my own.cell"]\nmeasurement = ["gradient_norm"]'
    study.write_text(text, encoding="utf-8-sig")
    found = Study.load(study)
    assert found.title == "Über"
    assert found.equations["cells/my own.cell"] == "# mine\nh_next = tanh(W @ x + U @ h)\n"
    keys = [t.key for t in found.trials()]
    (tmp_path / "cells" / "my own.cell").write_text("h_next = tanh(W @ x - U @ h)")
    edited = [t.key for t in Study.load(study).trials()]
    assert (edited[0], edited[1] == keys[1]) == (keys[0], False)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the study has no `cell`"),
        ('x = "\n', 1, "this is not TOML: illegal character"),
        ("a = 1\nb = = 2\n", 2, "this is not TOML: invalid value"),
        ("a = [1,\n", 1, "this is not TOML: invalid value"),
        ("[axes]\n[axes]\n", 2, "this is not TOML: there is a second `axes`"),
        (f"{AXES}T = [1]\ncell = [\n1,\n2]\n", 5, "this is not TOML: there is a second `cell`"),
        ("'a b' = 1\n'a b' = 2\n", 2, "this is not TOML: there is a second `'a b'`"),
        ("a = { b = 1, b = 2 }\n", 1, "this is not TOML: duplicate inline table key 'b'"),
        ("[axes]\ncell = ['gru']\n", 1, "the study has no `measurement`"),
        (f"titel = 'x'\n{AXES}", 1, "there is no key `titel`"),
        (f"{AXES}sise = [1]\n", 4, "there is no key `sise` in axes"),
        (f"{AXES}[inputs]\nvarianze = 1\n", 5, "there is no key `varianze` in inputs"),
        (f"inputs = 3\n{AXES}", 1, "inputs is 3, and not a table"),
        ("axes = [1]\n", 1, "axes is a list, and not a table"),
        (f"[inputs]\nvariance = -1\n{AXES}", 2, "inputs.variance is -1, beyond"),
        (f"[inputs]\nvariance = '1'\n{AXES}", 2, 'inputs.variance is "1", and has to be a number'),
        (f"[inputs]\nsize = 0\n{AXES}", 2, "inputs.size is 0, beyond"),
        (f"title = 3\n{AXES}", 1, "title is 3, and has to be a line of text"),
        (f'title = "a\\nb"\n{AXES}', 1, 'title is "a'),
        (f"design = 'gird'\n{AXES}", 1, "there is no design `gird`"),
        (f"trials = 3\n{AXES}", 1, "`trials` belongs to a random design"),
        (f"seed = 3\n{AXES}", 1, "`seed` belongs to a random design"),
        (f"design = 'random'\n{AXES}", 1, "a random design needs `trials`"),
        (f"design = 'random'\ntrials = 0\n{AXES}", 2, "trials is 0, beyond"),
        (f"design = 'random'\ntrials = 1\nseed = 1.5\n{AXES}", 3, "seed is 1.5, and has to be"),
        (f"design = 'random'\ntrials = 1000000\n{AXES}", 2, "the study has 2,000,000 trials"),
        (
            f"{AXES}seed = {{ from = 0, count = 1000000 }}\n",
            1,
            "the study has 4,000,000 trials (2 cell · 1,000,000 seed · 2 measurement), and ",
        ),
        (
            f"{AXES}size = [16, 4096]\nT = [10,\n100000]\n",
            5,
            "100,000 steps of 4,096 entries are 409,600,000 numbers a sequence",
        ),
        (AXES.replace('"gru"', '\n"gur"'), 3, "there is no built-in cell and no file `gur`"),
        (AXES.replace('"gru"', '"bad.cell"'), 2, "bad.cell, line 2, column 10: "),
        (AXES.replace('"gru"', '"empty.cell"'), 2, ""),
        (AXES.replace('"gru"', '"."'), 2, "there is no built-in cell and no file `.`"),
        (AXES.replace('"gru"', '"a\\u0000"'), 2, "there is no built-in cell and no file"),
        (AXES.replace("spectral_", "spectrum_"), 3, "there is no measurement `spectrum_radius`"),
        (f'{AXES}initialisation = ["torhc"]', 4, "there is no initialisation `torhc`"),
    ],
)
def test_what_is_refused(text: str, line: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.cell").write_text("# a remark\nh_next = sin(x, h)\n")
    (tmp_path / "empty.cell").write_text("\n")
    with pytest.raises(StudyError) as caught:
        Study.parse(text, folder=tmp_path)
    assert message in caught.value.message
    assert caught.value.line == line, caught.value
    assert caught.value.mend
    assert len(str(caught.value)) < 1500


def test_suggestions() -> None:
    for text, suggestion in [
        (f"{AXES}sise = [1]\n", "did you mean `size`? The keys are cell, size, T"),
        (AXES.replace("gru", "lstmm"), "did you mean `lstm`? The built-in cells are "),
        (AXES.replace("spectral_radius", "radius"), "There are gradient_norm, spectral_radius"),
    ]:
        with pytest.raises(StudyError) as caught:
            Study.parse(text)
        assert suggestion in caught.value.mend


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#" * (MOST_CHARACTERS + 1), "a study has 100000 characters at most"),
        ("x = " + "[" * 5000, "it is nested too deeply"),
        ("x = " + "9" * 5000, "this is no study: Exceeds the limit"),
    ],
)
def test_absurd_texts(text: str, message: str) -> None:
    with pytest.raises(StudyError) as caught:
        Study.parse(text)
    assert message in caught.value.message
    assert caught.value.mend


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.toml", tmp_path, "nul\0"):
        with pytest.raises(DataError, match="cannot read the study"):
            Study.load(path)
    (tmp_path / "latin.toml").write_bytes(b"title = 'a'\n# \xe4\n")
    with pytest.raises(StudyError, match="the byte 0xe4 is not UTF-8") as caught:
        Study.load(tmp_path / "latin.toml")
    assert (caught.value.line, caught.value.column) == (2, 3)


@pytest.mark.slow
def test_the_largest_study() -> None:
    study = Study.parse(f"{AXES}seed = {{ from = 0, count = {MOST_TRIALS // 4} }}")
    assert len(study) == MOST_TRIALS
    assert sum(1 for _ in study.trials()) == MOST_TRIALS
