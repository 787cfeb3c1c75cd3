"""page: the examination as one HTML file that needs nothing else.

First what was found, in a few sentences, one table and one figure; behind each pass's name the
figures of that pass, closed until somebody wants them. Figures are SVG within the page.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from gru_sym import __version__
from gru_sym.atomic import writing
from gru_sym.diagnose.figures import details, overview
from gru_sym.diagnose.findings import Finding
from gru_sym.diagnose.measures import Measured, milestones
from gru_sym.diagnose.report import Diagnosis
from gru_sym.latex.page import page_of, text
from gru_sym.plots import outlined
from gru_sym.plots.style import Figure

__all__ = ["html_of", "write_page"]

_STYLE = """
.lead{font-size:1.02rem}.findings{padding-left:1.2rem}.findings li{margin:.45rem 0}
.kind{display:inline-block;min-width:5.2em;font-size:.78rem;color:var(--aside)}
.figure{background:#fff;border-radius:6px;padding:.4rem;max-width:100%;height:auto}
.wide{width:100%}
details.pass{border:1px solid var(--line);border-radius:6px;margin:1rem 0;padding:.2rem 1rem}
details.pass>summary{cursor:pointer;font-weight:bold;padding:.5rem 0}
details.pass h3{font-size:1rem;margin:1.4rem 0 .4rem}
thead tr:first-child th{border-bottom:0;padding-bottom:0}
.note{color:var(--aside);font-size:.88rem}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
"""

_PIXELS = 130
"""To an inch of a figure: its text is then a little smaller than that of the page."""

_POWER = re.compile(r"e\^(-?[\d.]+|-inf|inf|nan)")


def write_page(found: Diagnosis, path: Path) -> None:
    """Write the report, whole or not at all.

    Args:
        found: the examination.
        path: the file.

    Raises:
        DataError: it cannot be written.
        MissingLibraryError: matplotlib is not installed.
    """
    page = html_of(found)
    with writing(path) as file:
        file.write(page.encode())


def html_of(found: Diagnosis) -> str:
    """The report.

    Args:
        found: the examination.
    """
    every = [*found.passes, *([] if found.whole is None else [found.whole])]
    first, *rest = found.convention.splitlines()
    body = [
        "<main>\n<header>\n",
        f"<h1>{text(found.source)}</h1>\n",
        f'<p class="subtitle">{text(first)}</p>\n</header>\n',
        "<section>\n<h2>What was found</h2>\n",
        *_findings(found, every),
        "</section>\n<section>\n<h2>Overview</h2>\n",
        _table(every),
        _figure(overview(found), "The norm of the gradient of the last output, by lag", wide=True),
        "<p>The loss is the sum of the last output. A lag of k is k steps before the last one; "
        "logarithms are natural. Units are numbered from 0.</p>\n</section>\n",
        "<section>\n<h2>In detail</h2>\n",
        *(_details(one) for one in every),
        "</section>\n<section>\n<h2>The file</h2>\n",
        *(f"<p>{text(line)}</p>\n" for line in (first, *rest)),
        f'<p class="subtitle">gru_sym {text(__version__)}</p>\n</section>\n</main>\n',
    ]
    return page_of(f"{found.source}: gradient flow", "".join(body), style=_STYLE)


def _findings(found: Diagnosis, every: list[Measured]) -> Iterator[str]:
    for one in every:
        mine = [each for each in found.findings if each.where == one.label]
        if len(every) > 1:
            yield f"<h3>{text(_capital(one.label))}</h3>\n"
        yield f'<ul class="findings">\n{"".join(map(_finding, mine))}</ul>\n'


def _finding(found: Finding) -> str:
    return f'<li><span class="kind">{text(found.kind)}</span> {_powers(found.text)}</li>\n'


def _powers(words: str) -> str:
    """Words as HTML, ``e^-5.8`` with its exponent raised."""
    return _POWER.sub(lambda m: f"e<sup>{m[1].replace('-', chr(0x2212))}</sup>", text(words))


def _table(every: list[Measured]) -> str:
    lags = milestones(every[0].flow.T)
    rows = []
    for one in every:
        curve = one.flow.curve.log_norm.reshape(one.flow.T + 1, -1).mean(axis=1)
        memory = one.typical_memory
        cells = [
            str(one.units),
            f"> {one.flow.T}" if memory is None else str(memory),
            f"{float(one.lyapunov.exponents[0]):.3f}".replace("-", "\N{MINUS SIGN}"),
            *(f"e^{curve[lag] - curve[0]:.1f}" for lag in lags),
        ]
        numbers = "".join(f'<td class="number">{_powers(cell)}</td>' for cell in cells)
        name = f"{one.label}<br><code>{text(one.cell)}</code>"
        rows.append(f'<tr><th scope="row">{name}</th>{numbers}</tr>\n')
    heads = ("units", "memory", "\N{GREEK SMALL LETTER LAMDA}\N{SUBSCRIPT ONE}", *map(str, lags))
    titles = "".join(f'<th scope="col" class="number">{title}</th>' for title in heads)
    return (
        '<div class="scroll table"><table>\n<thead>\n<tr><th colspan="4"></th>'
        f'<th colspan="{len(lags)}" class="number">gradient at lag</th></tr>\n'
        f'<tr><th scope="col">pass</th>{titles}</tr>\n</thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody>\n</table></div>\n"
        '<p class="note">Memory: the lag, in steps, from which on less than 1 % of the largest '
        "gradient is left. λ₁: the largest Lyapunov exponent, in nats per step. The gradient is "
        "relative to that at lag 0, the mean over the sequences.</p>\n"
    )


def _details(one: Measured) -> str:
    parts = [f'<details class="pass">\n<summary>{text(_capital(one.label))}</summary>\n']
    for heading, drawn in details(one):
        parts.append(f"<h3>{text(heading)}</h3>\n{_figure(drawn, f'{one.label}: {heading}')}")
    return "".join([*parts, "</details>\n"])


def _figure(drawn: Figure, about: str, *, wide: bool = False) -> str:
    """A figure as an image of its own, so that no two share an id."""
    data = b64encode(outlined(drawn)).decode()
    width = round(drawn.get_size_inches()[0] * _PIXELS)
    kind = "figure wide" if wide else "figure"
    return (
        f'<figure><img class="{kind}" width="{width}" alt="{text(about)}" '
        f'src="data:image/svg+xml;base64,{data}"></figure>\n'
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
