r"""Notation as data: how a paper, a library or a lecture writes the symbols of a recurrent cell.

A :class:`Notation` says which symbols stand for matrices, biases and gates, how cotangents and
elementwise products are written, whether vectors are columns or rows, and which of several
equivalent forms the equations have. :data:`NOTATIONS` are the profiles; :func:`load_notation`
reads one of your own from a TOML file, such as::

    base = "xh"                      # the profile that it begins with
    cotangent = "delta"              # bar, delta, partial
    product = "circ"                 # odot, circ
    vectors = "row"                  # column, row
    form = "keep"                    # as written, keep, concat
    input_matrix = "A_{<gate>}"      # <gate> is the symbol of the gate
    state_matrix = "B_{<gate>}"
    bias = "c_{<gate>}"

    [symbols]
    h_tilde = "\\hat{h}"

>>> NOTATIONS["pytorch"].symbols
(('h_tilde', 'n'), ('b_hn', 'b_{hn}'))
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from gru_sym.algebra.symbols import COTANGENTS
from gru_sym.cells.naming import check_name, did_you_mean
from gru_sym.errors import DataError, NamingError, Place

__all__ = ["FORMS", "GATE", "KEYS", "NOTATIONS", "Notation", "load_notation", "notation_of"]

GATE = "<gate>"
FORMS = ("as written", "keep", "concat")
"""What a notation may ask of the equations; see :class:`Notation`."""
_CHOICES = {
    "cotangent": COTANGENTS,
    "product": ("odot", "circ"),
    "vectors": ("column", "row"),
    "form": FORMS,
}
_TEMPLATES = ("input_matrix", "state_matrix", "bias")


@dataclass(frozen=True)
class Notation:
    r"""How a cell and its derivatives are written.

    Attributes:
        name: how it is called on the command line.
        title: how it is called in a document.
        source: where it is from, or empty.
        cotangent: ``bar``, ``delta`` or ``partial``: \bar{z}, \delta_{z}, \partial L/\partial z.
        product: ``odot`` or ``circ``, the elementwise product.
        vectors: ``column`` (W x) or ``row`` (x W, where each matrix is the transpose).
        form: ``as written``; ``keep``, a gate multiplies the old state; ``concat``, one matrix for
            each gate, on [h, x]. A cell that has no such form is left as it is written.
        input_matrix: the symbol of a matrix on an input, with ``<gate>`` for its gate.
        state_matrix: that of a matrix on a state.
        bias: that of a bias.
        symbols: pairs of a name and its symbol; they go before all else.
        remark: what a reader should know beside it.
        inherited: the names whose symbol is a profile's: where it is another's, it gives way.
    """

    name: str
    title: str = ""
    source: str = ""
    cotangent: str = "bar"
    product: str = "odot"
    vectors: str = "column"
    form: str = "as written"
    input_matrix: str = ""
    state_matrix: str = ""
    bias: str = ""
    symbols: tuple[tuple[str, str], ...] = ()
    remark: str = ""
    inherited: frozenset[str] = frozenset()

    @property
    def chosen(self) -> tuple[tuple[str, str], ...]:
        """The symbols that are no profile's, with their names."""
        return tuple(pair for pair in self.symbols if pair[0] not in self.inherited)

    @property
    def in_rows(self) -> bool:
        """Whether vectors are rows."""
        return self.vectors == "row"


KEYS = tuple(f.name for f in fields(Notation) if f.name not in {"name", "symbols", "inherited"})
"""What a file may say, beside its base and its symbols."""

