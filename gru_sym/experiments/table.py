"""table: the experiments, one row each: a study and a module of its name, beside this file."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

from gru_sym.sweep import Results

if TYPE_CHECKING:
    from gru_sym.experiments.findings import Findings

__all__ = ["EXPERIMENTS", "Experiment"]


@dataclass(frozen=True)
class Experiment:
    """A row of the table.

    Attributes:
        name: its name, and that of its study's file and of its module.
        about: the question, in a line.
        needs: the measurements that its study has to take.
        axes: the axes that it goes over, each with how many values it needs; all others, but the
            seed, have one.
    """

    name: str
    about: str
    needs: tuple[str, ...]
    axes: Mapping[str, int]

    @property
    def study(self) -> str:
        """The study, as TOML."""
        path = files("gru_sym") / "experiments" / f"{self.name}.toml"
        return path.read_text(encoding="utf-8")

    def drawn(self, results: Results) -> "Findings":
        """Figures, a table and sentences, by the experiment's module.

        Args:
            results: of its study.

        Raises:
            MissingLibraryError: matplotlib is not installed.
        """
        found: Findings = import_module(f"gru_sym.experiments.{self.name}").drawn(results)
        return found


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        row.name: row
        for row in (
            Experiment(
                "initialisation",
                "how much gradient is left before training, by cell and initialisation",
                ("lag_curve", "departures"),
                {"cell": 1, "initialisation": 1},
            ),
            Experiment(
                "training",
                "what training does to the gradient, on copy memory, adding and the sunspots",
                ("learning",),
                {"cell": 1, "task": 1},
            ),
            Experiment(
                "cut",
                "what a cell can learn without some of its paths",
                ("cut_curve", "learning"),
                {"cell": 1, "paths": 1, "task": 1},
            ),
            Experiment(
                "phase",
                "where chaos begins, over gain and gate bias, beside mean-field theory",
                ("lyapunov", "spread", "theory"),
                {"cell": 1, "gain": 2, "bias": 2},
            ),
            Experiment(
                "sums",
                "for which gates the sum keeps gradients alive",
                ("lag_curve", "shapley", "keep"),
                {"cell": 1, "gain": 1, "bias": 1},
            ),
        )
    }
)
"""Name → experiment."""
