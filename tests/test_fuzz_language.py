"""The parser, `check` and the mappings under hostile texts: only our errors, in bounded time.

A few hundred inputs of each kind run here; ``GRU_SYM_FUZZ=10000`` runs so many.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import strategies as st

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.cells.naming import FUNCTIONS
from gru_sym.cli import main
from gru_sym.derive.describe import select, text
from gru_sym.derive.vjp import vjp
from gru_sym.errors import GruSymError
from gru_sym.prove.check import check
from gru_sym.prove.equivalent import prove_equivalent
from gru_sym.prove.shipped import RELATIONS
from tests.fuzzing import bounded, examples, fuzz, peak

Record = Callable[[str, object], None]

PARSE_S = 2
DERIVE_S = 20
CHECK_S = 20
"""Processor time of one input."""
MEMORY = 512
"""MiB by which the process may grow over a whole suite: SymPy's caches, and nothing of an input."""

CELLS = {name: cells.cell(name) for name in cells.names()}
SOURCES = [cell.document.source for cell in CELLS.values()]
CHECKED = [CELLS[name] for name in ("rnn", "gru", "lstm", "mgu", "gru_layernorm")]
DERIVED = {cell.name: text(select(cell)) for cell in CHECKED}
MAPPED = [r for r in RELATIONS if r.mapping][:12]

NAMES = [
    "x",
    "h",
    "z",
    "W_h",
    "U_h",
    "b_h",
    "h_tilde",
    "z_bar",
    "h_next_bar",
    "h_bar",
    "H",
    "I",
    "T",
]
NUMBERS = [
    "0",
    "1",
    "2",
    "0.5",
    "1e300",
    "1e-300",
    "9**9**9",
    "1e999999",
    "1" * 61,
    "1/64",
    "63/64",
]
NUMBERS += [
    "12345678901234567890123456789",
    "64",
    "(-1)",
    "0e9999999",
    "1" * 5000,
    "1e" + "9" * 5000,
]
SIGNS = ["+", "-", "*", "/", "**", "@", ".T", "(", ")", "[", "]", ",", ":", "=", "\n", " ", "\t"]
ODD = [
    "#",
    "^",
    ".",
    "'",
    "é",
    "σ",
    "\0",
    "\r\n",
    "\u2028",
    "\ufeff",
    "__import__('os')",
    "\\",
    "{",
]
HEADERS = [
    "# inputs: x, y",
    "# params: W_h(H, I), b_h()",
    "# states: h(H)",
    "# output: h",
    "# roles:",
]
HEADERS += [
    "# outputs: loss",
    "# title: t",
    "# input: x",
    "# params: (",
    "# states: h(H, H, H)",
    "#:",
]
LONG = ["a" * 64, "a" * 65, "a" * 5000, "b_" + "_" * 62, "h_next_next", "h_next", "a_z_1", "_next"]
LINES = ["h_next = tanh(W_h @ x)", "z_bar = h_next_bar", "c_next = c * h", "q = q", "v = [v, v]"]
CALLS = [f"{name}(" for name in FUNCTIONS]
TOKENS = [
    *NAMES,
    *NUMBERS,
    *SIGNS,
    *ODD,
    *LONG,
    *CALLS,
    *(f"\n{line}\n" for line in HEADERS + LINES),
]

TOKEN = re.compile(r"[A-Za-z_]\w*|[0-9.]+(?:e[+-]?\d+)?|\*\*|\s+|.", re.DOTALL)
OPERAND = re.compile(r"[A-Za-z_]\w*(?!\w*\s*[(=])|\b[0-9.]+")


