"""Notations as data, and the reader of a notation in a TOML file."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from gru_sym import cells
from gru_sym.errors import DataError
from gru_sym.latex.notation import FORMS, GATE, NOTATIONS, Notation, load_notation, notation_of
from gru_sym.latex.printer import latex_cell, latex_derivation


def loaded(folder: Path, text: str | bytes) -> Notation:
    path = folder / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_notation(path)


def test_profiles() -> None:
    assert list(NOTATIONS) == ["chung", "cho", "pytorch", "concat", "lecture", "xh"]
    for name, notation in NOTATIONS.items():
        assert notation.name == name
        assert notation.form in FORMS
        assert notation_of(name) is notation_of(notation) is notation


def test_an_unknown_profile() -> None:
    with pytest.raises(DataError, match="no notation `chong`") as caught:
        notation_of("chong")
    assert "`chung`" in caught.value.mend
    assert ".toml" in caught.value.mend


KEYS = {
    "cotangent": "delta",
    "product": "circ",
    "vectors": "row",
    "form": "keep",
    "title": "my own notation",
    "source": "my notes",
    "remark": "With % and $.",
    "input_matrix": "A_{<gate>}",
    "state_matrix": "B_{<gate>}",
    "bias": "c_{<gate>}",
}


@pytest.mark.parametrize("key", [f.name for f in fields(Notation) if f.name in KEYS])
def test_each_key_of_a_file(tmp_path: Path, key: str) -> None:
    found = loaded(tmp_path, f'{key} = "{KEYS[key]}"')
    assert getattr(found, key) == KEYS[key]
    assert found.name == "mine"
    assert found.in_rows == (key == "vectors")


def test_every_key_is_tried() -> None:
    assert {f.name for f in fields(Notation)} == {*KEYS, "name", "symbols", "inherited"}


def test_base_and_symbols(tmp_path: Path) -> None:
    text = 'base = "pytorch"\nbias = "c_{<gate>}"\n[symbols]\nz = "\\\\zeta"\nW_h = "Q_{a}^{b}"\n'
    found = loaded(tmp_path, text)
    assert found.state_matrix == NOTATIONS["pytorch"].state_matrix
    assert dict(found.symbols) == {
        **dict(NOTATIONS["pytorch"].symbols),
        "z": r"\zeta",
        "W_h": "Q_{a}^{b}",
    }
    assert found.title == "the notation of mine.toml"
    assert found.source == found.remark == ""
    shown = latex_cell(cells.gru, found)
    for symbol in (r"\zeta_{t}", "Q_{a}^{b}", r"c_{\zeta}", "n_{t}"):
        assert symbol in shown


WRONG = {
    'cotangnt = "bar"': "has no `cotangnt`",
    'name = "x"': "has no `name`",
    'cotangent = "hat"': "`cotangent` cannot be `hat`",
    'product = "times"': "`product` cannot be `times`",
    'vectors = "columns"': "`vectors` cannot be `columns`",
    'form = "best"': "`form` cannot be `best`",
    "cotangent = 1": "`cotangent` has to be a text",
    "title = true": "`title` has to be a text",
    'bias = ["b"]': "`bias` has to be a text",
    "base = 3": "`base` has to be a text",
    'base = "chong"': "no notation `chong`",
    'symbols = "x"': "`symbols` has to be a table",
    "[symbols]\nz = 1": "symbol of `z` has to be LaTeX",
    "[symbols]\nz = ' '": "symbol of `z` has to be LaTeX",
    "bias": "is not TOML",
    'input_matrix = "W"': "one symbol for all: it has to hold <gate>",
    'state_matrix = "U_{<gat>}"': "one symbol for all: it has to hold <gate>",
    'bias = "b^{<gate>_x}"': "has two of _ where the gate's symbol has a script",
    "[symbols]\nW_z = 'W_{<gate>}'": "the symbol of `W_z` has <gate>, which only a template has",
    "[symbols]\nz_bar = 'q'": "'z_bar', which no cell can have",
    "[symbols]\nsigmoid = 'q'": "'sigmoid', which no cell can have",
    "[symbols]\nH = 'q'": "'H', which no cell can have",
    "[symbols]\n'h tilde' = 'q'": "'h tilde', which no cell can have",
    "[symbols.z]\ntext = 'q'": "symbol of `z` has to be LaTeX",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_a_file_cannot_say(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=WRONG[text]) as caught:
        loaded(tmp_path, text)
    assert caught.value.mend
    if "chong" not in text:
        assert str(tmp_path / "mine.toml") in str(caught.value)


def test_a_gate_in_a_script_is_put_in_braces(tmp_path: Path) -> None:
    found = loaded(tmp_path, 'input_matrix = "W_<gate>"\nstate_matrix = "U^ <gate>"')
    assert (found.input_matrix, found.state_matrix) == ("W_{<gate>}", "U^{<gate>}")


def test_a_template_may_be_taken_away(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'base = "xh"\ninput_matrix = ""').input_matrix == ""


def test_a_files_symbols_are_chosen_its_bases_inherited(tmp_path: Path) -> None:
    found = loaded(tmp_path, "base = 'pytorch'\n[symbols]\nh_tilde = 'n'\nz = 'u'")
    assert found.chosen == (("h_tilde", "n"), ("z", "u"))
    assert found.inherited == {"b_hn"}
    for notation in NOTATIONS.values():
        assert notation.chosen == ()
        assert all(GATE in key for key in (notation.bias, notation.input_matrix) if key)


UNSAFE = {
    r"\input{x}": r"has \\input",
    r"\write18{touch x}": r"has \\write",
    r"\immediate\write18{}": r"has \\immediate",
    r"\def\x{}": r"has \\def",
    r"\href{a}{b}": r"has \\href",
    r"\begin{aligned}": r"has \\begin",
    "$x$": r"has '\$'",
    "%": "has '%'",
    "#1": "has '#'",
    "a & b": "has '&'",
    "x~y": "has '~'",
    "x^^41": "has nothing after",
    r"a \\ b": r"has '\\\\'",
    r"\&": r"has '\\\\'",
    "h̃": "has '\u0303'",
    "a\nb": r"has '\\n'",
    "{x": "brace that is not closed",
    "x}": "closes a brace that is not open",
    "}x{": "closes a brace that is not open",
    "x_{a}_{b}": "has two of _",
    "x^{a}^{b}": r"has two of \^",
    "x_": "has nothing after _",
    "{x^}": r"has nothing after \^",
    "x^{2}'": r"has two of \^",
    "_{a}": "begins with a subscript",
    "'": "begins with a subscript",
    "(x": "parenthesis without its other half",
    "x''": r"has two of \^",
    r"x_{\bar}": r"has \\bar without a brace",
    r"\mathbf W": r"has \\mathbf without a brace",
    r"\text{a_b}": r"more than text in \\text",
    r"\text{\alpha}": r"more than text in \\text",
    "x" * 61: "longer than 60",
}


@pytest.mark.parametrize("symbol", UNSAFE)
def test_a_symbol_that_is_not_safe(tmp_path: Path, symbol: str) -> None:
    """In the table of symbols, and in a template."""
    quoted = symbol.replace("\\", "\\\\").replace("\n", "\\n")
    for key, text in {"z": f'[symbols]\nz = "{quoted}"', "bias": f'bias = "{quoted}"'}.items():
        with pytest.raises(DataError, match=UNSAFE[symbol]) as caught:
            loaded(tmp_path, text)
        assert f"`{key}`" in str(caught.value)
        assert str(tmp_path / "mine.toml") in str(caught.value)


@pytest.mark.parametrize(
    "symbol",
    [
        r"\mathbf{W}_{xz}",
        r"\tilde{c}^{(1)}",
        "f'",
        r"\operatorname{gate}_{i,j}",
        r"\text{a 1}",
        "{a_b}_c",
    ],
)
def test_a_symbol_that_is_safe(tmp_path: Path, symbol: str) -> None:
    assert dict(loaded(tmp_path, f"""[symbols]\nz = {json.dumps(symbol)}""").symbols)["z"] == symbol


@pytest.mark.parametrize("text", [b"\xff\xfe", b"a = \x00"])
def test_a_file_that_is_not_text(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(DataError, match=r"mine\.toml is not TOML"):
        loaded(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "no.toml", tmp_path):
        with pytest.raises(DataError, match=f"cannot read {path}"):
            load_notation(path)


SHOWN = {
    ("gru_reset_after", "pytorch"): [
        r"r_{t} &= \sigma(W_{ir}\,x_{t} + W_{hr}\,h_{t-1} + b_{ir})",
        r"n_{t} &= \tanh(W_{in}\,x_{t} + b_{in} + r_{t} \odot (W_{hn}\,h_{t-1} + b_{hn}))",
        r"h_{t} &= (1 - z_{t}) \odot n_{t} + z_{t} \odot h_{t-1}",
    ],
    ("lstm", "pytorch"): [
        r"i_{t} &= \sigma(W_{ii}\,x_{t} + W_{hi}\,h_{t-1} + b_{ii})",
        r"g_{t} &= \tanh(W_{ig}\,x_{t} + W_{hg}\,h_{t-1} + b_{ig})",
    ],
    ("rnn", "xh"): [r"h_{t} &= \tanh(W_{xh}\,x_{t} + W_{hh}\,h_{t-1} + b_{h})"],
    ("gru_keep", "cho"): [
        r"\tilde{h}_{t} &= \tanh(W\,x_{t} + U\,(r_{t} \odot h_{t-1}) + b)",
        r"h_{t} &= z_{t} \odot h_{t-1} + (1 - z_{t}) \odot \tilde{h}_{t}",
    ],
    ("gru", "lecture"): [
        r"z_{t} &= \sigma(W_{F,z}\,x_{t} + W_{R,z}\,h_{t-1} + b_{z})",
        r"\tilde{h}_{t} &= \tanh(W_{F,h}\,x_{t} + W_{R,h}\,(r_{t} \circ h_{t-1}) + b_{h})",
    ],
}


@pytest.mark.parametrize(("name", "notation"), SHOWN)
def test_how_known_cells_are_written(name: str, notation: str) -> None:
    lines = [
        line.removesuffix(r" \\") for line in latex_cell(cells.cell(name), notation).split("\n")
    ]
    for line in SHOWN[name, notation]:
        assert line in lines


@pytest.mark.parametrize(
    ("notation", "symbol"),
    [
        ("chung", r"\bar{a}_{z,t} &= \bar{z}_{t} \odot z_{t}"),
        ("lecture", r"\delta_{a_{z},t} &= \delta_{z,t} \circ z_{t}"),
        ("concat", r"\frac{\partial L}{\partial a_{z,t}} &= \frac{\partial L}{\partial z_{t}}"),
    ],
)
def test_cotangents(notation: str, symbol: str) -> None:
    assert symbol in latex_derivation(cells.gru, "vjp", (), notation)
