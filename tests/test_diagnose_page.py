"""The report: one file, nothing fetched, everything in it."""

import re
from pathlib import Path

import numpy as np
import pytest

from gru_sym.diagnose import Diagnosis, diagnose
from gru_sym.diagnose.page import html_of, write_page
from gru_sym.errors import DataError
from gru_sym.latex.page import text
from tests.torch_files import saved


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    path = saved(tmp_path_factory.mktemp("net") / "a<b>.safetensors", "LSTM", layers=2)
    return diagnose(path, np.random.default_rng(0).normal(size=(40, 2, 3)))


@pytest.fixture(scope="module")
def page(found: Diagnosis) -> str:
    return html_of(found)


def test_nothing_is_fetched(page: str) -> None:
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_everything_is_there(found: Diagnosis, page: str) -> None:
    words = re.sub(r"e<sup>(.*?)</sup>", r"e^\1", page).replace("\u2212", "-")
    for finding in found.findings:
        assert finding.text in words
    assert page.count("<details") == 3
    assert page.count("<img") == 1 + 2 + 2 * 4  # all layers together have no units of their own
    assert page.count("The paths by lag along its own recurrence") == 2
    first = page.index("<h2>Overview")
    for finding in found.findings:
        assert (finding.text[:20] in page[:first]) or finding.where != "all layers"
    for line in found.convention.splitlines():
        assert text(line) in page


def test_names_are_text(page: str) -> None:
    assert "a&lt;b&gt;.safetensors" in page
    assert "<b>" not in page


def test_the_same_again(found: Diagnosis, page: str) -> None:
    assert html_of(found) == page


def test_written(found: Diagnosis, tmp_path: Path, page: str) -> None:
    write_page(found, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    with pytest.raises(DataError, match="cannot write"):
        write_page(found, tmp_path / "none" / "report.html")


def test_two_directions_have_their_first_sentence_above(tmp_path: Path) -> None:
    path = saved(tmp_path / "both.safetensors", "GRU", bidirectional=True)
    page = html_of(diagnose(path, np.random.default_rng(0).normal(size=(30, 3))))
    above = page[: page.index("<h2>Overview")]
    assert "Forward: By itself, with its own last output as the loss" in above
    assert "Reverse: By itself" in above
