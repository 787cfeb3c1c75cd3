"""The PyTorch backend: backprop as we derived it, in a ``torch.autograd.Function``."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Dim
from gru_sym.codegen.backends.body import Style, Turn
from gru_sym.codegen.backends.check import drawn
from gru_sym.codegen.backends.expressions import Library
from gru_sym.codegen.backends.functional import (
    arguments,
    backward_lines,
    camel,
    forward_lines,
    outputs,
    plain_lines,
    result_type,
    run_docstring,
)
from gru_sym.codegen.backends.interface import Interface, Printed, interface
from gru_sym.codegen.backends.layout import WIDTH, indented
from gru_sym.codegen.backends.naming import RESERVED, Namer
from gru_sym.codegen.backends.statements import PARTS, assigned, listed
from gru_sym.codegen.plan import Plan

__all__ = ["array", "native", "printed"]

_HELPERS = {
    "each_step": [
        "def each_step(value: Tensor, like: Tensor) -> Tensor:",
        '    """What is the same at each step, with the steps and sequences of ``like``."""',
        "    return torch.broadcast_to(value, (*like.shape[:2], *value.shape))",
    ],
    "rows": [
        "def rows(a: Tensor) -> Tensor:",
        '    """(T, B, n) as T * B rows."""',
        "    return a.flatten(0, 1)",
    ],
    "softplus": [
        "def softplus(a: Tensor) -> Tensor:",
        '    """log(1 + exp(a)); PyTorch takes a for it from 20 on, where it is 2e-9 off."""',
        "    return torch.nn.functional.softplus(a, threshold=40.0)",
    ],
    "step": [
        "def step(a: Tensor) -> Tensor:",
        '    """1 where a > 0, else 0."""',
        "    return (a > 0).to(a.dtype)",
    ],
    "tanh_slope": [
        "def tanh_slope(a: Tensor) -> Tensor:",
        '    """1 - tanh(a)**2, without cancellation where tanh(a) is nearly 1."""',
        "    return 4 * torch.sigmoid(2 * a) * torch.sigmoid(-2 * a)",
    ],
}
_ONCE = "They can be differentiated once; take plain for second derivatives."

_OWN = (
    *("torch", "Tensor", "Any", "Callable", "Mapping", "PARAMS", "ctx"),
    *("steps", "forward", "backward", "run", "plain", "check", *PARTS, *_HELPERS),
)


ONCE = "run has first derivatives only: take plain"
_BACKWARD_DOCSTRING = (
    '"""The gradients of what forward took, in its order.',
    "",
    "Raises:",
    "    RuntimeError: their own gradients are asked for, too.",
    '"""',
)


def _summed(left: str, right: str) -> tree.Node:
    """A product of T·B rows: einsum would copy both."""
    return tree.Binary("@", tree.Name(f"rows({left}).T"), tree.Name(f"rows({right})"))


def _filled(shape: str, number: str, like: str) -> str:
    if float(number) == 0:
        return f"{like}.new_zeros({shape})"
    return f"{like}.new_full({shape}, {number})"


def _parted(array: str, blocks: Sequence[Dim], size: Callable[[Dim], str], axis: str) -> str:
    last = f", dim={axis}" if axis else ""
    if len(set(blocks)) == 1:
        return f"{array}.chunk({len(blocks)}{last})"
    return f"{array}.split(({', '.join(map(size, blocks))}){last})"


def _loop(turn: Turn) -> list[str]:
    names, steps = [name for name, _ in turn.stored], [step for _, step in turn.stored]
    order = "reversed(steps)" if turn.reverse else "steps"
    lines = [*turn.lines]
    if len(steps) == 1:
        lines.append(f"steps.append({steps[0]})")
    elif steps:
        lines += listed("steps.append(", [f"({', '.join(steps)})"], ")", 2)
    lines += [f"{enter} = {leave}" for enter, leave, _ in turn.carry]
    t = "t" if any("[t]" in line for line in lines) else "_"
    found = [f"{enter} = {first}" for enter, _, first in turn.carry]
    found += ["steps = []"] if names else []
    found.append(f"for {t} in {'reversed(range(T))' if turn.reverse else 'range(T)'}:")
    found += indented(lines)
    if len(names) == 1:
        found.append(f"{names[0]} = torch.stack(steps{'[::-1]' if turn.reverse else ''})")
    elif names:
        found += listed("", names, f" = map(torch.stack, zip(*{order}, strict=True))", 1)
    return found


