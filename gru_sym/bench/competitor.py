"""competitor: something that computes all gradients of a problem, to be timed against others.

Arrays are brought into each library's own form before anything is timed, and results are left in
that form: what is measured is a forward pass and backprop through time, no conversion.
"""

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from gru_sym.bench.measure import library
from gru_sym.bench.problem import Array, Problem
from gru_sym.codegen.backends.table import backend_of, module_source, require
from gru_sym.derive.vjp import BAR
from gru_sym.errors import UnsupportedError

__all__ = ["Competitor", "Held", "arguments", "held", "load", "named", "one_thread_xla", "ours"]

XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"


@dataclass(frozen=True, eq=False)
class Competitor:
    """Something to time.

    Attributes:
        name: as it is asked for: ``numpy``, ``torch`` …
        what: which computation this is, in words.
        call: computes outputs and gradients, and waits for them.
        gradients: from what ``call`` returned: ``W_z_bar`` and so on → array.
        within: what has to be in force while ``call`` runs, such as jax's 64 bits.
    """

    name: str
    what: str
    call: Callable[[], Any]
    gradients: Callable[[Any], dict[str, Array]]
    within: Callable[[], AbstractContextManager[Any]] = nullcontext


@dataclass(frozen=True)
class Held:
    """How a backend holds arrays.

    Attributes:
        array: an array of NumPy's in the backend's form.
        numpy: the way back.
        wait: returns what it is given once it is computed.
        within: what has to be in force for all of these, and for computing.
    """

    array: Callable[[Array], Any]
    numpy: Callable[[Any], Array]
    wait: Callable[[Any], Any]
    within: Callable[[], AbstractContextManager[Any]]


def held(backend: str, dtype: str) -> Held:
    """How a backend holds arrays of a type.

    Raises:
        UnsupportedError: there is no such backend.
        MissingLibraryError: its library is not installed.
    """
    row = backend_of(backend)
    require(row)
    wait, place = _SETTINGS.get(row.name, _nothing)()

    @contextmanager
    def within() -> Iterator[None]:
        with place(), row.precision(np.dtype(dtype)):
            yield

    def array(value: Array) -> Any:
        with within():
            return row.native(value)

    def numpy(value: Any) -> Array:
        return np.asarray(row.array(value), dtype)

    return Held(array, numpy, wait, within)


Setting = tuple[Callable[[Any], Any], Callable[[], AbstractContextManager[Any]]]


def _nothing() -> Setting:
    return (lambda value: value), nullcontext


def _with_jax() -> Setting:
    jax = library("jax", "the backend jax")
    # On the processor, also where there is an accelerator: that is where the others run.
    return jax.block_until_ready, lambda: jax.default_device(jax.local_devices(backend="cpu")[0])


_SETTINGS: Mapping[str, Callable[[], Setting]] = MappingProxyType({"jax": _with_jax})
"""Backend → how to wait for its results, and where they are computed; most need neither."""


def one_thread_xla() -> list[str]:
    """Ask XLA, which jax compiles with, for one thread; it listens before jax is imported only.

    Returns:
        What was done, or could not be.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if XLA_ONE_THREAD in flags:
        return []
    if "jax" in sys.modules:
        return ["jax was imported before, and keeps the threads that it has"]
    os.environ["XLA_FLAGS"] = f"{flags} {XLA_ONE_THREAD}".strip()
    return [f"jax runs with XLA_FLAGS={XLA_ONE_THREAD}, so that it has one thread, too"]


def ours(problem: Problem, backend: str, folder: Path) -> Competitor:
    """The generated module of a cell.

    Args:
        problem: the cell and its arrays.
        backend: a row of :data:`~gru_sym.codegen.backends.table.BACKENDS`.
        folder: where the module may be written.

    Raises:
        UnsupportedError: there is no such backend, or it cannot express the cell.
        MissingLibraryError: its library is not installed.
    """
    form = held(backend, problem.dtype)
    with form.within():
        module = load(module_source(problem.cell, backend), folder)
    params, *given = arguments(problem, form)
    ups = [form.array(problem.cotangents[str(v.name)]) for v in problem.outputs]

    def call() -> Any:
        trajectory = module.forward(params, *given)
        return form.wait((trajectory, module.backward(params, trajectory, *ups)))

    def gradients(returned: Any) -> dict[str, Array]:
        return {name: form.numpy(value) for name, value in returned[1].items()}

    what = f"the code generated for {backend_of(backend).title}"
    return Competitor(backend, what, call, gradients, form.within)


def arguments(problem: Problem, form: Held) -> list[Any]:
    """What a generated ``forward`` takes: parameters, inputs (or T), initial states."""
    params = {name: form.array(value) for name, value in problem.params.items()}
    inputs = [form.array(value) for value in problem.inputs.values()] or [problem.size.steps]
    return [params, *inputs, *map(form.array, problem.states.values())]


def named(values: Mapping[str, Any], form: Held) -> dict[str, Array]:
    """Gradients under the names that generated modules give them."""
    return {f"{name}{BAR}": form.numpy(value) for name, value in values.items()}


def load(source: str, folder: Path) -> ModuleType:
    """Import a generated module as anybody would who keeps it: from a file."""
    name = f"gru_sym_{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UnsupportedError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
