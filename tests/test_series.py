"""Series: from arrays and from files, and what is no series."""

from pathlib import Path

import numpy as np
import pytest

import gru_sym
from gru_sym.errors import DataError
from gru_sym.training.series import Series, read_series, series_of

SUNSPOTS = Path(gru_sym.__file__).parent / "data" / "sunspots.csv"


def written(tmp_path: Path, text: str | bytes, name: str = "s.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# -- arrays ----------------------------------------------------------------------------------------


def test_an_array_is_copied() -> None:
    given = np.arange(4)
    series = series_of(given)
    given[0] = 9
    assert series.values.tolist() == [0, 1, 2, 3]
    assert series.values.dtype == np.float64
    assert series.T == 4
    assert series_of(series) is series


def test_the_fingerprint_is_of_numbers_and_shape() -> None:
    values = np.arange(6.0)
    assert Series(values).fingerprint == Series(values[::-1][::-1], "other").fingerprint
    prints = {Series(v).fingerprint for v in (values, values + 1, values[:, None], values[::-1])}
    assert len(prints) == 4
    assert len(Series(values).fingerprint) == 64


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a", "b"], "holds <U1, not real numbers"),
        ([1j], "holds complex128"),
        ([[1.0], [1.0, 2.0]], "is not an array"),
        (3.0, r"has the shape \(\)"),
        (np.zeros((2, 2, 2, 2)), "has the shape"),
        (np.zeros((0,)), r"has the shape \(0,\)"),
        ([1.0, np.nan, 2.0], r"is nan at \[1\]; every number must be finite"),
        ([[1.0, np.inf]], r"is inf at \[0, 1\]"),
        ([10**400], "holds object, not real numbers"),
    ],
)
def test_what_is_no_series(given: object, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        series_of(given)  # type: ignore[arg-type]
    assert caught.value.mend


# -- CSV -------------------------------------------------------------------------------------------


def test_sunspots() -> None:
    series = read_series(SUNSPOTS, "sunspots")
    assert (series.T, series.name) == (309, "sunspots.csv, sunspots")
    assert series.values[:3].tolist() == [5, 11, 16]


@pytest.mark.parametrize(
    "text",
    [
        "t,v\na,1\nb,2.5\n",
        "t, v \na, 1\n b,2.5",
        '"t","v"\r\n"a","1"\r\n"b, c","2.5"\r\n',
        "\ufefft,v\na,1\nb,2.5\n",
        "\n  \nv\n1\n2.5\n\n  \n",
        "v;t\n1\n2.5\n",
    ],
)
def test_the_only_column_of_numbers(tmp_path: Path, text: str) -> None:
    assert read_series(written(tmp_path, text)).values.tolist() == [1, 2.5]
    if "v;t" not in text:
        assert read_series(written(tmp_path, text), "v").values.tolist() == [1, 2.5]


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", None, "is empty"),
        ("v\n", None, "has no line below its first"),
        ("1,2\n3,4\n", None, "line 1 holds numbers, where the columns should be named"),
        ("v,v\n1,2\n", "v", "has two columns `v`"),
        ("u,v\n1,2\n", None, "2 columns hold numbers; which one is meant? There are u, v"),
        ("u,v\n1,2\na,b\n", None, "2 columns hold numbers; which one is meant?"),
        ("u,v\na,b\n", None, "no column holds numbers. There are u, v"),
        ("t,v\na,1\nb,\nc,3\n", None, "line 3: the cell of v is empty"),
        ("v,t\n1,a\n2,b\nn/a,c\n", None, "line 4: the cell of v is `n/a`"),
        ("v,year\n5,1700\n,1701\n16,1702\n", None, "2 columns hold numbers"),
        ("v,year\n5,1700\n-,1701\n16,1702\n", None, "2 columns hold numbers"),
        ('t,v\n1,"2,5"\n2,"3,5"\n', None, "2 columns hold numbers"),
        ('t,v\n1,"2,5"\n2,"3,5"\n', "v", "line 2: the cell of v is `2,5`"),
        ("v\n1\n\n2.5\n", None, "line 3 is blank: a value is missing"),
        ("v\n1\n \n2.5\n", "v", "line 3 is blank: a value is missing"),
        ("t,v\na,1\n\nb,2.5\n\n", "v", "line 3 is blank: a value is missing"),
        ("t,v\na,1\n,\nb,2.5\n", "v", "line 3: the cell of v is empty"),
        ("t,v\na,1\n,\n", None, "line 3: the cell of v is empty"),
        ('v\n1\n""\n', None, "line 3: the cell of v is empty"),
        ("t;v\n1;2\n", None, "it seems to be separated by semicolons"),
        ("t;v\n1;2,5\n", "v", "it seems to be separated by semicolons"),
        ("t\tv\n1\t2\n", "v", "it seems to be separated by tabs"),
        ("v\n1,5\n", None, "line 2 has 2 cells, and the first line 1"),
        ("u,v\n1,2\n", "w", "has no column `w`"),
        ("u,v\n1,2\n3\n", "v", "line 3 has 1 cells, and the first line 2"),
        ("u,v\n1,2\n3,4,5\n", "v", "line 3 has 3 cells"),
        ("v\n1\nNaN\n", None, "line 3: the cell of v is `NaN`, no finite number"),
        ("v\n1\n1_0\n", None, "line 3: the cell of v is `1_0`"),
        ("u,v\n1,2\n3,\n", "v", "line 3: the cell of v is empty"),
        ("u,v\n1,2\n3,n/a\n", "v", "line 3: the cell of v is `n/a`"),
        ('u,v\n1,"2\n', "v", "line 2: "),
        (b"v\n\xff\xfe\n", None, "is not text in UTF-8"),
    ],
)
def test_a_wrong_csv(tmp_path: Path, text: str | bytes, column: str | None, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_series(written(tmp_path, text), column)
    assert message in caught.value.message
    assert "s.csv" in caught.value.message
    assert caught.value.mend


def test_the_example_is_a_column_of_numbers(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_series(written(tmp_path, "u,v,note\n1,2,a\n3,4,b\n"))
    assert caught.value.mend.endswith("such as v")
    for text in ("v\n1,5\n", 't,v\na,"1,5"\n'):
        with pytest.raises(DataError) as caught:
            read_series(written(tmp_path, text))
        assert "points" in caught.value.mend


def test_a_similar_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_series(SUNSPOTS, "sunspot")
    assert caught.value.mend == "did you mean `sunspots`? It has year, sunspots"


# -- npy, and neither ------------------------------------------------------------------------------


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.arange(6).reshape(3, 2))
    series = read_series(tmp_path / "s.npy")
    assert (series.values.tolist(), series.name) == ([[0, 1], [2, 3], [4, 5]], "s.npy")
    with pytest.raises(DataError, match="has no columns to choose from"):
        read_series(tmp_path / "s.npy", "v")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="which are never loaded"):
        read_series(tmp_path / "s.npy")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY\x01\x00"])
def test_a_damaged_npy(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"not a NumPy file|pickled data"):
        read_series(written(tmp_path, content, "s.npy"))


def test_an_archive_named_npy(tmp_path: Path) -> None:
    with (tmp_path / "s.npy").open("wb") as file:
        np.savez(file, a=np.zeros(2))
    with pytest.raises(DataError, match="holds several arrays"):
        read_series(tmp_path / "s.npy")


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()
    for name, message in {
        "no.csv": "cannot read .*no.csv: No such file",
        "d.csv": "Is a directory",
        "s.json": "from .csv and .npy, not from '.json'",
        "s": "not from 'this'",
        "nul\0.csv": "cannot read",
    }.items():
        with pytest.raises(DataError, match=message) as caught:
            read_series(tmp_path / name)
        assert caught.value.mend
