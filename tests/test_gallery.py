"""The gallery: parts, claims and pages, and the folder that they are written to."""

import re
from pathlib import Path

import pytest

from gru_sym import prove_equal
from gru_sym.errors import DataError
from gru_sym.latex.blocks import Code, Math, Ref
from gru_sym.latex.gallery import (
    VARIABLE,
    Claim,
    Part,
    gallery_folder,
    prose,
    table_of,
    write_claims,
    write_index,
    write_page,
)
from gru_sym.latex.pdf import compile_pdf, overfull
from gru_sym.prove.result import Unproved
from tests.latex_tools import HOSTILE, UNICODE, pdf_text, tex

TEXTS = [
    HOSTILE,
    UNICODE,
    r"\end{document}",
    r"\input{/etc/passwd}",
    "^^5cinput",
    "{",
    "}",
    "%",
    "$",
    "\\",
    "a\n\nb",
    "x" * 300,
]


def part(name: str = "a", title: str = "A", **of: object) -> Part:
    found: dict[str, object] = {"claim": "c", "source": "s", "items": ()}
    return Part(name, title, **{**found, **of})  # type: ignore[arg-type]


# -- a part ----------------------------------------------------------------------------------------


def test_words_and_formulas() -> None:
    shown = part(
        claim=prose("For every $T$"),
        source=("as in ", Ref(3), ", ", Code("a_b")),
        items=((prose("so, 5 % of $z$:"), " z = 1 \n"), ("words alone", "")),
    ).tex
    assert shown.splitlines() == [
        r"\subsection{A}",
        r"\noindent\emph{For every $T$}",
        "",
        r"\par\smallskip\noindent",
        r"so, 5 \% of $z$:",
        r"\[",
        "z = 1",
        r"\]",
        r"\par\smallskip\noindent",
        "words alone",
        r"\par\smallskip\noindent",
        r"{\small Source: as in (3), \texttt{a\_b}. Document: \texttt{a}.}",
    ]


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_is_obeyed_in_words(text: str) -> None:
    """Of the commands in a part those that we write are all there are; braces come in pairs."""
    plain = part(title="t", claim="t", source="t", items=(("t", ""),)).tex
    shown = part(title=text, claim=text, source=text, items=((text, ""),)).tex
    ours = r"textbackslash|textasciicircum|textasciitilde|textless|textgreater|textasciigrave|"
    ours += r"ensuremath|hspace|text\w+|[A-Za-z]"
    bare = re.sub(rf"\\(?:{ours}|[{{}}$&#%_~'^=\".`])(?![A-Za-z])", "", shown)
    commands = re.findall(r"\\[A-Za-z]+", bare)
    known = set(re.findall(r"\\[A-Za-z]+", plain)) | {r"\ldots"}
    inside = re.findall(r"\\ensuremath\{(.*?)\}", shown)
    assert set(commands) <= known | {
        w for piece in inside for w in re.findall(r"\\[A-Za-z]+", piece)
    }
    assert "\n\n" not in shown.split(r"\smallskip", 1)[1]
    unescaped = re.sub(r"\\[\\{}]", "", shown)
    assert unescaped.count("{") == unescaped.count("}")
    assert "%" not in re.sub(r"\\%", "", shown)


def test_hostile_words_compile(tmp_path: Path) -> None:
    tex()
    for number, text in enumerate(TEXTS):
        name = f"p{number:02}"
        items = ((text, "x = 1"), (text, ""))
        part(name, text, claim=text, source=text, items=items).write(tmp_path)
    made = compile_pdf(write_index(tmp_path).read_text(encoding="utf-8"))
    assert overfull(made.log) == []
    seen = pdf_text(made.content, tmp_path)
    assert not seen or (r"\write18{touch owned}" in seen and r"\input{/etc/passwd}" in seen)


@pytest.mark.parametrize(
    "name", ["", "index", "a/b", "../a", "a.b", ".a", "-a", "_a", "a b", "a\n", "ä", "a\\b", "a$"]
)
def test_names_that_are_no_file_names(name: str) -> None:
    with pytest.raises(DataError, match="a part cannot be called") as caught:
        part(name)
    assert repr(name) in str(caught.value)
    assert "letters, digits and _" in caught.value.mend


# -- claims ----------------------------------------------------------------------------------------

PROVED = prove_equal("a + b", "b + a")
REFUTED = prove_equal("a", "-a")
UNPROVED = Unproved("a claim", "it grows too large")
RAIN = "false in general; proved under the condition that it rains"


def test_the_answers_are_what_they_are_called() -> None:
    verdicts = [answer.verdict for answer in (PROVED, REFUTED, UNPROVED)]
    assert verdicts == ["proved", "refuted", "unproved"]


