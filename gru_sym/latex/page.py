"""The frame of every page that we write: one style, and nothing that a browser would fetch.

A Content-Security-Policy forbids the browser whatever is not in the page itself.
"""

import unicodedata
from html import escape

__all__ = ["page_of", "text", "visible"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

# At an edge beyond which a box can be scrolled there is a shade. It keeps its place; what covers it
# at the content's own ends moves with the content.
_STYLE = """
:root{color-scheme:light dark;--text:#1c1e21;--aside:#5c626b;--line:#d5d9de;--back:#fff;
--panel:#f5f6f8;--shade:#0003;--link:#1a56b0;--proved:#1a7f4b;--refuted:#b42318;--unproved:#8a5d00}
@media (prefers-color-scheme:dark){:root{--text:#e4e6e9;--aside:#a3aab4;--line:#3a3f47;
--back:#16181c;--panel:#1f2227;--shade:#fff3;--link:#86b4f5;--proved:#5cc48d;--refuted:#f58a80;
--unproved:#e0b152}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--back);color:var(--text);overflow-wrap:break-word;
font:17px/1.6 Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,serif}
main{max-width:46rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem}
h2{font-size:1.3rem;line-height:1.3;margin:2.8rem 0 .8rem}
h2 .n{color:var(--aside);font-weight:normal;margin-right:.7em}
.subtitle{color:var(--aside);margin:0 0 1.8rem}
a{color:var(--link);text-decoration:none}
a:hover,a:focus-visible{text-decoration:underline}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{font-size:.86em}
pre code{font-size:1em}
pre{border-radius:6px;padding:.8rem 1rem;overflow-x:auto;
font-size:.8rem;line-height:1.5;tab-size:4}
nav{border:1px solid var(--line);border-radius:6px;padding:.8rem 1.2rem;margin:1.8rem 0}
nav ol{margin:0;padding-left:1.6rem}
.math{fill:currentColor;overflow:visible;max-width:100%}
.scroll{overflow-x:auto;overflow-y:hidden}
.scroll .math{max-width:none}
.scroll{--under:var(--back)}pre{--under:var(--panel)}
.scroll,pre{background:linear-gradient(to right,var(--under) 30%,transparent) left local,
linear-gradient(to left,var(--under) 30%,transparent) right local,
linear-gradient(to right,var(--shade),transparent) left,
linear-gradient(to left,var(--shade),transparent) right var(--under);
background-size:2.4rem 100%,2.4rem 100%,.7rem 100%,.7rem 100%;background-repeat:no-repeat}
.formula{display:grid;grid-template-columns:minmax(0,1fr) auto;column-gap:1rem;
align-items:center;margin:1.1rem 0;scroll-margin-top:1rem}
.formula>.scroll{text-align:center;padding:.3rem 0}
.formula>.number{color:var(--aside)}
.formula:target>.number{color:var(--link);font-weight:bold}
.reason{grid-column:1;margin:0;text-align:center;font-size:.84rem;line-height:1.5;
color:var(--aside)}
.source{grid-column:2;align-self:start;font-size:.72rem;color:var(--aside);text-align:right}
.source[open]{grid-column:1/-1}
.source summary{cursor:pointer;list-style:none}
.source summary::-webkit-details-marker{display:none}
.source summary:hover{color:var(--link)}
.source pre{text-align:left;margin:.3rem 0 0;color:var(--text);user-select:all;
white-space:pre-wrap}
.status{border-left:4px solid var(--aside);background:var(--panel);border-radius:0 6px 6px 0;
padding:.7rem 1rem;margin:1.2rem 0}
.proved{border-color:var(--proved)}.proved strong{color:var(--proved)}
.refuted{border-color:var(--refuted)}.refuted strong{color:var(--refuted)}
.unproved{border-color:var(--unproved)}.unproved strong{color:var(--unproved)}
table{border-collapse:collapse;font-size:.94rem;line-height:1.5}
th,td{text-align:left;vertical-align:top;padding:.35rem 1.1rem .35rem 0;font-weight:normal}
thead th{border-bottom:1px solid var(--text);font-weight:bold}
tbody tr+tr>*{border-top:1px solid var(--line)}
.keep{white-space:nowrap}
.table{margin:1.1rem 0}
.table .math{max-width:none}
figure{margin:1.6rem 0;text-align:center}
figcaption{color:var(--aside);font-size:.9rem;margin-top:.6rem}
@media (max-width:34rem){body{font-size:16px}main{padding:1.5rem 1rem 3rem}
h1{font-size:1.55rem}.formula{column-gap:.6rem}.formula>.scroll{text-align:left}
.reason{text-align:left}.scroll>.math{font-size:.95em}}
@media print{:root{color-scheme:light;--text:#000;--aside:#444;--line:#bbb;--back:#fff;
--panel:#fff;--link:#000;--proved:#1a7f4b;--refuted:#b42318;--unproved:#8a5d00}
body{font-size:10.5pt}main{max-width:none;padding:0}nav,.source{display:none}
.scroll{overflow:visible}.scroll .math{max-width:100%;height:auto!important}
.scroll,pre{background:none}pre{white-space:pre-wrap;border:1px solid var(--line)}
.formula,figure,.status,tr{break-inside:avoid}h2{break-after:avoid}}
"""


def page_of(title: str, body: str, *, style: str = "") -> str:
    """A whole page.

    Args:
        title: as text.
        body: what stands in it, as HTML.
        style: further rules of CSS.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n"
        f"{body}</body>\n</html>\n"
    )


def text(words: str) -> str:
    """Text as HTML."""
    return escape(visible(words))


def visible(text: str) -> str:
    """Text without what is not seen: each such character (a change of direction) as its number."""
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co"}
        else f"[U+{ord(character):04X}]"
        for character in text
    )
