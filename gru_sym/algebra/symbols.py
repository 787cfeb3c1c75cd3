r"""Names as LaTeX symbols: ``h_tilde`` is \tilde{h}, ``a_z_bar`` is \bar{a}_{z}.

A name is taken apart into a letter or a word, its marks (tilde, hat), its subscripts, and what is
said of it: cotangent (``_bar``), tangent (``_dot``), next value (``_next``). It is then put
together from a table: no character of a name reaches LaTeX otherwise, and a symbol has one
subscript and one superscript at most. A :class:`Naming` may have other symbols for some names, and
writes cotangents in one of three ways.

>>> Naming()("W_h_tilde_bar")
'\\bar{W}_{\\tilde{h}}'
>>> timed = Naming(varying=frozenset({"h", "z", "h_next"}), states=frozenset({"h"}))
>>> timed("h_bar")
'\\bar{h}_{t-1}'
>>> replace(timed, cotangent="partial")("h_next_bar")
'\\frac{\\partial L}{\\partial h_{t}}'
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

__all__ = ["COTANGENTS", "Naming", "Symbol", "at", "escape_text", "look", "partial", "spelled"]

COTANGENTS = ("bar", "delta", "partial")
r"""How the cotangent of z is written: \bar{z}, \delta_{z}, or \partial L / \partial z."""

_GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
        *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi"),
        *("omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi"),
        *("Psi", "Omega"),
    )
)
_MARKS = frozenset({"tilde", "hat"})
_NEXT = "next"
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
# What two formulas may differ in, and a reader would still take one for the other.
_UNSEEN = frozenset({"{", "}", " ", r"\mathrm", r"\mathit", r"\text", r"\operatorname"})
_ALIKE = {r"\overline": r"\bar", r"\widetilde": r"\tilde", r"\widehat": r"\hat", r"\prime": "'"}
_PRIME = r"\prime"
# What derive says of a cotangent: from the loss at this step, from later steps, all together.
_SAID = {"up": "loss", "later": "later", "given": "given", "total": "total"}
_TEXT = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "_&%$#{}"},
}


@dataclass(frozen=True)
class Symbol:
    """A symbol without time: what bars are put over, its subscripts, its superscript."""

    core: str
    below: tuple[str, ...] = ()
    above: str = ""

    @classmethod
    def read(cls, latex: str) -> "Symbol":
        r"""The parts of a LaTeX symbol such as ``\tilde{c}_{xz}``."""
        parts = {"": "", "_": "", "^": ""}
        depth, where = 0, ""
        for token in _TOKEN.findall(latex):
            if depth == 0 and token in {"_", "^"}:
                where = token
                continue
            depth += (token == "{") - (token == "}")
            parts[where] += token
        below, above = (_without_braces(parts[key].strip()) for key in "_^")
        return cls(parts[""].strip(), (below,) if below else (), above)

    def __str__(self) -> str:
        below = f"_{{{','.join(self.below)}}}" if self.below else ""
        if self.above == _PRIME:
            return f"{self.core}'{below}"
        return self.core + below + (f"^{{{self.above}}}" if self.above else "")


def _without_braces(text: str) -> str:
    return text[1:-1] if text.startswith("{") and text.endswith("}") else text


@dataclass(frozen=True)
class _Parts:
    """A name taken apart: ``of`` is the variable that a cotangent or a tangent belongs to."""

    of: str
    lines: tuple[str, ...]
    said: str


def _take_apart(name: str) -> _Parts:
    words = [word for word in name.split("_") if word]
    lines: list[str] = []
    said = ""
    while len(words) > 1:
        if words[-1] in {"bar", "dot"}:
            lines.insert(0, words.pop())
        elif len(words) > 2 and words[-2] == "bar" and words[-1] in _SAID:
            said = _SAID[words.pop()]
        else:
            break
    return _Parts("_".join(words), tuple(lines), said)


@dataclass(frozen=True)
class Naming:
    r"""Gives each name of a cell its symbol.

    Attributes:
        varying: the names of the variables that have a value for each t; the others, parameters
            as a rule, get no index. Without any, no time is shown, and ``h_next`` is h'.
        states: the names of the states: ``h`` is h_{t-1}, and ``h_next`` is h_t.
        symbols: names that have a symbol of their own, in LaTeX: ``{"h_tilde": "n"}``. The
            symbol of an activation's argument ``a_z`` follows that of z.
        cotangent: ``bar``, ``delta`` or ``partial``.
        standing: names that stand for another at some time: ``{"h_bar": ("h_bar_later", "t-1")}``.
    """

    varying: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    symbols: Mapping[str, str] = field(default_factory=dict)
    cotangent: str = "bar"
    standing: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __call__(self, name: str) -> str:
        """The symbol of a name."""
        if name in self.standing:
            return self.indexed(*self.standing[name])
        parts = _take_apart(name)
        state = parts.of.removesuffix(f"_{_NEXT}")
        index = ""
        if parts.of in self.states:
            # What arrives at a state from the loss or from later arrives at its next value.
            index = "t" if parts.said in {"loss", "later"} else "t-1"
        elif parts.of in self.varying or (state != parts.of and state in self.states):
            index = "t"
        return self._written(parts, index, prime=not index)

    def indexed(self, name: str, index: str) -> str:
        """The symbol of a name at a given time, ``h`` at ``0``; ``index`` is LaTeX already."""
        return self._written(_take_apart(name), index, prime=False)

    def _written(self, parts: _Parts, index: str, *, prime: bool) -> str:
        symbol = self._symbol(parts.of, prime=prime)
        lines = list(parts.lines)
        if "bar" in lines and self.cotangent == "partial":
            lines.remove("bar")
            said = rf"^{{\mathrm{{{parts.said}}}}}" if parts.said else ""
            found = partial(f"L{said}", str(at(symbol, index)))
            return rf"\Bigl({found}\Bigr)^{{\!\cdot}}" if lines else found
        if "bar" in lines and self.cotangent == "delta":
            lines.remove("bar")
            symbol = Symbol(r"\delta", (str(symbol),))
        core = symbol.core
        for line in lines:
            long = core.startswith((r"\mathrm", r"\mathtt"))
            core = (r"\overline{" if line == "bar" and long else f"\\{line}{{") + core + "}"
        above = [symbol.above] if symbol.above else []
        above += [rf"\mathrm{{{parts.said}}}"] if parts.said else []
        return str(at(Symbol(core, symbol.below, r"\,".join(above)), index))

    def _symbol(self, name: str, *, prime: bool) -> Symbol:
        """The symbol of a variable, without time."""
        if name in self.symbols:
            return Symbol.read(self.symbols[name])
        base = name.removesuffix(f"_{_NEXT}")
        # Where states are known, nothing else has a next value: a_h_next is the argument in h_next.
        if base != name and base in self.symbols and (base in self.states or not self.states):
            symbol = Symbol.read(self.symbols[base])
            return replace(symbol, above=symbol.above or _PRIME) if prime else symbol
        of = name.removeprefix("a_")
        if of != name and (of in self.symbols or base.removeprefix("a_") in self.symbols):
            return Symbol("a", (str(self._symbol(of, prime=prime)),))
        return _symbol(name, prime=prime)


def at(symbol: Symbol, index: str) -> Symbol:
    """A symbol at a time; without an index, the symbol itself."""
    return replace(symbol, below=(*symbol.below, index)) if index else symbol


def partial(above: str, below: str) -> str:
    """A partial derivative, of LaTeX by LaTeX."""
    return rf"\frac{{\partial {above}}}{{\partial {below}}}"


def _symbol(name: str, *, prime: bool) -> Symbol:
    """The symbol of a variable from the words of its name."""
    words = [word for word in name.split("_") if word]
    prime &= _NEXT in words[1:]
    core, *below = _marked([w for k, w in enumerate(words) if not k or w != _NEXT])
    if prime and words[0] == "a" and words[1].isalpha() and below:
        below[0] += "'"  # the argument in the definition of h_next
        prime = False
    return Symbol(core, tuple(below), _PRIME if prime else "")


def _marked(words: list[str]) -> list[str]:
    """The words as symbols, each with the marks that follow it."""
    found: list[str] = []
    for word in words:
        if found and word in _MARKS:
            wide = "wide" if found[-1].startswith(r"\mathrm") else ""
            found[-1] = f"\\{wide}{word}{{{found[-1]}}}"
        else:
            found += _pieces(word)
    return found or [r"\cdot"]


def _pieces(word: str) -> list[str]:
    """A word as LaTeX; the digits at its end are a subscript: ``h1`` is h_1."""
    letters, digits = re.fullmatch(r"(.*?)([0-9]*)", word).groups()  # type: ignore[union-attr]
    found = []
    if letters in _GREEK:
        found.append(f"\\{letters}")
    elif letters:
        safe = "".join(c for c in letters if c.isascii() and c.isalnum())
        found.append(safe if len(safe) == 1 else rf"\mathrm{{{safe}}}")
    return [*found, digits] if digits else found


def spelled(name: str) -> str:
    r"""A name as it is spelled in the text, for one whose symbol is another's.

    No name is written so otherwise, and no two names are spelled alike.

    >>> spelled("x_t")
    '\\mathtt{x\\_t}'
    """
    return rf"\mathtt{{{escape_text(name)}}}"


def look(latex: str) -> str:
    r"""What a reader sees of a symbol: two that differ in braces, or in an upright letter, are one.

    >>> look("W_{xz}") == look(r"W_{\mathrm{xz}}") != look("W_{x,z}")
    True
    """
    tokens = (token for token in _TOKEN.findall(latex) if token not in _UNSEEN)
    return " ".join(_ALIKE.get(token, token) for token in tokens).replace("^ '", "'")


def escape_text(text: str) -> str:
    r"""Any text for the inside of ``\text{…}``; what ASCII does not have becomes ``?``."""
    return "".join(_TEXT.get(c, c if c.isascii() and c.isprintable() else "?") for c in text)