@pytest.mark.parametrize(
    ("said", "condition", "under", "verdict"),
    [
        ((PROVED,), "", (), "proved"),
        ((PROVED, True), "it rains", (PROVED,), "proved"),
        ((REFUTED,), "", (), "false"),
        ((PROVED, False), "", (), "false"),
        ((REFUTED,), "it rains", (PROVED, True), RAIN),
        ((REFUTED, UNPROVED), "it rains", (True,), RAIN),
        # A condition is worth what is proved under it.
        ((REFUTED,), "it rains", (), "false"),
        ((REFUTED,), "it rains", (UNPROVED,), "false"),
        ((REFUTED,), "it rains", (PROVED, UNPROVED), "false"),
        ((REFUTED,), "it rains", (PROVED, None), "false"),
        ((REFUTED,), "it rains", (PROVED, False), "false"),
        ((REFUTED,), "", (PROVED,), "false"),
        # What is not known is neither proved nor false.
        ((), "", (), "open"),
        ((None,), "", (), "open"),
        ((True, None), "it rains", (True,), "open"),
        ((), "it rains", (PROVED,), "open"),
        ((UNPROVED,), "", (), "open"),
        ((PROVED, UNPROVED), "", (), "open"),
        ((UNPROVED,), "it rains", (PROVED,), "open"),
    ],
)
def test_verdict(said: tuple, condition: str, under: tuple, verdict: str) -> None:  # type: ignore[type-arg]
    assert Claim("c", said, "e", condition, under).verdict == verdict


def test_a_claim_as_words() -> None:
    claim = Claim("Is $z$ 1?", (False,), "5 % of $h$.", "$U_z$ is 0", (True,))
    assert str(claim) == (
        "Is z 1?\n    false in general; proved under the condition that U_z is 0\n    5 % of h."
    )
    words, latex = claim.item
    assert words == (
        "“Is ",
        Math("z"),
        " 1?” False in general; proved under the condition that ",
        Math("U_z"),
        " is 0. 5 % of ",
        Math("h"),
        ".",
    )
    assert latex == ""


def test_table() -> None:
    hostile = Claim(r"a | b *c* <d> `e` [f](g) \h _i_ #", (), "two\nlines, $|x|$")
    rows = table_of([hostile, Claim("b", (True,), "e")]).splitlines()
    assert rows == [
        "| claim | verdict | evidence |",
        "| --- | --- | --- |",
        r"| a \| b \*c\* \<d\> \`e\` \[f\](g) \\h \_i\_ \# | **open** "
        r"| two lines, $\vert x\vert $ |",
        "| b | **proved** | e |",
    ]
    (row,) = table_of([Claim("c", (False,), "e", "$z$ is 1", (True,))]).splitlines()[2:]
    assert row == ("| c | **false in general**; proved under the condition that $z$ is 1 | e |")


def test_the_page_of_claims(tmp_path: Path) -> None:
    """One table of all; each row leads to the document that computes it; nothing old is left."""
    assert write_claims(tmp_path) is None
    for name in ("claims_b", "claims_a"):
        write_page(f"{name}.md", table_of([Claim(name[-1], (True,), "e")]), tmp_path)
    assert write_claims(tmp_path, "../{}.py") == tmp_path / "claims.md"
    lines = (tmp_path / "claims.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# What people say about the GRU"
    assert [line for line in lines if line.startswith("|")] == [
        "| claim | verdict | evidence |",
        "| --- | --- | --- |",
        "| a | **proved** | e ([computed here](../claims_a.py)) |",
        "| b | **proved** | e ([computed here](../claims_b.py)) |",
    ]
    for name in ("claims_b", "claims_a"):
        (tmp_path / f"{name}.md").unlink()
    assert write_claims(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


# -- the folder ------------------------------------------------------------------------------------


def test_where_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    assert gallery_folder() == Path("gallery")
    monkeypatch.setenv(VARIABLE, "")
    assert gallery_folder() == Path("gallery")
    assert part().write() == Path("gallery/a.tex")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "some" / "where"))
    assert part().write() == tmp_path / "some" / "where" / "a.tex"
    assert write_page("b.md", "ü\n").read_bytes() == "ü\n".encode()
    assert write_index() == tmp_path / "some" / "where" / "index.tex"
    assert part().write(tmp_path / "given") == tmp_path / "given" / "a.tex"
    assert (tmp_path / "given" / "a.tex").read_text(encoding="utf-8") == part().tex


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="cannot make the folder") as caught:
        part().write(tmp_path / "file" / "folder")
    assert VARIABLE in caught.value.mend


def test_index_is_in_order_of_names(tmp_path: Path) -> None:
    for name in ("claims", "10_b", "02_a", "01_c"):
        part(name, f"title {name}").write(tmp_path)
    write_page("claims.md", "no part", tmp_path)
    for _ in range(2):  # the second time index.tex is there, and is no part
        index = write_index(tmp_path).read_text(encoding="utf-8")
        titles = re.findall(r"^\\subsection\{title (\w+)", index.replace(r"\_", "_"), re.MULTILINE)
        assert titles == ["01_c", "02_a", "10_b", "claims"]
        assert index.count(r"\begin{document}") == index.count(r"\end{document}") == 1
        assert index.endswith("\\end{document}\n")


def test_index_of_nothing(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DataError, match="there is no part of a gallery in") as caught:
            write_index(folder)
        assert "python -m derivations" in caught.value.mend
    write_page("index.tex", "an earlier one", tmp_path)
    with pytest.raises(DataError, match="there is no part"):
        write_index(tmp_path)
