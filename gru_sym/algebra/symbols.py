r"""Names as LaTeX symbols: ``h_tilde`` is \tilde{h}, ``a_z_bar`` is \bar{a}_{z}.

A name is taken apart into a letter or a word, its marks (tilde, hat), its subscripts, and what is
said of it: cotangent (``_bar``), tangent (``_dot``), next value (``_next``). It is then put
together from a table: no character of a name reaches LaTeX otherwise, and a symbol has one
subscript and one superscript at most.

>>> plain_name("W_h_tilde_bar")
'\\bar{W}_{\\tilde{h}}'
>>> timed_name(varying={"h", "z", "h_next"}, states={"h"})("h_bar")
'\\bar{h}_{t-1}'
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

__all__ = ["escape_text", "indexed_name", "plain_name", "timed_name"]

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
# What derive says of a cotangent: from the loss at this step, from later steps, all together.
_SAID = {"up": "loss", "later": "later", "total": "total"}
_TEXT = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "_&%$#{}"},
}


@dataclass(frozen=True)
class _Symbol:
    """A name taken apart: ``of`` is the variable that a cotangent or a tangent belongs to."""

    of: str
    words: tuple[str, ...]
    lines: tuple[str, ...]
    said: str


def _take_apart(name: str) -> _Symbol:
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
    return _Symbol("_".join(words), tuple(words), tuple(lines), said)


def plain_name(name: str) -> str:
    """The symbol of a variable, without time: ``h_next`` is h'."""
    symbol = _take_apart(name)
    return _put_together(symbol, "", prime=_NEXT in symbol.words[1:])


def timed_name(varying: Collection[str], states: Collection[str]) -> Callable[[str], str]:
    """The symbols of a cell's variables at step t.

    Args:
        varying: the names of the variables that have a value for each t; the others, parameters
            as a rule, get no index.
        states: the names of the states: ``h`` is h_{t-1}, and ``h_next`` is h_t.
    """
    nexts = {f"{state}_{_NEXT}" for state in states}

    def name_of(name: str) -> str:
        symbol = _take_apart(name)
        index = ""
        if symbol.of in states:
            # What arrives at a state from the loss or from later arrives at its next value.
            index = "t" if symbol.said in {"loss", "later"} else "t-1"
        elif symbol.of in varying or symbol.of in nexts:
            index = "t"
        return _put_together(symbol, index, prime=not index and _NEXT in symbol.words[1:])

    return name_of


def indexed_name(name: str, index: str) -> str:
    """The symbol of a variable at a given time, ``h`` at ``0``; ``index`` is LaTeX already."""
    return _put_together(_take_apart(name), index, prime=False)


def _put_together(symbol: _Symbol, index: str, *, prime: bool) -> str:
    core, *subscripts = _marked([w for k, w in enumerate(symbol.words) if not k or w != _NEXT])
    if prime and symbol.words[0] == "a" and symbol.words[1].isalpha() and subscripts:
        subscripts[0] += "'"  # the argument in the definition of h_next
        prime = False
    for line in symbol.lines:
        long = core.startswith(r"\mathrm")
        core = (r"\overline{" if line == "bar" and long else f"\\{line}{{") + core + "}"
    below = ",".join((*subscripts, *((index,) if index else ())))
    above = [r"\prime"] if prime else []
    above += [rf"\mathrm{{{symbol.said}}}"] if symbol.said else []
    down = f"_{{{below}}}" if below else ""
    if above == [r"\prime"]:
        return f"{core}'{down}"
    return core + down + ("^{" + r"\,".join(above) + "}" if above else "")


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


def escape_text(text: str) -> str:
    r"""Any text for the inside of ``\text{…}``; what ASCII does not have becomes ``?``."""
    return "".join(_TEXT.get(c, c if c.isascii() and c.isprintable() else "?") for c in text)