def _plain_loop(turn: Turn) -> list[str]:
    """The loop of ``plain``: over the inputs themselves."""
    names = [name for name, _ in turn.stored]
    lines = [*turn.lines, *(f"{name}.append({step})" for name, step in turn.stored)]
    lines += [f"{enter} = {leave}" for enter, leave, _ in turn.carry]
    sequences = [name for name, _ in turn.read] or ["range(T)"]
    steps = [step for _, step in turn.read] or ["_"]
    over, ahead = sequences[0], []
    if len(sequences) > 1:
        over = f"zip({', '.join(sequences)}, strict=True)"
    if len(f"    for {', '.join(steps)} in {over}:") > WIDTH:
        over, ahead = "steps", listed("steps = zip(", [*sequences, "strict=True"], ")", 1)
    return [
        *(f"{enter} = {first}" for enter, _, first in turn.carry),
        *(f"{name} = []" for name in names),
        *ahead,
        *listed("for ", steps, f" in {over}:", 1),
        *indented(lines),
        *listed("return ", [f"torch.stack({name})" for name in names], "", 1),
    ]


_STYLE = Style(
    Library(
        name="torch",
        functions={
            "abs": "torch.abs",
            "cos": "torch.cos",
            "exp": "torch.exp",
            "log": "torch.log",
            "relu": "torch.relu",
            "sigmoid": "torch.sigmoid",
            "sin": "torch.sin",
            "softplus": "softplus",
            "sqrt": "torch.sqrt",
            "step": "step",
            "tanh": "torch.tanh",
            "tanh_slope": "tanh_slope",
        },
        axis="dim",
        keep="keepdim",
        concatenate="torch.cat",
        softmax="torch.softmax",
        logsumexp="torch.logsumexp",
        summed=_summed,
        filled=_filled,
        parted=_parted,
    ),
    array="Tensor",
    params="Mapping[str, Tensor]",
    at=lambda whole, _: f"{whole}[t]",
    loop=_loop,
    last=lambda step, _: step,
)


def native(array: Any) -> Any:
    """A NumPy array as a tensor of the same type."""
    import torch  # needed by what runs alone

    return torch.tensor(array)


def array(tensor: Any) -> Any:
    """A tensor as a NumPy array."""
    return tensor.numpy(force=True)


def printed(plan: Plan) -> Printed:
    """The module of a plan."""
    function = camel(plan.cell.name, (*RESERVED, *_OWN))
    namer = Namer(plan.variables, (*_OWN, function))
    face = interface(plan.cell, namer)
    body = [
        *forward_lines(plan, face, _STYLE, namer.branch()),
        *("", ""),
        *backward_lines(plan, face, _STYLE, namer.branch()),
        *("", ""),
        *_function(plan, face, function),
        *("", ""),
        *_run(plan, face, function),
        *("", ""),
        *plain_lines(plan, face, _STYLE, namer.branch(), _plain_loop),
    ]
    called = set(re.findall(r"(?<![\w.])(\w+)\(", "\n".join(body)))
    helpers = [line for name in _HELPERS if name in called for line in (*_HELPERS[name], "", "")]
    imports = [
        "from collections.abc import Callable, Mapping",
        "from typing import Any",
        "",
        "import torch",
        "from torch import Tensor",
    ]
    return Printed(imports, [*helpers, *body], _check(plan, face, namer.branch()))