_PROFILES = (
    Notation(
        "chung",
        "the notation of Chung et al. 2014",
        "arXiv:1412.3555",
    ),
    Notation(
        "cho",
        "the notation of Cho et al. 2014",
        "arXiv:1406.1078",
        form="keep",
        symbols=(("W_h", "W"), ("U_h", "U"), ("b_h", "b")),
    ),
    Notation(
        "pytorch",
        "the notation of PyTorch",
        "torch.nn.GRU, torch.nn.LSTM",
        form="keep",
        input_matrix="W_{i<gate>}",
        state_matrix="W_{h<gate>}",
        bias="b_{i<gate>}",
        symbols=(("h_tilde", "n"), ("b_hn", "b_{hn}")),
        remark="PyTorch keeps two biases for each gate; where only their sum counts, the one bias "
        "here is that sum. (Of GRUs, PyTorch's own is the one that resets after the product.)",
    ),
    Notation(
        "concat",
        "the notation of one matrix on [h, x]",
        cotangent="partial",
        form="concat",
    ),
    Notation(
        "lecture",
        "the notation of a lecture",
        cotangent="delta",
        product="circ",
        input_matrix="W_{F,<gate>}",
        state_matrix="W_{R,<gate>}",
        remark="F is for feed-forward, R for recurrent.",
    ),
    Notation(
        "xh",
        "a notation of subscripts, from where and to where",
        cotangent="delta",
        input_matrix="W_{x<gate>}",
        state_matrix="W_{h<gate>}",
        remark="The subscripts of a matrix say from where it leads, and to which gate.",
    ),
)

NOTATIONS: Mapping[str, Notation] = {
    each.name: replace(each, inherited=frozenset(dict(each.symbols))) for each in _PROFILES
}
"""The profiles, by name."""


def notation_of(notation: str | Notation) -> Notation:
    """A notation by the name of its profile, or itself.

    Raises:
        DataError: there is no such profile.
    """
    if isinstance(notation, Notation):
        return notation
    if notation not in NOTATIONS:
        raise DataError(
            f"there is no notation `{notation}`",
            mend=f"{did_you_mean(notation, NOTATIONS)} They are {', '.join(NOTATIONS)}, or the "
            "path of a .toml file".lstrip(),
        )
    return NOTATIONS[notation]


def load_notation(path: str | Path) -> Notation:
    """A notation of your own, from a TOML file.

    Args:
        path: the file, whose keys are those of a :class:`Notation`, ``base`` (the profile that it
            starts from) and the table ``symbols``.

    Raises:
        DataError: the file cannot be read, is not TOML, or says what a notation does not have.
    """
    path = Path(path)
    try:
        found = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}", mend="give the path of a .toml file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not TOML: {error}", mend="mend that line") from error
    base = found.pop("base", "chung")
    if not isinstance(base, str):
        raise DataError(f"{path}: `base` has to be a text", mend=f"one of {', '.join(NOTATIONS)}")
    symbols = found.pop("symbols", {})
    if not isinstance(symbols, dict):
        raise DataError(f"{path}: `symbols` has to be a table", mend="write [symbols] above them")
    own = {name: _symbol(path, name, value) for name, value in symbols.items()}
    start = notation_of(base)
    said: dict[str, Any] = {key: _checked(path, key, found[key]) for key in found}
    said = {"title": f"the notation of {path.name}", "source": "", "remark": ""} | said
    symbols = tuple((dict(start.symbols) | own).items())
    inherited = start.inherited.difference(own)
    return replace(start, name=path.stem, symbols=symbols, inherited=inherited, **said)


def _checked(path: Path, key: str, value: Any) -> str:
    if key not in KEYS:
        names = ["base", "symbols", *KEYS]
        raise DataError(
            f"{path}: a notation has no `{key}`",
            mend=f"{did_you_mean(key, names)} It has {', '.join(names)}".lstrip(),
        )
    if not isinstance(value, str):
        raise DataError(f"{path}: `{key}` has to be a text", mend=f'write {key} = "…"')
    if key in _CHOICES and value not in _CHOICES[key]:
        raise DataError(
            f"{path}: `{key}` cannot be `{value}`", mend=f"one of {', '.join(_CHOICES[key])}"
        )
    return _template(path, key, value) if key in _TEMPLATES and value else value


