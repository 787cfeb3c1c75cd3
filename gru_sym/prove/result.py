"""What a proof can answer: Proved, Refuted with a counterexample, or Unproved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from gru_sym.errors import GruSymError
from gru_sym.notebook import ShownAsText

__all__ = ["Answer", "Counterexample", "Proof", "ProofError", "Proved", "Refuted", "Unproved"]


class ProofError(GruSymError):
    """A claim that was to be proved is refuted, or could not be proved."""


@dataclass(frozen=True, repr=False)
class Counterexample(ShownAsText):
    """Exact inputs at which two sides differ.

    Attributes:
        sizes: the size of each dimension.
        values: the inputs, nested lists of fractions written as text.
        entry: the index of the entry that differs, from 0.
        left: the value of the left side there: a fraction, or an enclosure ``[low, high]``.
        right: that of the right side.
    """

    sizes: dict[str, int]
    values: dict[str, Any]
    entry: tuple[int, ...]
    left: str
    right: str

    def __str__(self) -> str:
        return "\n".join([*self.point, f"  {self.difference('left', 'right')}"])

    @property
    def point(self) -> list[str]:
        """The sizes and the inputs, one a line."""
        sizes = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        values = [f"  {name} = {_shown(value)}" for name, value in self.values.items()]
        return [f"at {sizes}:" if sizes else "at", *values]

    def difference(self, left: str, right: str) -> str:
        """The entry and its two values.

        Args:
            left: how the left side is called.
            right: how the right side is called.
        """
        place = f"entry {list(self.entry)}: " if self.entry else ""
        return f"{place}{left} {self.left}, {right} {self.right}"

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return {
            "sizes": self.sizes,
            "values": self.values,
            "entry": list(self.entry),
            "left": self.left.rstrip("…"),  # plain numbers, for programs
            "right": self.right.rstrip("…"),
        }


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return str(value)


_MENDS = {
    "refuted": "the two sides differ at the numbers above: look there for a wrong sign, factor, "
    "transpose or mapping",
    "unproved": "nothing is known to be wrong: split the claim into smaller steps, or compare at "
    "numbers, with brute_force or verify",
}


@dataclass(frozen=True, repr=False)
class Answer(ShownAsText):
    """What was claimed, and what came of it.

    Attributes:
        claim: the claim, in words or as an equation.
    """

    verdict: ClassVar[str]
    claim: str

    def require(self) -> "Answer":
        """The answer itself if it is proved.

        Raises:
            ProofError: it is not; the message holds the evidence.
        """
        if self.verdict != "proved":
            raise ProofError(str(self), mend=_MENDS[self.verdict])
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain types: at least ``verdict`` and ``claim``."""
        return {"verdict": self.verdict, "claim": self.claim}


@dataclass(frozen=True, repr=False)
class Proved(Answer):
    """The claim holds for all sizes.

    Attributes:
        claim: the claim, in words or as an equation.
        shown: what was shown on the way, an equation each.
        assumed: under what it holds.
    """

    verdict = "proved"
    shown: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([f"proved: {self.claim}", *_listed(self.assumed, self.shown)])

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return super().to_json() | {"assumed": list(self.assumed), "shown": list(self.shown)}


@dataclass(frozen=True, repr=False)
class Refuted(Answer):
    """The claim is false.

    Attributes:
        claim: the claim, in words or as an equation.
        counterexample: exact numbers at which it fails.
    """

    verdict = "refuted"
    counterexample: Counterexample

    def __str__(self) -> str:
        return f"refuted: {self.claim}\n{self.counterexample}"

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return super().to_json() | {"counterexample": self.counterexample.to_json()}


@dataclass(frozen=True, repr=False)
class Unproved(Answer):
    """Neither proved nor refuted; never counts as passed.

    Attributes:
        claim: the claim, in words or as an equation.
        why: what stood in the way.
    """

    verdict = "unproved"
    why: str = ""

    def __str__(self) -> str:
        return f"unproved: {self.claim}\n  {self.why}"

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return super().to_json() | {"why": self.why}


@dataclass(frozen=True, repr=False)
class Proof(ShownAsText):
    """Several claims that make one: proved if all are, refuted if one is.

    Attributes:
        claim: what they show together.
        parts: (heading, answers) in the order of the argument.
        assumed: what is taken for granted.
    """

    claim: str
    parts: tuple[tuple[str, tuple[Answer, ...]], ...]
    assumed: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Answer]:
        return (answer for _, answers in self.parts for answer in answers)

    @property
    def verdict(self) -> str:
        """``proved``, ``refuted`` or ``unproved``; without any claim it is unproved."""
        verdicts = {answer.verdict for answer in self} or {"unproved"}
        return next(v for v in ("refuted", "unproved", "proved") if v in verdicts)

    def require(self) -> "Proof":
        """The proof itself if it is one.

        Raises:
            ProofError: it is not; the message holds the evidence.
        """
        if self.verdict != "proved":
            raise ProofError(str(self), mend=_MENDS[self.verdict])
        return self

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {self.claim}", *_listed(self.assumed, ())]
        for heading, answers in self.parts:
            lines.append(f"  {heading}")
            for answer in answers:
                if answer.verdict == "proved":
                    lines.append(f"    ✓ {answer.claim}")
                else:
                    lines += [f"    {line}" for line in str(answer).splitlines()]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Plain types: verdict, claim, assumed, and the parts with their claims."""
        return {
            "verdict": self.verdict,
            "claim": self.claim,
            "assumed": list(self.assumed),
            "parts": [
                {"heading": heading, "claims": [answer.to_json() for answer in answers]}
                for heading, answers in self.parts
            ],
        }


def _listed(assumed: Iterable[str], shown: Iterable[str]) -> list[str]:
    return [
        *(f"  assumed: {line}" for line in assumed),
        *(f"  shown: {line}" for line in shown),
    ]
