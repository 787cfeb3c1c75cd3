"""lessons: what a study says of learning: the tasks, the paths that are left, how it is learned."""

from collections.abc import Mapping
from typing import Any

from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.errors import DataError
from gru_sym.learning.tasks import TASKS
from gru_sym.sweep.axes import Source, Value, number
from gru_sym.sweep.flows import cut_of
from gru_sym.sweep.trial import canonical

__all__ = ["LEARNING", "LEARNS", "NO_TASK", "check_lessons", "lessons_of"]

NO_TASK = "none"

LEARNS = "learning"
"""The measurement that learns a task."""

LEARNING: Mapping[str, tuple[float, float, float, bool]] = {
    "updates": (500, 1, 10**6, True),
    "batch": (32, 1, 10**4, True),
    "learning_rate": (0.005, 1e-9, 1e3, False),
    "clip": (1.0, 1e-9, 1e9, False),
    "snapshots": (2, 1, 1000, True),
}
"""Key under ``[learning]`` → its default, the least and the largest value, whether it is whole."""


def lessons_of(source: Source, table: Mapping[str, Any]) -> str:
    """How it is learned: the keys of ``[learning]`` with their values, as canonical JSON.

    Args:
        source: the study's text.
        table: what it says.

    Raises:
        StudyError: a key is unknown, or a value out of range.
    """
    given = source.check_keys(table.get("learning", {}), ("learning",), tuple(LEARNING))
    found: dict[str, float] = {}
    for name, (default, low, high, whole) in LEARNING.items():
        value: float = default
        if name in given:
            path = ("learning", name)
            value = number(source, given[name], path, whole=whole, low=low, high=high)
        found[name] = int(value) if whole else float(value)
    return canonical(found)


def check_lessons(
    source: Source,
    table: Mapping[str, Any],
    axes: Mapping[str, tuple[Value, ...]],
    equations: Mapping[str, str],
) -> None:
    """Raise where a study asks for what cannot be learned.

    Args:
        source: the study's text.
        table: what it says.
        axes: the values of ``task``, ``paths`` and ``measurement``.
        equations: cell → its text.

    Raises:
        StudyError: there is no such task, something is to be learned and nothing says what, or a
            cell has no such path.
    """
    learns = LEARNS in axes["measurement"]
    for k, name in enumerate(map(str, axes["task"])):
        if name not in TASKS and (name != NO_TASK or learns):
            what = "nothing says what is to be learned" if name == NO_TASK else f"no task `{name}`"
            hint = did_you_mean(name, TASKS)
            path = ("axes", "task", k) if "task" in table.get("axes", {}) else ("axes",)
            raise source.error(path, what, f"{hint} task = some of {', '.join(TASKS)}".lstrip())
    if "learning" in table and not learns:
        raise source.error(
            ("learning",),
            "[learning] belongs to the measurement `learning`",
            'measurement = ["learning"]',
        )
    for k, paths in enumerate(map(str, axes["paths"])):
        for name, text in equations.items():
            if paths != "all":
                try:
                    cut_of(Cell.parse(text, name=name), paths)
                except DataError as error:
                    raise source.error(("axes", "paths", k), error.message, error.mend) from None
