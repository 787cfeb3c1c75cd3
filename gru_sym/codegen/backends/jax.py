"""The JAX backend: backprop as we derived it in a ``jax.custom_vjp``, its loops by ``lax.scan``."""

import itertools
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Dim
from gru_sym.codegen.backends.body import Style, Turn
from gru_sym.codegen.backends.check import drawn
from gru_sym.codegen.backends.expressions import Library
from gru_sym.codegen.backends.functional import (
    arguments,
    backward_lines,
    forward_lines,
    outputs,
    plain_lines,
    result_type,
    run_docstring,
)
from gru_sym.codegen.backends.interface import Interface, Printed, interface
from gru_sym.codegen.backends.layout import WIDTH, indented
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.statements import PARTS, listed
from gru_sym.codegen.plan import Plan

__all__ = ["native", "precision", "printed"]

_HELPERS = {
    "each_step": [
        "def each_step(value: Array, like: Array) -> Array:",
        '    """What is the same at each step, with the steps and sequences of ``like``."""',
        "    return jnp.broadcast_to(value, (*like.shape[:2], *value.shape))",
    ],
    "step": [
        "def step(a: Array) -> Array:",
        '    """1 where a > 0, else 0."""',
        "    return (a > 0).astype(a.dtype)",
    ],
    "tanh_slope": [
        "def tanh_slope(a: Array) -> Array:",
        '    """1 - tanh(a)**2, without cancellation where tanh(a) is nearly 1."""',
        "    return 4 * jax.nn.sigmoid(2 * a) * jax.nn.sigmoid(-2 * a)",
    ],
}
_OWN = (
    *("jax", "jnp", "Array", "Any", "Callable", "partial", "turn", "carry", "at_t", "values"),
    *("forward", "backward", "run", "plain", "check", *PARTS, *_HELPERS),
)


def _filled(shape: str, number: str, like: str) -> str:
    if float(number) == 0:
        return f"jnp.zeros({shape}, {like}.dtype)"
    return f"jnp.full({shape}, {number}, {like}.dtype)"


def _parted(array: str, blocks: Sequence[Dim], size: Callable[[Dim], str], axis: str) -> str:
    last = f", axis={axis}" if axis else ""
    if len(set(blocks)) == 1:
        return f"jnp.split({array}, {len(blocks)}{last})"
    ends = [size(dim) for dim in itertools.accumulate(blocks[:-1])]
    return f"jnp.split({array}, ({', '.join(ends)}{',' if len(ends) == 1 else ''}){last})"


def _loop(turn: Turn) -> list[str]:
    last = "_" if set(turn.last) <= {"_"} else _tuple(turn.last)
    names = [name for name, _ in turn.stored]
    stored = _tuple(names) if names else "_"
    if len(f"    {last}, {stored} = jax.lax.scan(") <= WIDTH:
        return [*_turn(turn), *_scan(f"{last}, {stored} = ", turn, "")]
    unpacked = listed("", names, " = values", 1)
    return [*_turn(turn), *_scan(f"{last}, values = ", turn, ""), *unpacked]


def _plain_loop(turn: Turn) -> list[str]:
    return [*_turn(turn), *_scan("return ", turn, "[1]")]


def _turn(turn: Turn) -> list[str]:
    """The function that ``scan`` calls for each step."""
    carry, unpack_carry = _packed([enter for enter, _, _ in turn.carry], "carry")
    read, unpack_read = _packed([step for _, step in turn.read] or ["_"], "at_t")
    leaves = _tuple([leave for _, leave, _ in turn.carry])
    kept = [step for _, step in turn.stored] or ["None"]
    head = f"return {leaves}, "
    back = listed(f"{head}(", kept, ")", 2) if len(kept) > 1 else [f"{head}{kept[0]}"]
    lines = [*unpack_carry, *unpack_read, *turn.lines, *back]
    return ["", f"def turn({carry}, {read}):", *indented(lines), ""]


