"""Generated lines are broken as ruff's formatter would break them."""

import subprocess
import sys
from pathlib import Path

from gru_sym.codegen.backends.layout import WIDTH, depths_of, indented, items_of, tidy

LONG = "    W_bar = rows(first_bar).T @ rows(first_input) + rows(second_bar).T @ rows(second_input)"

ARGUMENTS = ", ".join(f"argument_{k}: Array" for k in range(4))
PRODUCTS = " + ".join(f"rows(a_{k}_bar) @ W_{k}" for k in range(3))


SHORT, NAMES = "some_values", [f"some_longer_name_{k}" for k in range(3)]
LINES = (
    "short = a + b",
    LONG,
    f"def backward({ARGUMENTS}) -> dict[str, Array]: ...",
    f"def forward({', '.join(f'argument_{k}: Array' for k in range(6))}) -> Array: ...",
    f"x_bar = steps({PRODUCTS}, T, B)",
    f"x_bar = steps({PRODUCTS} + rows(a_3_bar) @ W_3, T, B)",
    f"x_bar = {SHORT}.sum(axis=-1, keepdims=True) / some_size + steps({SHORT} @ W, T, B) ",
    f"a_bar = {NAMES[0]} * ({NAMES[1]} - ({NAMES[2]} * {NAMES[1]}).sum(axis=-1))",
    f"b_bar = rows({NAMES[0]} * {NAMES[1]} * (2 - sigmoid_x - tanh_x**2)).sum(axis=0)",
    f"c_bar = 4 * {' * '.join(NAMES)} * ({SHORT} + step) + {NAMES[0]} * ({SHORT} - step)",
    f"{NAMES[0] * 2} = {NAMES[1] * 3}[t]",
    f"{NAMES[0] * 2} = {NAMES[1]}_with_a_tail_of_its_own[t]",
    f"{NAMES[0] * 2}[j] = {NAMES[1] * 2}",
    f"{NAMES[0]}, {NAMES[1]} = {NAMES[0]}_all_of_them[:-1], {NAMES[1]}_all_of_them[1:]",
    f"{', '.join(f'{name}_and_on_and_on' for name in NAMES)} = outputs_bar",
    f"{NAMES[0]}_and_on = trajectory['{NAMES[0]}_and_on'][t][b]".replace("'", '"'),
    f"{NAMES[0]}_and_on_and_on = trajectory['{NAMES[0]}_and_on'][t][b]".replace("'", '"'),
    f"T, B = len({NAMES[0]}[{SHORT}]), len({NAMES[1]}[{SHORT}][0]), len({NAMES[2]})",
    f"values = np.concatenate(({', '.join(NAMES)}, {NAMES[0]} + {NAMES[1]}), axis=-1)",
    f"return f({' + '.join(NAMES)}, {NAMES[0]} * {NAMES[1]} + {SHORT}, 3)",
    f"d_bar = rows({NAMES[0]}).T @ rows(np.zeros((T, B, H), dtype) + {SHORT} + {NAMES[1]})",
)


def test_long_lines_are_broken_as_ruff_breaks_them(tmp_path: Path) -> None:
    for k, line in enumerate(LINES):
        found = tidy(["def f():", f"    {line.strip()}"])
        (tmp_path / f"line_{k}.py").write_text(found, encoding="utf-8")
    command = ["-m", "ruff", "format", "--isolated", "--no-cache", "--diff", str(tmp_path)]
    run = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_comments_are_wrapped_at_words() -> None:
    lines = tidy([f"    # {'word ' * 40}".rstrip()]).splitlines()
    assert all(len(line) <= WIDTH for line in lines)
    assert lines[0].startswith("    # word")
    assert all(line.startswith("    #     word") for line in lines[1:])


def test_a_docstring_stays_as_it_is() -> None:
    text = "x" * (2 * WIDTH)
    assert tidy(['"""Title.', text, '"""']) == f'"""Title.\n{text}\n"""\n'


def test_what_cannot_be_broken_stays() -> None:
    line = f"x = {'y' * 2 * WIDTH}"
    assert tidy([line]) == f"{line}\n"


def test_no_two_empty_lines_within_a_function() -> None:
    lines = ["def f():", *indented(["a = 1", "", "", "b = 2"]), "", "", "def g():"]
    assert tidy(lines) == "def f():\n    a = 1\n\n    b = 2\n\n\ndef g():\n"


def test_depths() -> None:
    assert depths_of("f(a)[b]") == [0, 0, 1, 0, 0, 1, 0]
    assert depths_of('"("') == [0, 1, 1]


def test_items_are_apart_at_commas_outside_of_brackets_and_quotes() -> None:
    assert items_of('a, f(b, c), "d, e",') == ["a", "f(b, c)", '"d, e"']
    assert items_of("") == []