def mutate(source: str, seed: int) -> str:
    """A text after one to four changes."""
    rng = Random(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        source = rng.choice(CHANGES)(source, rng)
    return source


def characters(source: str, rng: Random) -> str:
    start = rng.randrange(len(source) + 1)
    stop = min(len(source), start + rng.choice((0, 1, 1, 3, 20)))
    middle = rng.choice(["", source[start:stop] * 2, source[start:stop][::-1], rng.choice(TOKENS)])
    return source[:start] + middle + source[stop:]


def tokens(source: str, rng: Random) -> str:
    found = TOKEN.findall(source) or [""]
    at, other = rng.randrange(len(found)), rng.randrange(len(found))
    match rng.randrange(4):
        case 0:
            found[at], found[other] = found[other], found[at]
        case 1:
            found[at] = rng.choice((found[other], rng.choice(TOKENS)))
        case 2:
            found[at] *= 2
        case _:
            del found[at]
    return "".join(found)


def lines(source: str, rng: Random) -> str:
    found = source.split("\n")
    at, other = rng.randrange(len(found)), rng.randrange(len(found))
    match rng.randrange(4):
        case 0:
            found[at], found[other] = found[other], found[at]
        case 1:
            found.insert(other, found[at])
        case 2:
            found.insert(rng.choice((0, at)), rng.choice(HEADERS + LINES))
        case _:
            del found[at]
    return "\n".join(found)


def operand(source: str, rng: Random) -> str:
    """An operand becomes another, a deep one or a long one, so that most of these texts parse."""
    found = [match for match in OPERAND.finditer(source) if "#" not in source[: match.start()]]
    if not found:
        return source
    at = rng.choice(found)
    name, n = at[0], rng.choice((1, 1, 2, 3, 5, 12, 31, 63, 64, 65, 199, 300))
    opening, closing = rng.choice(NESTED)
    new = rng.choice(
        (
            rng.choice(found)[0],
            rng.choice(NUMBERS),
            opening.replace("?", name) * n + name + closing * n,
            rng.choice(("+", "-", "*", "/", "@", "**", " * tanh(h) + ")).join([name] * (n + 1)),
            f"({rng.choice(found)[0]} + {rng.choice(found)[0]} + {name})**{n}",
            "*".join(f"({name} + {k} * {rng.choice(found)[0]})" for k in range(n)),
            f"{name}**({rng.choice((*NUMBERS, '1/2', '-3', '1/3'))})",
            "-" * n + name,
            f"{name}{'.T' * n}",
        )
    )
    return f"{source[: at.start()]}{new}{source[at.end() :]}"


def chain(source: str, rng: Random) -> str:
    """Definitions each of which uses those before it, more than once."""
    form = rng.choice(("{a} * {b}", "{a} + {b}", "{a}**9 * {b}", "{a} / (1 + {b})", "[{a}, {b}]"))
    form = rng.choice(
        (form, f"tanh({form})", f"exp({form})", f"sqrt({form})", f"sum({form}) * {{a}}")
    )
    names = ["h", "h", *(f"q{k}" for k in range(rng.choice((3, 12, 40))))]
    made = [
        f"{names[k]} = {form.format(a=names[k - 1], b=names[k - 2])}" for k in range(2, len(names))
    ]
    return (
        source.rstrip("\n") + f" * {names[-1]}\n"
        if rng.random() < 0.1
        else "\n".join(
            [*made, OPERAND.sub(names[-1], source, count=1) if rng.random() < 0.3 else source]
        )
    )


NESTED = [(call.replace("(", "("), ")") for call in CALLS if call != "outer("]
NESTED += [("(", ")"), ("(? + h * ", ")"), ("1 / (h + ", ")"), ("tanh(? * ", ")"), ("-(", ")**2")]
NESTED += [("sqrt(x + h * ", ")"), ("[h, ", "]"), ("(", ")**64"), ("hard_sigmoid(h * ", ")")]
CHANGES = (characters, tokens, lines, operand, operand, operand, chain)

soups = st.lists(st.sampled_from(TOKENS), max_size=40).map("".join)
seeds = st.integers(0, 2**64 - 1)
hostile = st.one_of(
    st.binary(max_size=300), st.text(max_size=100), soups, soups.map(lambda s: f"h_next = h * {s}")
)


def mutants(sources: list[str]) -> st.SearchStrategy[str]:
    return st.builds(mutate, st.sampled_from(sources), seeds)


def refused(error: GruSymError) -> str:
    """Our error: it can be shown, and says what to do."""
    assert str(error).encode()
    assert error.mend
    assert len(str(error)) < 2000
    return "refused"


def survives(source: str | bytes) -> str:
    try:
        with bounded(PARSE_S):
            cell = Cell.parse(source)
    except GruSymError as error:
        return refused(error)
    with bounded(PARSE_S):
        assert str(cell)
        assert Cell.parse(cell.text) == cell
    with bounded(DERIVE_S):
        assert vjp(cell).definitions
        assert text(select(cell))
    return "accepted"


@pytest.mark.parametrize(("kind", "number"), [("hostile", 400), ("mutants", 250)])
def test_the_parser(kind: str, number: int, record_property: Record) -> None:
    inputs = {"hostile": hostile, "mutants": mutants(SOURCES)}[kind]
    before = peak()
    outcomes = fuzz(inputs, survives, examples(number), f"parser, {kind}", record_property)
    assert outcomes["refused"]
    assert kind == "hostile" or outcomes["accepted"]
    assert peak() - before < MEMORY


def judged(drawn: tuple[Cell, str | bytes]) -> str:
    cell, source = drawn
    try:
        with bounded(CHECK_S):
            report = check(cell, source)
            assert str(report)
            report.to_json()
    except GruSymError as error:
        return refused(error)
    return report.verdict


@pytest.mark.parametrize(("kind", "number"), [("hostile", 200), ("mutants", 250)])
def test_check(kind: str, number: int, record_property: Record) -> None:
    if kind == "hostile":
        inputs = st.tuples(st.sampled_from(CHECKED), hostile)
    else:
        derivations = [(cell, DERIVED[cell.name]) for cell in CHECKED]
        inputs = st.sampled_from(derivations).flatmap(
            lambda each: st.tuples(st.just(each[0]), mutants([each[1], *each[1].splitlines()]))
        )
    before = peak()
    outcomes = fuzz(inputs, judged, examples(number), f"check, {kind}", record_property)
    assert outcomes["refused"]
    assert kind == "hostile" or outcomes["wrong"]
    assert peak() - before < MEMORY


def mapped(drawn: tuple[Cell, Cell, str | bytes]) -> str:
    try:
        with bounded(CHECK_S):
            proof = prove_equivalent(*drawn)
            assert str(proof)
            proof.to_json()
    except GruSymError as error:
        return refused(error)
    return proof.verdict


def test_mappings(record_property: Record) -> None:
    def of(relation: Any) -> st.SearchStrategy[tuple[Cell, Cell, str | bytes]]:
        texts = st.one_of(hostile, *[mutants([relation.mapping])] * 4)
        return st.tuples(st.just(CELLS[relation.first]), st.just(CELLS[relation.second]), texts)

    before = peak()
    inputs = st.sampled_from(MAPPED).flatmap(of)
    outcomes = fuzz(inputs, mapped, examples(100), "mappings", record_property)
    assert outcomes["refused"]
    assert peak() - before < MEMORY


def test_the_command_line(tmp_path: Path, record_property: Record) -> None:
    file, command = tmp_path / "text", "check gru FILE"
    commands = ["cells FILE", "derive FILE", "check FILE gru.txt", command, "derive FILE --json"]
    commands += ["check gru FILE --json", "prove gru_keep --equals gru --map FILE"]
    (tmp_path / "gru.txt").write_text(DERIVED["gru"], encoding="utf-8")

    def ends(drawn: tuple[str, str | bytes]) -> str:
        command, given = drawn
        raw = given if isinstance(given, bytes) else given.encode("utf-8", "surrogatepass")
        file.write_bytes(raw)
        paths = {"FILE": str(file), "gru.txt": str(tmp_path / "gru.txt")}
        with bounded(CHECK_S):
            result = CliRunner().invoke(main, [paths.get(word, word) for word in command.split()])
        assert result.exit_code in {0, 1, 2}, result.output
        assert "Traceback" not in result.output
        assert "a fault of gru-sym" not in result.output
        return f"exit {result.exit_code}"

    texts = st.one_of(hostile, mutants(SOURCES), mutants(DERIVED["gru"].splitlines()))
    inputs = st.tuples(st.sampled_from(commands), texts)
    fuzz(inputs, ends, examples(60), "command line", record_property)


# -- what was found --------------------------------------------------------------------------------


def test_a_header_is_the_same_in_any_order() -> None:
    body = "h_next = tanh(zeta * (W @ x) + h)\n"
    one = Cell.parse(f"# params: zeta()\n# states: h(H)\n{body}")
    other = Cell.parse(f"# states: h(H)\n# params: zeta()\n{body}")
    assert one == other == Cell.parse(other.text)


def test_what_overflows_is_not_called_the_same() -> None:
    (line,) = check(CELLS["gru"], "z_bar = 1e200 * h").lines
    assert "sign" not in line.why


LONGEST = "12345678901234567890123456789012345678901234567890123456789"
FOUND = {
    "a tower of exp": f"z_bar = {'exp(' * 60}h{')' * 60}",
    "a power of a sum": "z_bar = h_next_bar * (h + z + r + h_tilde + b_z + b_r + b_h)**60",
    "a product of sums": f"z_bar = {' * '.join(f'(h + {k} * z + b_r)' for k in range(40))}",
    "a root of a number": f"z_bar = {LONGEST}**(63/64) * h",
    "a root of a root of a number": f"z_bar = {'sqrt(' * 6}{LONGEST}**63{')' * 6} * h",
    "what doubles its argument": f"z_bar = {'hard_sigmoid(' * 40}h{')' * 40}",
    "nested sums": f"z_bar = {'(z + h * ' * 60}h{')' * 60}",
    "nested fractions": f"z_bar = {'1 / (h + ' * 60}h{')' * 60}",
    "doubling digits": "q0 = h * z\nq1 = h + q0\n"
    + "\n".join(f"q{k} = q{k - 1} * q{k - 2}" for k in range(2, 90))
    + "\nz_bar = q89",
    "a number near the end of the floats": "z_bar = 1e200 * h",
    "a sum of exp of exp": "q = exp(exp(h * h) + 1)\nz_bar = exp(q * exp(h * h))",
    "beyond the floats": "q = exp(exp(9 * h)) * exp(exp(9 * z))\nz_bar = q * exp(exp(9 * r)) - q",
}  # fmt: skip
IN_A_PROCESS = """
import resource, signal, sys
from gru_sym import cells
from gru_sym.derive.describe import select, text
from gru_sym.errors import GruSymError
from gru_sym.prove.check import check
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
signal.alarm(20)
source = sys.stdin.read()
for use in (
    lambda: check(cells.gru, source),
    lambda: text(select(cells.Cell.parse(source.replace("z_bar", "h_next").replace("_bar", "")))),
):
    try:
        str(use())
    except GruSymError as error:
        str(error)
"""


@pytest.mark.parametrize("source", FOUND.values(), ids=FOUND)
def test_what_was_found(source: str) -> None:
    """In a process of its own, with a GiB of address space and 20 seconds."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", IN_A_PROCESS],
        input=source,
        capture_output=True,
        encoding="utf-8",
        env={"OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