def _scan(head: str, turn: Turn, tail: str) -> list[str]:
    """The call of ``scan``."""
    read = [whole for whole, _ in turn.read]
    given = ["turn", _tuple([first for *_, first in turn.carry])]
    given.append(_tuple(read) if read else "length=T")
    given += ["reverse=True"] if turn.reverse else []
    return listed(f"{head}jax.lax.scan(", given, f"){tail}", 1)


def _packed(names: Sequence[str], packed: str) -> tuple[str, list[str]]:
    """An argument that holds several values, and the line that unpacks it."""
    if len(names) < 2:
        return "".join(names) or packed, []
    return packed, listed("", names, f" = {packed}", 2)


def _tuple(names: Sequence[str]) -> str:
    if not names:
        return "None"
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


_STYLE = Style(
    Library(
        name="jnp",
        functions={
            "abs": "jnp.abs",
            "cos": "jnp.cos",
            "exp": "jnp.exp",
            "log": "jnp.log",
            "relu": "jax.nn.relu",
            "sigmoid": "jax.nn.sigmoid",
            "sin": "jnp.sin",
            "softplus": "jax.nn.softplus",
            "sqrt": "jnp.sqrt",
            "step": "step",
            "tanh": "jnp.tanh",
            "tanh_slope": "tanh_slope",
        },
        axis="axis",
        keep="keepdims",
        concatenate="jnp.concatenate",
        softmax="jax.nn.softmax",
        logsumexp="jax.nn.logsumexp",
        summed=lambda u, v: tree.Name(f'jnp.einsum("tbi,tbj->ij", {u}, {v})'),
        filled=_filled,
        parted=_parted,
    ),
    array="Array",
    params="dict[str, Array]",
    at=lambda _, step: step,
    loop=_loop,
    last=lambda _, name: name,
)


def native(array: Any) -> Any:
    """A NumPy array as one of JAX, of the same type within :func:`precision`."""
    import jax.numpy as jnp  # needed by what runs alone

    return jnp.asarray(array)


def precision(dtype: Any) -> AbstractContextManager[Any]:
    """Where JAX computes with numbers of this type: double precision has to be asked for."""
    import jax  # needed by what runs alone

    return jax.enable_x64(True) if dtype.itemsize == 8 else nullcontext()


def printed(plan: Plan) -> Printed:
    """The module of a plan."""
    namer = Namer(plan.variables, _OWN)
    face = interface(plan.cell, namer)
    jit = "@jax.jit" if face.inputs else '@partial(jax.jit, static_argnames="T")'
    body = [
        jit,
        *forward_lines(plan, face, _STYLE, namer.branch()),
        *("", "", "@jax.jit"),
        *backward_lines(plan, face, _STYLE, namer.branch()),
        *("", ""),
        *_run(plan, face),
        *("", ""),
        *plain_lines(plan, face, _STYLE, namer.branch(), _plain_loop),
    ]
    called = set(re.findall(r"(?<![\w.])(\w+)\(", "\n".join(body)))
    helpers = [line for name in _HELPERS if name in called for line in (*_HELPERS[name], "", "")]
    imports = [
        "from collections.abc import Callable",
        *([] if face.inputs else ["from functools import partial"]),
        "from typing import Any",
        "",
        "import jax",
        "import jax.numpy as jnp",
        "from jax import Array",
    ]
    return Printed(imports, [*helpers, *body], _check(plan, face, namer.branch()))


