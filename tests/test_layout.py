"""Generated lines are broken as ruff's formatter would break them."""

import pytest

from gru_sym.codegen.backends.layout import WIDTH, depths_of, indented, items_of, tidy

LONG = "    W_bar = rows(first_bar).T @ rows(first_input) + rows(second_bar).T @ rows(second_input)"

ARGUMENTS = ", ".join(f"argument_{k}: Array" for k in range(4))
PRODUCTS = " + ".join(f"rows(a_{k}_bar) @ W_{k}" for k in range(3))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("short = a + b", ["short = a + b"]),
        (
            LONG,
            [
                "    W_bar = (",
                "        rows(first_bar).T @ rows(first_input)",
                "        + rows(second_bar).T @ rows(second_input)",
                "    )",
            ],
        ),
        (
            f"def backward({ARGUMENTS}) -> dict[str, Array]:",
            [
                "def backward(",
                f"    {ARGUMENTS}",
                ") -> dict[str, Array]:",
            ],
        ),
        (
            f"def forward({', '.join(f'argument_{k}: Array' for k in range(6))}) -> Array:",
            ["def forward(", *(f"    argument_{k}: Array," for k in range(6)), ") -> Array:"],
        ),
        (
            f"    x_bar = ({PRODUCTS}).reshape(T, B, -1)",
            [
                "    x_bar = (",
                f"        {PRODUCTS}",
                "    ).reshape(T, B, -1)",
            ],
        ),
    ],
)
def test_long_lines(line: str, expected: list[str]) -> None:
    assert tidy([line]).splitlines() == expected


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
