"""Any text for LaTeX: whatever Unicode it has, the result compiles, shows it, and runs nothing.

Letters with accents, Greek, the signs of mathematics, raised and lowered characters are written by
their commands. A character that the fonts lack is written as its number, [U+4E2D]; so are those
that are not seen (a change of direction, a zero-width joiner). amssymb is needed.
"""

import re
import unicodedata

__all__ = ["code_of", "columns", "escaped", "typewriter"]

_LONGEST_WORD = 24  # longer ones may break anywhere
_STEP, _BREAK = 8, r"\hspace{0pt plus 0.3em}"


def escaped(text: str) -> str:
    r"""Text as LaTeX that shows it, whatever it is.

    >>> escaped(r"50 % of \emph{x} – σ ≤ 1")
    '50 \\% of \\textbackslash{}emph\\{x\\} – \\ensuremath{\\sigma} \\ensuremath{\\leq} 1'
    """
    shown = []
    for word in re.split(r"(\s+)", unicodedata.normalize("NFC", text)):
        if not word or word.isspace():
            shown.append(" " * bool(word) if "\u00a0" not in word else "~")
            continue
        pieces = [_cluster(found) for found in _CLUSTER.findall(word)]
        shown.append(_breakable(pieces))
    return _apart("".join(shown))


def code_of(text: str) -> str:
    r"""Text for the inside of ``\texttt``; it may break after a sign, a long one anywhere."""
    words = re.split("( )", unicodedata.normalize("NFC", text))
    return "".join(r"\ \allowbreak{}" if word == " " else _code_word(word) for word in words)


def _code_word(word: str) -> str:
    shown: list[str] = []
    since = 0
    for character in word:
        since += 1
        shown.append(typewriter(character))
        if since > 3 and character in "_./,=()[]":
            shown.append(r"\allowbreak{}")
            since = 0
        elif since >= _STEP and len(word) > _LONGEST_WORD:
            shown.append(_BREAK)
            since = 0
    return "".join(shown)


def columns(character: str) -> float:
    """About how many columns a character takes in typewriter type: a sign of mathematics two."""
    if character in _PLAIN or character in _DIRECT or character in _SPECIAL:
        return 1
    return max(1.9, 1.0 * _letters(_character(character)))


def typewriter(character: str) -> str:
    """One character in typewriter type, where quotation marks are straight and spaces are kept."""
    if character in _STRAIGHT:
        return _STRAIGHT[character]
    return _character(character) + "{}" * (character in "-,<>")


def _breakable(pieces: list[str]) -> str:
    """A word; a long one may break, with room to stretch, every few letters."""
    lengths = [_letters(piece) for piece in pieces]
    if sum(lengths) <= _LONGEST_WORD:
        return "".join(pieces)
    shown, since = "", 0
    for piece, length in zip(pieces, lengths, strict=True):
        if since + length > _STEP:
            shown, since = shown + _BREAK, 0
        shown, since = shown + piece, since + length
    return shown


def _letters(piece: str) -> int:
    """About how many letters of what is written are seen."""
    return max(1, len(re.sub(r"\\[A-Za-z]+|[{}\\]", "", piece)))


def _cluster(characters: str) -> str:
    """A character, or a letter with an accent of which Unicode has no single character."""
    if len(characters) == 1:
        return _character(characters)
    accent = _ACCENTS.get(f"{ord(characters[1]):04X}")
    if accent is None:
        return "".join(map(_character, characters))
    return rf"\{accent}{{{characters[0]}}}"


def _apart(text: str) -> str:
    """Signs that T1 would join keep their shapes: ``--`` is no dash, ``''`` no quotation mark."""
    return re.sub(r"([-,'])(?=\1)", r"\1{}", text)


def _character(character: str) -> str:
    if character in _PLAIN or character in _DIRECT:
        return character
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character in _SYMBOLS:
        return rf"\ensuremath{{{_SYMBOLS[character]}}}"
    return _composed(character) or f"[U+{ord(character):04X}]"


