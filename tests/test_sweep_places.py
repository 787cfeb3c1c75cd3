"""Where keys and items stand in a TOML text, held against what tomllib reads in it."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.errors import Place
from gru_sym.sweep.places import places

TEXT = '''\
title = "a # [b] = \\" c"   # [comment]
'quoted key' = """
x = 1
"""
numbers.one = [1, [2, 3], # two
  { a = 4, "b.c" = 'd' },
]

[axes]
  gain = [1.0,
          2.5]
[axes.inner]
when = 1979-05-27T07:32:00Z
[[several]]
x = -inf
[[several]]
x = 0x_ff
'''.replace("0x_ff", "0xff")


def test_every_place() -> None:
    found = places(TEXT)
    assert found["title",] == Place(1, 1)
    assert found["quoted key",] == Place(2, 1)
    assert found["numbers", "one"] == found["numbers",] == Place(5, 1)
    assert found["numbers", "one", 1, 1] == Place(5, 23)
    assert found["numbers", "one", 2, "b.c"] == Place(6, 12)
    assert found["axes",] == Place(9, 1)
    assert found["axes", "gain"] == Place(10, 3)
    assert found["axes", "gain", 1] == Place(11, 11)
    assert found["axes", "inner", "when"] == Place(13, 1)
    assert found["several", 1, "x"] == Place(17, 1)


def test_carriage_returns() -> None:
    assert places(TEXT.replace("\n", "\r\n")) == places(TEXT)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    own = {path} if path else set()
    if isinstance(value, dict):
        return own.union(*(paths(each, (*path, key)) for key, each in value.items()))
    if isinstance(value, list):
        return own.union(*(paths(each, (*path, k)) for k, each in enumerate(value)))
    return own


keys = st.one_of(st.from_regex("[a-zA-Z0-9_-]{1,4}", fullmatch=True), st.text(max_size=4))
leaves = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=6),
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
tables = st.dictionaries(keys, values, max_size=3)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def written(value: Any, space: str) -> str:
    match value:
        case dict():
            pairs = (f"{quoted(key)} = {written(each, '')}" for key, each in value.items())
            return f"{{{', '.join(pairs)}}}"
        case list():
            return f"[{space}{f',{space}'.join(written(each, space) for each in value)}{space}]"
        case str():
            return quoted(value)
        case bool():
            return str(value).lower()
    return repr(value)


@given(st.dictionaries(keys, tables | values, max_size=4), st.sampled_from(["", " ", "\n # ]\n"]))
def test_all_that_tomllib_reads_has_its_place(document: dict[str, Any], space: str) -> None:
    flat = {key: value for key, value in document.items() if not isinstance(value, dict)}
    lines = [f"{quoted(key)}={written(value, space)}" for key, value in flat.items()]
    for name, table in document.items():
        if isinstance(table, dict):
            lines.append(f"[{quoted(name)}] # [x]")
            lines += [f"{quoted(key)} = {written(each, space)}" for key, each in table.items()]
    text = "\n".join(lines)
    found = places(text)
    assert found.keys() == paths(tomllib.loads(text))
    for path, place in found.items():
        rest = text.split("\n")[place.line - 1][place.column - 1 :]
        if isinstance(path[-1], str):
            assert rest.startswith((quoted(path[-1]), f"[{quoted(path[-1])}]")), (path, rest)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing"])
def test_nothing(text: str) -> None:
    assert places(text) == {}
