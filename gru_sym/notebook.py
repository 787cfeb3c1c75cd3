r"""How a notebook shows things: formulas for MathJax, and reports as the text that they are.

>>> print(text_html("a < b"))
<pre>a &lt; b</pre>
>>> print(text_latex("50 % of W_z"))
$$\begin{array}{l}
\text{50 \% of W\_z}
\end{array}$$
"""

from html import escape

__all__ = ["ShownAsText", "formulas_html", "text_html", "text_latex"]

_ESCAPED = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "$": r"\$",
        **{sign: f"\\{sign}" for sign in "_&%#{}"},
    }
)
_PLAIN = str.maketrans({"✓": "+", "✗": "x", "·": "-", "−": "-", "…": "..."})


def formulas_html(latex: str) -> str:
    """``$$ … $$`` as HTML, which a notebook's MathJax typesets."""
    return f"<div>{escape(latex, quote=False)}</div>"


def text_html(text: str) -> str:
    """Lines of text as HTML."""
    return f"<pre>{escape(text, quote=False)}</pre>"


def text_latex(text: str) -> str:
    """Lines of text as LaTeX, one below the other; what is not ASCII is written in its letters."""
    lines = []
    for line in text.translate(_PLAIN).splitlines() or [""]:
        words = line.lstrip(" ")
        indent = r"\quad" * ((len(line) - len(words)) // 2)
        plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in words)
        lines.append(rf"{indent}\text{{{plain.translate(_ESCAPED)}}}")
    body = " \\\\\n".join(lines)
    return f"$$\\begin{{array}}{{l}}\n{body}\n\\end{{array}}$$"


class ShownAsText:
    """What says in plain text what was found; a notebook shows that text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The text as HTML."""
        return text_html(str(self))

    def _repr_latex_(self) -> str:
        """The text as LaTeX."""
        return text_latex(str(self))
