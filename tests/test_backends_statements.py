"""Statements fit in a line, mean the same, and ruff leaves them alone at every width."""

import subprocess
import sys
from pathlib import Path

import pytest

from gru_sym.codegen.backends.layout import WIDTH, indented
from gru_sym.codegen.backends.statements import assigned, dictionary, has_operator, listed

NAMES = [f"name_{k}" for k in range(12)]
EXPRESSIONS = {
    "a sum": " + ".join(f"{n} * {n}" for n in NAMES),
    "a sum with signs": "name_0" + "".join(f" - {n} / 3" for n in NAMES),
    "a product": " * ".join(f"({n} + 1)" for n in NAMES),
    "a quotient": f"name_0 / ({' + '.join(f'abs({n})' for n in NAMES)})",
    "a power": f"({' + '.join(NAMES)}) ** 2",
    "a method": f"({' + '.join(NAMES)}).__add__(1)",
    "a call": f"max({', '.join(NAMES)}, (name_1 + name_2))",
    "a call of a tuple": f"sum(({', '.join(NAMES)}))",
    "a text with a comma": f'len("a, b (c" * name_1) + {" + ".join(NAMES)}',
}


def value_of(lines: list[str], name: str) -> float:
    namespace = {n: 0.25 * k + 1 for k, n in enumerate(NAMES)}
    namespace["name_1"] = 2
    exec("\n".join(lines), namespace)
    return namespace[name]


@pytest.mark.parametrize("name", ["v", "a_rather_long_name_of_a_variable"])
@pytest.mark.parametrize("key", EXPRESSIONS)
def test_several_statements_give_the_same_value(key: str, name: str) -> None:
    text = EXPRESSIONS[key]
    lines = assigned(name, text, 2)
    assert len(lines) > 1
    assert all(len(line) + 8 <= WIDTH for line in lines)
    assert value_of(lines, name) == pytest.approx(value_of([f"v = {text}"], "v"), rel=1e-14)


def test_what_fits_is_one_statement() -> None:
    assert assigned("a", "b + c", 1) == ["a = b + c"]


def test_a_list_is_on_one_line_or_on_a_line_each() -> None:
    assert listed("f(", ["a", "b"], ")", 1) == ["f(a, b)"]
    long = [n * 4 for n in NAMES]
    assert listed("x = f(", long, ")", 1) == ["x = f(", *(f"    {n}," for n in long), ")"]
    assert listed("", long, " = x", 1)[::13] == ["(", ") = x"]
    assert listed("f(", [f"({', '.join(long)})"], ")", 0)[1] == "    ("


def test_ruff_leaves_them_alone(tmp_path: Path) -> None:
    lines = ["def f(steps):"]
    for k, text in enumerate(EXPRESSIONS.values()):
        lines += indented(assigned(f"v_{k}", text, 1))
    long = [n * 4 for n in NAMES]
    lines += indented(listed("steps.append(", [f"({', '.join(NAMES)})"], ")", 1))
    lines += indented(listed("", long, " = steps", 1))
    lines += indented(listed("return ", long, "", 1))
    path = tmp_path / "lines.py"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for width in (88, 90, 95, 100, 110, 120):
        run = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "--no-cache",
             "--line-length", str(width), path],
            capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert run.returncode == 0, (width, run.stdout)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", False), ("a.T", False), ("f(a + b)", False), ("a[t]", False), ("(a + b).sum()", False),
     ("a + b", True), ("-a", True), ("a**2", True), ("f(a) @ b", True)],
)  # fmt: skip
def test_operators_outside_of_brackets(text: str, expected: bool) -> None:
    assert has_operator(text) is expected


def test_a_dictionary() -> None:
    assert dictionary("return ", {"a": "1", "b": "x"}) == [
        "return {",
        '    "a": 1,',
        '    "b": x,',
        "}",
    ]
    assert dictionary("params = ", {}) == ["params = {}"]