def _run(plan: Plan, face: Interface) -> list[str]:
    """The function that JAX differentiates by ours."""
    custom = "jax.custom_vjp" if face.inputs else "partial(jax.custom_vjp, nondiff_argnums=(1,))"
    values, result = outputs(plan, _STYLE), result_type(plan, _STYLE)
    with_residuals = [_tuple(values), "(params, trajectory)"]
    given = arguments(face, _STYLE)
    bars = ", ".join(face.backward)
    unpack = [f"{bars} = outputs_bar"] if len(face.backward) > 1 else []
    back = [] if face.inputs else ["T: int"]
    back += ["residuals: Any", f"{'outputs_bar' if unpack else bars}: {result}"]
    gradients = [f'gradients["{v.name}_bar"],' for v, _ in (*face.inputs, *face.states)]
    call = listed("trajectory = forward(", ["params", *face.forward], ")", 1)
    return [
        f"@{custom}",
        *listed("def run(", given, f") -> {result}:", 0),
        *indented([*run_docstring(plan), *call, *listed("return ", values, "", 1)]),
        *("", ""),
        *listed("def _run_forward(", given, f") -> tuple[{result}, Any]:", 0),
        *indented(
            [
                '"""What run gives, and what its gradients are made from."""',
                *call,
                *listed("return ", with_residuals, "", 1),
            ]
        ),
        *("", ""),
        *listed("def _run_backward(", back, ") -> tuple[Any, ...]:", 0),
        *indented(
            [
                '"""The gradients of what run takes."""',
                "params, trajectory = residuals",
                *unpack,
                *listed("gradients = backward(", ["params", "trajectory", *face.backward], ")", 1),
                "return (",
                '    {name: gradients.get(f"{name}_bar", 0 * p) for name, p in params.items()},',
                *indented(gradients),
                ")",
            ]
        ),
        *("", ""),
        "run.defvjp(_run_forward, _run_backward)",
    ]


def _check(plan: Plan, face: Interface, namer: Namer) -> list[str]:
    arrays = [a for _, a in (*face.inputs, *face.states)]
    given, typed = ["params", *arrays], [f"{a}: Array" for a in arrays]
    count = len(plan.cell.params) + len(arrays) + len(face.ups)
    values = [namer.fresh(re.sub(r"_bar(_\d+)?$", "", bar)) for bar in face.backward]
    terms = [f"({bar} * {value}).sum()" for bar, value in zip(face.backward, values, strict=True)]
    total = [f"return {' + '.join(terms)}"]
    if len(terms) > 2:
        total = [
            *listed("bars = (", face.backward, ")", 3),
            *listed("values = (", values, ")", 3),
            "pairs = zip(bars, values, strict=True)",
            "return sum((bar * value).sum() for bar, value in pairs)",
        ]
    named = [f'"{v.name}_bar"' for v, _ in (*face.inputs, *face.states)]
    pairs = [f"{name}: bars[{k}]" for k, name in enumerate(named, 1)]
    call = f"{', '.join(values)} = function("
    numbers = ", ".join(map(str, range(1 + len(arrays))))
    body = [
        '"""Hold every gradient against ``jax.grad`` of ``plain``, at small sizes.',
        "",
        "Raises:",
        "    AssertionError: a gradient is wrong.",
        '"""',
        'jax.config.update("jax_enable_x64", True)',
        f"keys = iter(jax.random.split(jax.random.key(0), {count}))",
        "",
        "def normal(shape: tuple[int, ...]) -> Array:",
        "    return jax.random.normal(next(keys), shape, jnp.float64)",
        "",
        *drawn(plan, face, "normal({})".format),
        *listed("trajectory = forward(", ["params", *face.forward], ")", 1),
        *listed("found = backward(", ["params", "trajectory", *face.backward], ")", 1),
        "",
        "def gradients(function: Callable[..., Any]) -> dict[str, Array]:",
        *indented(listed("def loss(", [f"params: {_STYLE.params}", *typed], ") -> Array:", 2)),
        *indented(listed(call, ["params", *face.forward], ")", 3), 2),
        *indented(total, 2),
        "",
        *indented(listed(f"bars = jax.jit(jax.grad(loss, argnums=({numbers})))(", given, ")", 2)),
        '    named = {f"{name}_bar": bar for name, bar in bars[0].items()}',
        *indented(listed("return named | {", pairs, "}", 2)),
        "",
        "by_run, expected = gradients(run), gradients(plain)",
        "for name, truth in expected.items():",
        "    size = jnp.linalg.norm(truth) or 1",
        "    errors = [jnp.linalg.norm(value[name] - truth) for value in (found, by_run)]",
        "    error = jnp.stack(errors).max() / size",
        '    print(f"{name:>12}  relative error {error:.1e}")',
        "    if not error < 1e-11:",
        '        raise AssertionError(f"{name} is wrong: {error:.1e}")',
    ]
    return ["def check() -> None:", *indented(body)]
