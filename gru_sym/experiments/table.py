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
    """

    name: str
    about: str

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
        name: Experiment(name, about)
        for name, about in (
            (
                "initialisation",
                "how much gradient is left before training, by cell and initialisation",
            ),
            (
                "training",
                "what training does to the gradient, on copy memory, adding and the sunspots",
            ),
            ("cut", "what a cell can learn without some of its paths"),
            ("phase", "where chaos begins, over gain and gate bias, beside mean-field theory"),
            ("sums", "for which gates the sum keeps gradients alive"),
        )
    }
)
"""Name → experiment."""