def _composed(character: str) -> str:
    """A character made of plainer ones: a letter with an accent, a raised digit, a bold letter."""
    kind, *codes = unicodedata.decomposition(character).split() or [""]
    if not kind:
        return ""
    if not kind.startswith("<"):
        codes = [kind, *codes]
        base = chr(int(codes[0], 16))
        accent = _ACCENTS.get(codes[1]) if len(codes) == 2 else None
        if accent and base.isascii() and base.isalpha():
            return rf"\{accent}{{{base}}}"
        return ""
    inside = "".join(_character(chr(int(code, 16))) for code in codes)
    match kind:
        case "<super>":
            return rf"\textsuperscript{{{inside}}}"
        case "<sub>":
            return rf"\textsubscript{{{inside}}}"
        case "<noBreak>":
            return inside
        case _:
            return inside if inside.strip() else " "


_CLUSTER = re.compile("[A-Za-z][\u0300-\u036f]|.", re.DOTALL)
_PLAIN = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -!'()*+,./:;=?@[]"
)
# Letters that T1 has, under their own names; and punctuation that it has.
_DIRECT = frozenset(
    [c for c in map(chr, range(0xC0, 0x17F)) if c not in "×÷ĦħĲĳĸĿŀŉŦŧĭĩĨĬ"]
    + list("¡¿«»–—‘’‚“”„‹›")
)
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "…": r"\ldots{}",
    "§": r"\S{}",
    "©": r"\textcopyright{}",
    "®": r"\textregistered{}",
    "ᵀ": r"\textsuperscript{\textsf{T}}",
    "°": r"\textdegree{}",
    "\u00ad": r"\-",
    "\u00a0": "~",
    "\u2044": "/",
    "\u2010": "-",
    "\u2011": "-",
    "\ufb01": "fi",
    "\ufb02": "fl",
}
_STRAIGHT = {" ": r"\ ", "'": r"\textquotesingle{}"}
_ACCENTS = {
    "0300": "`", "0301": "'", "0302": "^", "0303": "~", "0304": "=", "0306": "u", "0307": ".",
    "0308": '"', "030A": "r", "030B": "H", "030C": "v", "0323": "d", "0327": "c", "0328": "k",
    "0331": "b",
}  # fmt: skip
_GREEK = (
    "α alpha β beta γ gamma δ delta ε varepsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda "
    "μ mu ν nu ξ xi π pi ρ rho ς varsigma σ sigma τ tau υ upsilon φ varphi χ chi ψ psi ω omega "
    "Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega ϵ epsilon "
    "ϕ phi ϑ vartheta ϱ varrho µ mu"
)
_SIGNS = (
    "⊙ odot ∘ circ × times · cdot ⋅ cdot ÷ div ± pm ∓ mp ⊗ otimes ⊕ oplus ⊖ ominus ∗ ast ⋆ star "
    "≤ leq ≥ geq ≠ neq ≈ approx ≡ equiv ∼ sim ≃ simeq ≅ cong ∝ propto ≪ ll ≫ gg "
    "→ to ← leftarrow ↔ leftrightarrow ⇒ Rightarrow ⇐ Leftarrow ⇔ Leftrightarrow ↦ mapsto "
    "↑ uparrow ↓ downarrow ∂ partial ∇ nabla ∞ infty ∑ sum ∏ prod ∫ int √ surd ∈ in ∉ notin "
    "⊂ subset ⊆ subseteq ∪ cup ∩ cap ∅ emptyset ∀ forall ∃ exists ¬ neg ∧ wedge ∨ vee ⊤ top "
    "⊥ bot ‖ Vert ∥ Vert ⟨ langle ⟩ rangle ⌈ lceil ⌉ rceil ⌊ lfloor ⌋ rfloor ⋯ cdots • bullet "
    "✓ checkmark ✔ checkmark ✗ times ✘ times ℓ ell † dagger ‡ ddagger ′ prime ∣ mid"
)
_SYMBOLS = {
    **{
        words[k]: f"\\{words[k + 1]}"
        for words in (_GREEK.split(), _SIGNS.split())
        for k in range(0, len(words), 2)
    },
    "′": "'",
    "−": "-",
    "∑": r"\textstyle\sum",
    "∏": r"\textstyle\prod",
    "ο": "o",
    "ℝ": r"\mathbb{R}",
    "ℕ": r"\mathbb{N}",
    "ℤ": r"\mathbb{Z}",
    "ℂ": r"\mathbb{C}",
}
