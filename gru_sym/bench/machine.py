"""machine: what the times hold for: processor, versions, BLAS and the kernels that it chose."""

import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gru_sym.bench.measure import library

__all__ = ["Blas", "Machine", "hint_for", "this_machine"]

WIDE_KERNELS = frozenset({"SkylakeX", "Cooperlake", "SapphireRapids"})
"""OpenBLAS's kernels for AVX-512."""

CORETYPE = "OPENBLAS_CORETYPE"

_SHOWN = ("numpy", "scipy", "numba", "torch", "jax")


@dataclass(frozen=True)
class Blas:
    """A library of matrix products, and the processor that it takes this one for."""

    library: str
    version: str
    architecture: str

    def __str__(self) -> str:
        kernels = f" with kernels for {self.architecture}" if self.architecture else ""
        return f"{self.library} {self.version}{kernels}"


@dataclass(frozen=True)
class Machine:
    """Where something was measured.

    Attributes:
        processor: its name; as much of it as the system tells.
        cores: how many it shows.
        system: the operating system.
        python: the version.
        libraries: library → version, of those that were loaded.
        blas: those that were loaded.
        hint: how to make BLAS faster here; empty where nothing is known.
    """

    processor: str
    cores: int
    system: str
    python: str
    libraries: Mapping[str, str]
    blas: tuple[Blas, ...]
    hint: str

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        return asdict(self)

    @property
    def lines(self) -> tuple[str, ...]:
        """A header for tables; the hint is not in it."""
        versions = (f"Python {self.python}", *(f"{n} {v}" for n, v in self.libraries.items()))
        return (
            f"{self.processor}, {self.cores} cores, {self.system}",
            ", ".join(versions),
            f"BLAS: {'; '.join(map(str, self.blas)) or 'none that threadpoolctl knows'}",
        )


def this_machine() -> Machine:
    """This machine, with the libraries that are loaded by now.

    Raises:
        MissingLibraryError: threadpoolctl is not installed.
    """
    found = library("threadpoolctl", "measuring").threadpool_info()
    blas = dict.fromkeys(
        Blas(each["internal_api"], each["version"] or "", each.get("architecture") or "")
        for each in found
        if each["user_api"] == "blas"
    )
    about = _cpuinfo()
    return Machine(
        processor=about.get("model name") or platform.processor() or platform.machine(),
        cores=os.cpu_count() or 1,
        system=platform.system(),
        python=platform.python_version(),
        libraries={n: importlib.metadata.version(n) for n in _SHOWN if n in sys.modules},
        blas=tuple(blas),
        hint=hint_for(tuple(blas), about.get("flags", "").split(), os.environ.get(CORETYPE)),
    )


def hint_for(
    blas: tuple[Blas, ...], flags: list[str] | tuple[str, ...], coretype: str | None
) -> str:
    """What would let OpenBLAS use all of a processor; empty where it does, or nothing is known.

    Args:
        blas: what is loaded.
        flags: what the processor can do, in Linux's words.
        coretype: the environment's OPENBLAS_CORETYPE.
    """
    narrow = [
        each.architecture
        for each in blas
        if each.library == "openblas" and each.architecture not in {"", *WIDE_KERNELS}
    ]
    if "avx512f" not in flags or not narrow:
        return ""
    origin = f", as {CORETYPE}={coretype} is set" if coretype else ""
    return (
        f"the processor has AVX-512, but OpenBLAS runs its kernels for {narrow[0]}{origin}; "
        f"start with {CORETYPE}=SkylakeX and see whether matrix products get faster"
    )


def _cpuinfo() -> dict[str, str]:
    """What Linux tells of the first processor; elsewhere nothing."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    first = text.split("\n\n")[0]
    return dict(re.findall(r"^([^\t:]+)\s*: (.*)$", first, re.MULTILINE))
