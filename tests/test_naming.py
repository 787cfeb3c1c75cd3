"""Names that are refused, functions, and the order of definitions."""

import keyword

import pytest

from gru_sym.cells.naming import DIMENSIONS, FUNCTIONS, did_you_mean
from gru_sym.cells.parse import parse
from gru_sym.errors import CellSyntaxError, NamingError, StructureError, TextError

# name: (text, class, line, column, words of the message, words of the mend)
BAD = {
    "misspelt function": ("z = sigmiod(x)", NamingError, 1, 5, "no function", "`sigmoid`?"),
    "capital": ("z = Tanh(x)", NamingError, 1, 5, "no function `Tanh`", "`tanh`?"),
    "ln": ("z = ln(x)", NamingError, 1, 5, "no function `ln`", "`log(…)`"),
    "transpose": ("z = transpose(W) @ x", NamingError, 1, 5, "no function", "`W.T`"),
    "functions listed": ("z = qqq(x)", NamingError, 1, 5, "no function", "relu, sigmoid"),
    "import": ("z = __import__(os)", NamingError, 1, 5, "no function `__import__`", "functions"),
    "eval": ("z = eval(x)", NamingError, 1, 5, "no function `eval`", "functions"),
    "variable called": ("r = x\nz = r(x)", NamingError, 2, 5, "is a variable", "`r * (…)`"),
    "function used": ("z = tanh @ x", NamingError, 1, 5, "is a function", "`tanh(a)`"),
    "function assigned": ("exp = x", NamingError, 1, 1, "is a function", "exp_1"),
    "too many arguments": ("z = tanh(x, y)", CellSyntaxError, 1, 5, "takes 1 arg", "`tanh(a)`"),
    "no argument": ("z = tanh()", CellSyntaxError, 1, 5, "none is given", "`tanh(a)`"),
    "outer in a cell": ("z = outer(x, y)", StructureError, 1, 5, "derivations", "`*`"),
    "slice in a cell": ("z = v[:H]", StructureError, 1, 6, "derivations", "definition of its own"),
    "cotangent": ("z_bar = x", NamingError, 1, 1, "cotangent of `z`", "call it z_mean"),
    "cotangent used": ("z = x_bar", NamingError, 1, 5, "cotangent of `x`", "call it"),
    "tangent": ("z = x_dot", NamingError, 1, 5, "tangent of `x`", "call it"),
    "keyword": ("z = lambda", NamingError, 1, 5, "Python", "lambda_1"),
    "None": ("None = x", NamingError, 1, 1, "Python", "None_1"),
    "dimension": ("H = x", NamingError, 1, 1, "dimension", "H_1"),
    "dimension used": ("z = W @ T", NamingError, 1, 9, "dimension", "T_1"),
    "LaTeX word": ("begin = x", NamingError, 1, 1, "LaTeX", "begin_1"),
    "catcode": ("z = catcode", NamingError, 1, 5, "LaTeX", "catcode_1"),
    "leading _": ("z = _a", NamingError, 1, 5, "starts nor ends with `_`", "call it a"),
    "trailing _": ("a_ = x", NamingError, 1, 1, "starts nor ends with `_`", "call it a"),
    "double _": ("z = a__b", NamingError, 1, 5, "no `__`", "call it a_b"),
    "only _": ("z = _", NamingError, 1, 5, "starts nor ends", "call it v"),
    "_ and a function": ("z = _tanh", NamingError, 1, 5, "starts nor ends", "call it v_tanh"),
    "assigned twice": ("z = x\nr = z\nz = y", NamingError, 3, 1, "first on line 1", "z_2"),
    "used before": ("z = r\nr = x", NamingError, 1, 5, "before it is defined (line 2)", "above"),
    "cycle of three": (
        "z = x\nr = tanh(q + z)\np = r\nq = p + x\nq2 = q",
        NamingError,
        2,
        10,
        "a cycle: r -> q -> p -> r",
        "the state",
    ),
    "itself": ("h = tanh(U @ h)", NamingError, 1, 14, "a cycle: h -> h", "`h_next`"),
    "cycle of two": ("z = r * x\nr = z * x", NamingError, 1, 5, "a cycle: z -> r -> z", "state"),
    "argument used": ("z = tanh(x)\nr = a_z", NamingError, 2, 5, "the definition of `z`", "pre_z"),
    "argument assigned": ("a_z = x\nz = tanh(a_z)", NamingError, 1, 1, "activation", "pre_z"),
}


@pytest.mark.parametrize(("text", "error", "line", "column", "says", "mend"), BAD.values(), ids=BAD)
def test_refuses(
    text: str, error: type[TextError], line: int, column: int, says: str, mend: str
) -> None:
    with pytest.raises(error) as caught:
        parse(text)
    assert type(caught.value) is error
    assert (caught.value.line, caught.value.column) == (line, column)
    assert says in caught.value.message
    assert mend in caught.value.mend


@pytest.mark.parametrize(
    "text",
    [
        "z_bar = h_next_bar * (h_tilde - h)",
        "a_z_bar = z_bar * z * (1 - z)\nW_z_bar = outer(a_z_bar, x)",
        "h_bar = v[:H] + w[H:H+I]",
        "b_z = -b_z\nW_z = -W_z",
        "z = r\nr = z",
        "a_z = x\nz = tanh(a_z)",
    ],
)
def test_a_derivation_may(text: str) -> None:
    parse(text, derivation=True)
    with pytest.raises(TextError):
        parse(text)


@pytest.mark.parametrize(
    "text", ["z = x\nz = y", "begin = x", "H = x", "z = foo(x)", "z = outer(x)", "z = v[tanh:]"]
)
def test_a_derivation_may_not(text: str) -> None:
    with pytest.raises(TextError):
        parse(text, derivation=True)


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *keyword.kwlist, *DIMENSIONS}))
def test_reserved_names_are_refused_on_both_sides(name: str) -> None:
    for text in (f"{name} = x", f"z = {name}"):
        with pytest.raises((NamingError, CellSyntaxError)):
            parse(text)


def test_a_state_is_no_cycle() -> None:
    parse("h_next = tanh(U_h @ h)")


def test_names_of_gates_are_free() -> None:
    parse("f = sigmoid(x)\ni = sigmoid(x)\no = sigmoid(x)\ng = tanh(x)\nN = f\nE = i\nS = o")


def test_a_long_chain_of_definitions_is_followed() -> None:
    lines = ["z0 = x", *(f"z{i} = z{i - 1}" for i in range(1, 999))]
    parse("\n".join(lines))
    with pytest.raises(NamingError, match="a cycle"):
        parse("\n".join(["z0 = z998", *lines[1:]]))


def test_did_you_mean() -> None:
    assert did_you_mean("sigmod", FUNCTIONS) == "did you mean `sigmoid`?"
    assert did_you_mean("qqq", FUNCTIONS) == ""


def test_functions_are_frozen() -> None:
    with pytest.raises(TypeError):
        FUNCTIONS["f"] = 1  # type: ignore[index]