def _function(plan: Plan, face: Interface, name: str) -> list[str]:
    """The ``torch.autograd.Function``."""
    params = [f'"{v.name}"' for v in plan.cell.params]
    comma = "," if len(params) == 1 else ""
    tensors = [f"{a}: Tensor" for a in face.forward if a != "T" or face.inputs]
    types = [*([] if face.inputs else ["T: int"]), *tensors, "*params: Tensor"]
    ups = [f"{a}: Tensor" for *_, a in face.ups]
    result = result_type(plan, _STYLE)
    bars = [*(f'gradients["{v.name}_bar"]' for v, _ in face.inputs)] or ["None"]
    bars += [f'gradients["{v.name}_bar"]' for v, _ in face.states]
    return [
        *listed("PARAMS = (", params, f"{comma})", 0),
        "",
        "",
        f"class {name}(torch.autograd.Function):",
        *indented(
            [
                '"""The cell over a batch of sequences, with the gradients of backward above."""',
                "",
                "@staticmethod",
                *listed("def forward(", ["ctx: Any", *types], f") -> {result}:", 1),
                *indented(
                    [
                        '"""Run the cell, and keep what backward reads."""',
                        "named = dict(zip(PARAMS, params, strict=True))",
                        *listed("trajectory = forward(", ["named", *face.forward], ")", 2),
                        "ctx.names = tuple(trajectory)",
                        "ctx.save_for_backward(*params, *trajectory.values())",
                        *listed("return ", outputs(plan, _STYLE), "", 2),
                    ]
                ),
                "",
                "@staticmethod",
                *listed("def backward(", ["ctx: Any", *ups], ") -> tuple[Tensor | None, ...]:", 1),
                *indented(
                    [
                        *_BACKWARD_DOCSTRING,
                        "if torch.is_grad_enabled():  # for create_graph=True",
                        f'    raise RuntimeError("{ONCE}")',
                        "count = len(PARAMS)",
                        "tensors = ctx.saved_tensors",
                        "params = dict(zip(PARAMS, tensors[:count], strict=True))",
                        "trajectory = dict(zip(ctx.names, tensors[count:], strict=True))",
                        *listed(
                            "gradients = backward(",
                            ["params", "trajectory", *face.backward],
                            ")",
                            2,
                        ),
                        "return (",
                        *indented([f"{bar}," for bar in bars]),
                        '    *(gradients[f"{name}_bar"] for name in PARAMS),',
                        ")",
                    ]
                ),
            ]
        ),
    ]


def _run(plan: Plan, face: Interface, name: str) -> list[str]:
    given = [*face.forward, "*(params[name] for name in PARAMS)"]
    return [
        *listed("def run(", arguments(face, _STYLE), f") -> {result_type(plan, _STYLE)}:", 0),
        *indented(
            [
                *run_docstring(
                    plan,
                    "They can be differentiated once; for more, and under torch.func, take plain.",
                ),
                *listed(f"return {name}.apply(", given, ")", 1),
            ]
        ),
    ]


def _check(plan: Plan, face: Interface, namer: Namer) -> list[str]:
    given = [f'"{v.name}_bar": {a}' for v, a in (*face.inputs, *face.states)]
    values = [namer.fresh(re.sub(r"_bar(_\d+)?$", "", bar)) for bar in face.backward]
    terms = (f"({bar} * {value}).sum()" for bar, value in zip(face.backward, values, strict=True))
    call = f"{', '.join(values)} = function("
    body = [
        '"""Hold every gradient against autograd through ``plain``, at small sizes.',
        "",
        "Raises:",
        "    AssertionError: a gradient is wrong.",
        '"""',
        "rng = torch.Generator().manual_seed(0)",
        "",
        "def normal(shape: tuple[int, ...]) -> Tensor:",
        "    return torch.randn(shape, generator=rng, dtype=torch.float64)",
        "",
        *drawn(plan, face, "normal({})".format),
        *listed("trajectory = forward(", ["params", *face.forward], ")", 1),
        *listed("found = backward(", ["params", "trajectory", *face.backward], ")", 1),
        'given = {f"{name}_bar": tensor for name, tensor in params.items()}',
        *listed("given |= {", given, "}", 1),
        "for tensor in given.values():",
        "    tensor.requires_grad_()",
        "",
        "def gradients(function: Callable[..., Any]) -> dict[str, Tensor]:",
        *indented(listed(call, ["params", *face.forward], ")", 2)),
        *indented(assigned("loss", " + ".join(terms), 2)),
        "    # Autograd asks that every tensor takes part, be it by 0.",
        "    loss = loss + 0 * sum(tensor.sum() for tensor in given.values())",
        "    values = torch.autograd.grad(loss, list(given.values()))",
        "    return dict(zip(given, values, strict=True))",
        "",
        "by_run, expected = gradients(run), gradients(plain)",
        "for name, truth in expected.items():",
        "    size = truth.norm() or 1",
        "    errors = [(value[name] - truth).norm() for value in (found, by_run)]",
        "    error = torch.stack(errors).max() / size",
        '    print(f"{name:>12}  relative error {error:.1e}")',
        "    if not error < 1e-11:",
        '        raise AssertionError(f"{name} is wrong: {error:.1e}")',
    ]
    return ["def check() -> None:", *indented(body)]
