"""One thread for BLAS, unless somebody has said otherwise."""

import os

import pytest

from gru_sym.cli.threads import one_thread

NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.mark.parametrize("given", [None, *NAMES])
def test_one_thread(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {} if given is None else {given: "2"})
    one_thread()
    assert os.environ == (dict.fromkeys(NAMES, "1") if given is None else {given: "2"})
