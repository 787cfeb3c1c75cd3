"""page: the examination as one HTML file that needs nothing else.

First what was found, in a few sentences, one table and one figure; behind each pass's name the
figures of that pass, closed until somebody wants them. Figures are SVG within the page.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gru_sym import __version__
from gru_sym.atomic import writing
from gru_sym.diagnose.figures import details, overview
from gru_sym.diagnose.findings import Finding, power, signed
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
.wide{width:100%;min-width:36rem}
@media print{details.pass::details-content{content-visibility:visible;height:auto}
.wide{min-width:0}figure,tr{break-inside:avoid}}
details.pass{border:1px solid var(--line);border-radius:6px;margin:1rem 0;padding:.2rem 1rem}
details.pass>summary{cursor:pointer;font-weight:bold;padding:.5rem 0}
details.pass h3{font-size:1rem;margin:1.4rem 0 .4rem}
thead tr:first-child th{border-bottom:0;padding-bottom:0}
.note{color:var(--aside);font-size:.88rem}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
"""

_PIXELS = 130
"""To an inch of a figure: its text is then a little smaller than that of the page."""

_POWER = re.compile(r"e\^(-?[\d.]+)")
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")


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
    every = found.every
    first, *rest = found.convention.splitlines()
    body = [
        "<main>\n<header>\n",
        f"<h1>{text(found.source)}</h1>\n",
        f'<p class="subtitle">{text(first)}</p>\n</header>\n',
        "<section>\n<h2>What was found</h2>\n",
        _overall(found),
        "</section>\n<section>\n<h2>Overview</h2>\n",
        _table(found),
        _figure(overview(found), "The norm of the gradient of the last output, by lag", wide=True),
        f"<p>{text(_loss(found))} A lag of k is k steps before the last one; logarithms are "
        "natural. Units are numbered from 0.</p>\n</section>\n",
        "<section>\n<h2>In detail</h2>\n",
        *(_details(one, found) for one in every),
        "</section>\n<section>\n<h2>The file</h2>\n",
        *(f"<p>{text(line)}</p>\n" for line in (first, *rest)),
        f'<p class="subtitle">gru_sym {text(__version__)}</p>\n</section>\n</main>\n',
    ]
    return page_of(f"{found.source}: gradient flow", "".join(body), style=_STYLE)


def _overall(found: Diagnosis) -> str:
    """What is said of the network as a whole, or else how far each pass looks back."""
    told = {"", found.every[0].label} if found.whole or len(found.passes) == 1 else {""}
    lines = _list(each for each in found.findings if each.where in told)
    if len(found.every) > 1 and found.whole is None:
        lines += _list(
            replace(each, text=f"{_capital(each.where)}: {each.text}")
            for each in found.findings
            if each.kind == "memory" and "memory" in each.evidence
        )
    if len(found.every) > 1:
        lines += "<p>What was found of each pass is in the details, behind its name.</p>\n"
    return lines


def _loss(found: Diagnosis) -> str:
    """Whose gradient the table and the figure show."""
    if found.whole is not None:
        return (
            "The loss is the sum of the last state of the last layer, without a head; each layer's "
            "curve is the gradient with respect to its states in the network."
        )
    if len(found.passes) > 1:
        return (
            "A network of two directions has no one order of steps: each pass is measured by "
            "itself, with the sum of its own last state as the loss; a reverse pass ends at the "
            "first input."
        )
    return "The loss is the sum of the last state that the network puts out, without a head."


def _list(found: Iterable[Finding]) -> str:
    items = "".join(map(_finding, found))
    return f'<ul class="findings">\n{items}</ul>\n' if items else ""


def _finding(found: Finding) -> str:
    return f'<li><span class="kind">{text(found.kind)}</span> {_powers(found.text)}</li>\n'


def _powers(words: str) -> str:
    """Words as HTML, ``e^-5.8`` with its exponent raised, and minus signs as such."""
    return _MINUS.sub("\N{MINUS SIGN}", _POWER.sub(r"e<sup>\1</sup>", text(words)))


