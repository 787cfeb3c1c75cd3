"""Helpers are copied as they are called, with what they call and import."""

import ast

from gru_sym.codegen.backends.numba_helpers import helper_names, helper_parts


def defined(lines: list[str]) -> set[str]:
    found = set()
    for node in ast.parse("\n".join(lines)).body:
        match node:
            case ast.FunctionDef(name=name):
                found.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=[target]):
                found |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
    return found


def test_what_is_called_and_what_that_calls() -> None:
    head, body = helper_parts("y = sigmoid(x)")
    assert {"sigmoid", "sigmoid_pair", "exp_parts", "power_of_two"} <= defined(body)
    assert not {"tanh_pair", "product", "softmax"} & defined(body)
    assert {"inlined", "OPTIONS", "intrinsics"} <= defined(head)
    assert "from numba import njit, types" in head
    assert not any("cpu_features" in line for line in head)


def test_nothing_is_called_that_is_not_there() -> None:
    code = "product(a, b, c); copy(a, b); clear(a); softmax(a, b); x = softplus(y) + relu(z)"
    head, body = helper_parts(code)
    text = "\n".join([*head, *body])
    tree = ast.parse(text)
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and "_" in n.id}
    bound = defined(head) | defined(body)
    bound |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name | ast.arg) and False}
    stored = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    arguments = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    assert names <= bound | stored | arguments | imported


def test_decorators_and_comments_come_along() -> None:
    head, body = helper_parts("product(a, b, c)")
    assert body[body.index("def product(a: Array, b: Array, out: Array) -> None:") - 1] == "@macro"
    at = next(k for k, line in enumerate([*head, *body]) if line.startswith("TALL, WIDE"))
    assert [*head, *body][at - 1].startswith("# A product keeps")


def test_all_names_are_known() -> None:
    head, body = helper_parts("\n".join(sorted(helper_names())))
    assert defined(head) | defined(body) <= helper_names()
    assert {"np", "math", "Mapping", "njit", "Array", "product", "VECTOR_BITS"} <= helper_names()
    assert not any("gru_sym" in line for line in (*head, *body))
