"""table: the experiments, one row each: a study beside this file, and what makes figures of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from gru_sym.experiments import cut, initialisation, phase, sums, training
from gru_sym.experiments.findings import Findings
from gru_sym.sweep import Results

__all__ = ["EXPERIMENTS", "Experiment"]


@dataclass(frozen=True)
class Experiment:
    """A row of the table.

    Attributes:
        name: its name, and that of its study's file.
        about: the question, in a line.
        drawn: from the study's results to figures, a table and sentences.
    """

    name: str
    about: str
    drawn: Callable[[Results], Findings]

    @property
    def study(self) -> str:
        """The study, as TOML."""
        path = files("gru_sym") / "experiments" / f"{self.name}.toml"
        return path.read_text(encoding="utf-8")


EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        row.name: row
        for row in (
            Experiment(
                "initialisation",
                "how much gradient is left before training, by cell and initialisation",
                initialisation.drawn,
            ),
            Experiment(
                "training",
                "what training does to the gradient, on copy memory, adding and the sunspots",
                training.drawn,
            ),
            Experiment("cut", "what a cell can learn without some of its paths", cut.drawn),
            Experiment(
                "phase",
                "where chaos begins, over gain and gate bias, beside mean-field theory",
                phase.drawn,
            ),
            Experiment("sums", "for which gates the sum keeps gradients alive", sums.drawn),
        )
    }
)
"""Name → experiment."""