def _template(path: Path, key: str, value: str) -> str:
    """A template that gives each gate's matrix a symbol of its own, whatever the gate's symbol."""
    _latex(path, key, value.replace(GATE, "z"))
    if GATE not in value:
        raise DataError(
            f"{path}: `{key}` is {value!r}, one symbol for all: it has to hold {GATE}, which "
            "stands for the gate",
            mend=f"write {key} = 'W_{{{GATE}}}'; the symbol of a single name goes under [symbols]",
        )
    value = re.sub(rf"([_^]) *{GATE}", rf"\1{{{GATE}}}", value)
    problem = _problem(value.replace(GATE, "u_{1}^{2}"))
    if problem:
        raise DataError(
            f"{path}: `{key}`, {value!r}, {problem} where the gate's symbol has a script, too",
            mend=f"write the gate in braces of its own, {{{GATE}}}",
        )
    return value


def _symbol(path: Path, name: str, value: Any) -> str:
    """The symbol of a name, if there can be a cell that has it."""
    try:
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
            raise NamingError("a name has letters, digits and _")
        check_name(name, Place(1, 1), "", derivation=False)
    except NamingError as error:
        raise DataError(
            f"{path}: under [symbols] is {name!r}, which no cell can have: {error.message}",
            mend="take it out, or name a variable of a cell",
        ) from error
    if isinstance(value, str) and GATE in value:
        raise DataError(
            f"{path}: the symbol of `{name}` has {GATE}, which only a template has",
            mend=f"write the gate's symbol, or one of {', '.join(_TEMPLATES)} above [symbols]",
        )
    return _latex(path, name, value)


# -- a symbol that a user writes ------------------------------------------------------------------

_LONGEST = 60
_ALONE = frozenset(
    re.findall(
        "[A-Za-z]+",
        """
        alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi
        pi rho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma
        Upsilon Phi Psi Omega hbar ell prime star ast dagger circ bullet top perp ominus oplus
        """,
    )
)
_BEFORE_A_BRACE = frozenset(
    re.findall(
        "[A-Za-z]+",
        """
        bar hat tilde check vec dot ddot breve overline widetilde widehat underline mathbf mathrm
        mathit mathsf mathtt mathcal mathbb mathfrak boldsymbol text operatorname
        """,
    )
)
_ALLOWED = _ALONE | _BEFORE_A_BRACE
_TEXT = re.compile(r"\\text *\{(?![A-Za-z0-9 ,.:;()+\-*/!\[\]]*\})")
_TOKEN = re.compile(r"\\([A-Za-z]+)|[A-Za-z0-9 ,.:;()+\-*/<>|!\[\]]|([{}_^'])")


def _latex(path: Path, name: str, value: Any) -> str:
    """A symbol that is safe within a formula: letters, accents and alphabets, balanced."""
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{path}: the symbol of `{name}` has to be LaTeX", mend=r"'\tilde{h}'")
    problem = _problem(value)
    if problem:
        raise DataError(
            f"{path}: the symbol of `{name}`, {value!r}, {problem}",
            mend="use letters, digits, Greek letters, accents and alphabets such as "
            r"\tilde{h}, \mathbf{W}_{xz}; one subscript, one superscript",
        )
    return value.strip()


def _problem(value: str) -> str:
    if len(value) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if value.lstrip()[0] in "_^'":
        return "begins with a subscript or a superscript"
    if any(value.count(opens) != value.count(closes) for opens, closes in ("()", "[]")):
        return "has a parenthesis without its other half"
    at, scripts = 0, [set[str]()]
    while at < len(value):
        found = _TOKEN.match(value, at)
        if found is None:
            return f"has {value[at]!r}, which a symbol cannot have"
        word, sign = found.groups()
        if word and word not in _ALLOWED:
            return f"has \\{word}, which a symbol cannot have"
        if _TEXT.match(value, at):
            return "has more than text in \\text{}"
        at = found.end()
        if word in _BEFORE_A_BRACE and not value[at:].lstrip().startswith("{"):
            return f"has \\{word} without a brace behind it"
        if sign == "{":
            scripts.append(set())
        elif sign == "}":
            scripts.pop()
            if not scripts:
                return "closes a brace that is not open"
        elif sign:
            script = "^" if sign == "'" else sign
            if script in scripts[-1]:
                return f"has two of {script}"
            scripts[-1].add(script)
            if sign != "'" and (at >= len(value) or value[at] in "}_^'"):
                return f"has nothing after {sign}"
    return "has a brace that is not closed" if len(scripts) != 1 else ""