def _table(found: Diagnosis) -> str:
    every = found.every
    lags = milestones(every[0].flow.T)
    rows = []
    for one in every:
        memory = one.typical_memory
        cells = [
            str(one.units),
            f"> {one.flow.T}" if memory is None else str(memory),
            f"{float(one.lyapunov.exponents[0]):.3f}",
            *(power(one.relative[lag]) for lag in lags),
        ]
        cell = "" if one is found.whole else f"<br><code>{text(one.cell)}</code>"
        rows.append((text(one.label) + cell, cells))
    heads = ["units", "memory", "\N{GREEK SMALL LETTER LAMDA}\N{SUBSCRIPT ONE}", *map(str, lags)]
    above = f'<tr><th colspan="4"></th><th colspan="{len(lags)}">gradient at lag</th></tr>\n'
    layers = any(one.context == "network" for one in every)
    of = "that at lag 0" + ", of a layer to its largest" * layers
    return (
        _numbers("pass", heads, rows, above=above)
        + '<p class="note">Memory: the lag, in steps, from which on less than 1 % of the largest '
        "gradient is left. λ₁: the largest Lyapunov exponent, in nats per step. The gradient is "
        f"relative to {of}, the mean over the sequences.</p>\n"
    )


def _paths(one: Measured) -> str:
    """Which path carries the gradient at lags 1, 10, 100 and so on."""
    flow = one.flow
    whole, skip = (
        a.reshape(flow.T + 1, -1).mean(axis=1)
        for a in (flow.curve.log_norm, flow.curve.skip_log_norm)
    )
    worth = flow.shapley
    names = worth.families if worth is not None else ()
    rows = []
    for lag in milestones(flow.T):
        cells = [power(whole[lag] - whole[0]), power(skip[lag] - skip[0])]
        if worth is not None:
            each = worth.values[lag].reshape(len(names), -1).mean(axis=1)
            cells += [signed(value) if np.isfinite(value) else "–" for value in each]
        mean = float(flow.length.mean.reshape(flow.T + 1, -1)[lag].mean())
        rows.append((str(lag), [*cells, f"{mean:.1f}" if 0 <= mean <= lag else "–"]))
    heads = ["all paths", "skip alone", *names, "steps not the skip"]
    if not names and worth is not None:
        note = "There is no skip that the paths could be worth something beside."
    elif worth is None:
        note = "There are too many families of paths to tell what each is worth."
    else:
        note = (
            "Of each family what it is worth to the log of the gradient, in nats (Shapley value): "
            "they add up to all paths less the skip alone. There is no mean number of steps off "
            "the skip (–) where the signed shares of the paths cancel."
        )
    return f'{_numbers("lag", heads, rows)}<p class="note">{note}</p>\n'


def _numbers(
    first: str, heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], *, above: str = ""
) -> str:
    """A table; the first cell of each row is HTML."""
    titles = "".join(f'<th scope="col" class="number">{text(title)}</th>' for title in heads)
    body = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f'<td class="number">{_powers(cell)}</td>' for cell in cells)
        + "</tr>\n"
        for name, cells in rows
    )
    return (
        f'<div class="scroll table"><table>\n<thead>\n{above}<tr><th scope="col">{first}</th>'
        f"{titles}</tr>\n</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
    )


def _details(one: Measured, found: Diagnosis) -> str:
    parts = [f'<details class="pass">\n<summary>{text(_capital(one.label))}</summary>\n']
    whole = one is found.whole
    if len(found.every) > 1 and not whole:
        parts.append(_list(each for each in found.findings if each.where == one.label))
    own = " along its own recurrence" if one.context == "network" else ""
    parts.append(f"<h3>The paths by lag{own}</h3>\n{_paths(one)}")
    for heading, drawn in details(one, units=not whole):
        parts.append(f"<h3>{text(heading)}</h3>\n{_figure(drawn, f'{one.label}: {heading}')}")
    return "".join([*parts, "</details>\n"])


def _figure(drawn: Figure, about: str, *, wide: bool = False) -> str:
    """A figure as an image of its own, so that no two share an id."""
    data = b64encode(outlined(drawn)).decode()
    width = round(drawn.get_size_inches()[0] * _PIXELS)
    kind = "figure wide" if wide else "figure"
    return (
        f'<figure class="scroll"><img class="{kind}" width="{width}" alt="{text(about)}" '
        f'src="data:image/svg+xml;base64,{data}"></figure>\n'
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
