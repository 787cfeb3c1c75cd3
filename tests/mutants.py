"""Generated NumPy modules, corrupted systematically; and a judge that no verifier has a part in.

A module's text is normalized by :func:`ast.unparse`, where a simple statement is one line. A change
rewrites one place of a statement: an operation or an operand of its syntax tree, or what a pattern
finds in its text. Whether results change is for :func:`differences` to find, by running both.
"""

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np

from gru_sym.cells import Cell

Array = np.ndarray
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Mutant:
    """A corrupted module: what was done, in words, where, and the module's text."""

    kind: str
    where: str
    source: str


@dataclass(frozen=True)
class Place:
    """A statement, its line, the one below, and the shapes of the arrays above it."""

    statement: ast.stmt
    line: str
    below: str
    shapes: Shapes


# -- slips that a pattern finds ----------------------------------------------------------------

LOOP, SUM = r"(?<= in )(.*range.*)(?=:$)", r"rows\((.+)\)\.sum\(axis=0\)$"
PRODUCT, STATES = r"rows\((\w+)\)\.T @ rows\((\w+)\)$", r"\((.+\[:-1\]), (.+\[1:\])\)"
UP, CARRY = r"(\w+_bar_up_t)(?=[,)])", r"(\w+_bar_later_t)(?=, \w+_bar_up_t)"
NUMBER = r"(?<=[ (])(-?\d[\d.e-]*)(?=[,)]|$)"
STORED = r"(?<= = )(trajectory\[.*\]|np\.asarray\(\w+s(?:_bar)?, dtype\))$"
PARTS = {"only the first sequence counted": ":, :1", "last sequence uncounted": ":, :-1"}
PARTS |= {"only the last step counted": "-1:", "first step uncounted": "1:"}
PARTS["last step uncounted"] = ":-1"
PATTERNS = (
    ("loop in the other order", r"(?<= in )range\(T\)", "reversed(range(T))"),
    ("loop in the other order", r"reversed\(range\(T\)\)", "range(T)"),
    ("first step skipped", LOOP, r"list(\1)[1:]"),
    ("last step skipped", LOOP, r"list(\1)[:-1]"),
    ("every other step skipped", LOOP, r"list(\1)[::2]"),
    ("first step twice", LOOP, r"[*list(\1)[:1], *\1]"),
    ("last step twice", LOOP, r"[*\1, *list(\1)[-1:]]"),
    ("read a step early", r"\[t\]$", "[max(t - 1, 0)]"),
    ("read a step late", r"\[t\]$", "[min(t + 1, T - 1)]"),
    ("first step's value at every step", r"\[t\]$", "[0]"),
    ("all that is stored a step late", STORED, r"np.roll(\1, 1, axis=0)"),
    ("all that is stored a step early", STORED, r"np.roll(\1, -1, axis=0)"),
    ("next state for the previous", r"(?<=trajectory\[')(\w+)(?='\]$)", r"\1_next"),
    ("states before and after a step swapped", STATES, r"(\2, \1)"),
    ("state after a step for the one before", STATES, r"(\2, \2)"),
    ("state before a step for the one after", STATES, r"(\1, \1)"),
    ("initial state ignored", r"(?<=_all\[0\] = )(\w+)", r"0 * \1"),
    ("initial state of one sequence for all", r"(?<=_all\[0\] = )(\w+)", r"\1[:1]"),
    ("initial state at the last step", r"(?<=_all\[)0(?=\] = )", "-1"),
    ("carry does not start at zero", r"(?<=_later_t\[\.\.\.\] = )0", "1"),
    ("carry not passed on", CARRY, r"0 * \1"),
    ("carry of one sequence for all", CARRY, r"0 * \1 + \1[:1]"),
    ("cotangent from outside ignored", UP, r"0 * \1"),
    ("cotangent from outside at the last step alone", UP, r"\1 * (t == T - 1)"),
    ("cotangent from outside at the first step alone", UP, r"\1 * (t == 0)"),
    ("cotangent from outside of one sequence alone", UP, r"0 * \1 + \1[:1]"),
    *((kind, SUM, rf"rows((\1)[{part}]).sum(axis=0)") for kind, part in PARTS.items()),
    *((k, PRODUCT, rf"rows(\1[{part}]).T @ rows(\2[{part}])") for k, part in PARTS.items()),
    *(("mean over sequences for a sum", sum_, r"\g<0> / B") for sum_ in (SUM, PRODUCT)),
    *(("mean over steps for a sum", sum_, r"\g<0> / T") for sum_ in (SUM, PRODUCT)),
    ("sum over the wrong axis", r"axis=0", "axis=-1"),
    ("sum over the wrong axis", r"axis=0", "axis=None"),
    ("sum over the wrong axis", r"axis=-1(?=, keepdims)", "axis=0"),
    ("not transposed", r"\.T\b", ""),
    ("transposed", r"(?<=@ )([WU]\w*)\b", r"\1.T"),
    ("block of another gate", r"\[((?:\.\.\., )?):((?:\d \* )?H)\]", r"[\1-\2:]"),
    ("block of another gate", r"\[((?:\.\.\., )?)(?:\d \* )?H:[^\]]*\]", r"[\1:H]"),
    ("block off by one", r"(\w+)(?=\[\.\.\., [^\]]*\]$)", r"np.roll(\1, 1, axis=-1)"),
    ("block off by one", r"(\w+)(?=\[[^\],]*H[^\],]*\]$)", r"np.roll(\1, 1, axis=0)"),
    ("gradient returned negated", r"(?<=_bar': )(\w+)", r"-\1"),
    ("gradient returned as zero", r"(?<=_bar': )(\w+)", r"0 * \1"),
    ("rows in another order", r"rows\((\w+)\)", r"rows(\1[::-1])"),
    ("rows in another order", r"rows\((\w+)\)", r"rows(\1[:, ::-1])"),
    ("rows and steps mixed up", r"a(?=\.reshape)", "a[::-1]"),
    ("rows and steps mixed up", r"\(T, B, (.*)\)$", r"(B, T, \1).swapaxes(0, 1)"),
    ("condition turned round", r"(?<=if )(.*)(?=:$)", r"not (\1)"),
    ("condition turned round", r" > 0", " < 0"),
    ("pair turned", r"out=(\w+), rest=(\w+)", r"out=\2, rest=\1"),
    ("pair turned", r"\(out, rest\)", "(rest, out)"),
    ("the other bound", r"np\.maximum", "np.minimum"),
    ("the other bound", r"np\.minimum", "np.maximum"),
    ("the other bound", r"np\.greater_equal", "np.less"),
    ("0 for 1", r"(?<=[ (])1(?=[,)]|$)", "0"),
    ("another constant", NUMBER, r"(\1 + 1)"),
    ("a constant a thousandth more", NUMBER, r"1.001 * \1"),
)


# -- slips of the syntax tree ------------------------------------------------------------------

CALLS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "dot": "@"}
SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}
WORDS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
OTHER_SIGNS = {"+": "-*", "-": "+", "*": "+/", "/": "*", "@": ""}
SIGMOID = "(1 / (1 + np.exp(-({a}))))"
FUNCTIONS = dict.fromkeys(("sigmoid", "sigmoid_pair", "relu", "softplus", "step"), "np.tanh({a})")
FUNCTIONS |= {"tanh": SIGMOID, "tanh_slope": "np.tanh({a})", "absolute": "np.tanh({a})"}
FUNCTIONS |= {"exp": "np.expm1({a})", "log1p": "np.expm1({a})", "abs": "np.negative({a})"}
FUNCTIONS |= dict.fromkeys(("reciprocal", "sqrt", "negative"), "np.square({a})")
SLOPES = {"tanh_slope": f"{SIGMOID} * (1 - {SIGMOID})", "step": "1 - np.tanh({a}) ** 2"}
VALUES = {
    "sign flipped": "-({v})",
    "zero for a value": "0 * ({v})",
    "one for a value": "0 * ({v}) + 1",
    "value doubled": "2 * ({v})",
    "value squared": "({v}) * ({v})",
    "half": "({v}) / 2",
    "a thousandth more": "1.001 * ({v})",
    "a relative 1e-9 more": "(1 + 1e-09) * ({v})",
    "rounded to float32": "({v}).astype('fF'[({v}).dtype.kind == 'c']).astype(({v}).dtype)",
    "complement for a value": "1 - ({v})",
    "off by one in the features": "np.roll({v}, 1, axis=-1)",
}


def call_of(node: ast.AST) -> tuple[str, list[ast.expr], str]:
    """A call's function without its module, its arguments, and a template for another value."""
    match node:
        case ast.Call(func=ast.Attribute(ast.Name("np"), name) | ast.Name(name), args=args):
            out = {k.arg: ast.unparse(k.value) for k in node.keywords}
            put = f"np.positive({{v}}, out={out['out']})" if "out" in out else "({v})"
            if "rest" in out:
                put = f"np.subtract(1, {put}, out={out['rest']})"
            return name, args, put
    return "", [], ""


def operation(node: ast.AST) -> tuple[str, ast.expr, ast.expr, str] | None:
    """Sign and operands of an arithmetic step, and a template for another value."""
    match node:
        case ast.AugAssign(target=target, op=op, value=value):
            return SIGNS[type(op)], target, value, f"np.positive({{v}}, out={ast.unparse(target)})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in SIGNS:
            return SIGNS[type(op)], left, right, "({v})"
    name, args, put = call_of(node)
    return (CALLS[name], args[0], args[1], put) if name in CALLS else None


def nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A statement and the expressions in it, without what counts elements, or stands below it."""
    yield node
    if not re.match(r".*\.(reshape|get|astype)\(", ast.unparse(node)) or isinstance(node, ast.stmt):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr | ast.keyword) and child is not getattr(node, "slice", 0):
                yield from nodes(child)


def slips(node: ast.AST, place: Place) -> Iterator[tuple[Any, str, str]]:
    """A node, the kind of its corruption, and the text that takes its place."""
    found, (name, args, put) = operation(node), call_of(node)
    read = args[:1] if name in FUNCTIONS or name == "asarray" else []
    if found is not None:
        read = [found[2]] if isinstance(node, ast.AugAssign) else [found[1], found[2]]
        yield from ((node, kind, found[3].format(v=text)) for kind, text in arithmetic(found))
    if name in FUNCTIONS:
        a = ast.unparse(args[0])
        yield node, "function dropped", put.format(v=a)
        yield node, "other function", put.format(v=FUNCTIONS[name].format(a=a))
    if name in SLOPES:
        yield node, "slope of the other function", put.format(v=SLOPES[name].format(a=a))
    if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("trajectory["):
        read = [node.value]
    for value in read:
        text = ast.unparse(value)
        if not isinstance(value, ast.Constant) and text not in {"T", "B", "H", "I"}:
            yield from ((value, kind, v.format(v=text)) for kind, v in VALUES.items())
            if len(place.shapes.get(text, ())) > 1:
                yield value, "another sequence, or row", f"np.roll({text}, 1, axis=-2)"
            if (part := text.removeprefix("one_minus_")) != text:
                yield value, "complement forgotten", part
                yield value, "slope of the other function", f"1 - {part} * {part}"


def arithmetic(found: tuple[str, ast.expr, ast.expr, str]) -> Iterator[tuple[str, str]]:
    sign, left, right, put = found
    a, b = f"({ast.unparse(left)})", f"({ast.unparse(right)})"
    yield from (
        (f"{WORDS[other]} for {WORDS[sign]}", f"{a} {other} {b}") for other in OTHER_SIGNS[sign]
    )
    yield from (("operand dropped", each) for each in (a, b))
    if sign == "@":
        yield "operands of a product turned", f"{b} @ {a}"
    else:
        yield "operand twice", f"{a} {sign} {b} {sign} {b}"
    if sign in "-/":
        yield "difference or quotient turned round", f"{b} {sign} {a}"
    if (out := put.removeprefix("np.positive({v}, out=").removesuffix(")")) == ast.unparse(left):
        yield "= for an accumulation", b
    elif "out=" in put:
        yield "accumulation for =", f"{out} + {a} {sign} {b}"


def whole_lines(place: Place) -> Iterator[tuple[str, str]]:
    """Statements dropped, twice or late, other names, and results in each other's place."""
    line, shapes = place.line, place.shapes
    if isinstance(place.statement, ast.Expr | ast.AugAssign):
        yield "statement dropped", "pass"
        yield "statement twice", f"{line}\n{line}"
        if place.below not in {"", line}:
            yield "two statements in the other order", f"{place.below}\n{line}"
    if line.startswith("return {"):
        items = list(re.finditer(r"(?<=': )\w+", line))
        pairs = [(m, n) for n in items for m in items[: items.index(n)]]
        like = [(m, n) for m, n in pairs if shapes.get(m[0]) == shapes.get(n[0], ())]
        what = "gradients" if "_bar'" in line else "stored arrays"
        for m, n in like or pairs:
            turned = line[: m.start()] + n[0] + line[m.end() : n.start()] + m[0] + line[n.end() :]
            yield f"two {what} swapped", turned
        return
    value = line.find(" = ") if isinstance(place.statement, ast.Assign) else -1
    for match in re.finditer(r"(?<![\w.'])[A-Za-z]\w*", line):
        name, before, after = match[0], line[: match.start()], line[match.end() :]
        kind = "other variable of the same shape"
        if before.endswith(("out=", "rest=")) or re.match(r" .= ", after):
            kind = "written to the wrong buffer"
        elif name[0] in "WU" and len(shapes.get(name, ())) == 2:
            kind = "another matrix of the same shape"
        others = [n for n in shapes if n != name and shapes[n] == shapes.get(name)]
        others.sort(key=lambda n, name=name: (n[-2:] != name[-2:], n[0] != name[0]))
        yield from ((kind, before + n + after) for n in others[:2] if match.start() > value)


# -- mutants -----------------------------------------------------------------------------------

MEMORY = r"\w+ = (new\(|memory\(|np\.result_type|np\.empty)|.* = .*\.(shape|dtype)\b|['\"]"
"""What only makes memory, counts, or says something."""


def changes(place: Place) -> Iterator[tuple[str, str]]:
    """The kind of everything that is done to a line, and the text that takes its place."""
    line, indent = place.line, place.statement.col_offset
    for kind, pattern, new in PATTERNS:
        for match in re.finditer(pattern, line):
            yield kind, line[: match.start()] + match.expand(new) + line[match.end() :]
    yield from whole_lines(place)
    for node in nodes(place.statement):
        for old, kind, new in slips(node, place):
            text = new if isinstance(old, ast.stmt) else f"({new})"
            yield kind, line[: old.col_offset - indent] + text + line[old.end_col_offset - indent :]


def shapes_of(source: str) -> dict[str, Shapes]:
    """The shapes of the arrays in ``forward`` and ``backward``, found by running them once."""
    space: dict[str, Any] = {}
    exec(re.sub(r"^(    return )(\{.*\})$", r"\1(\2, locals())", source, flags=re.M), space)
    sizes = {"T": 4, "B": 2, "H": 3, "I": 5}
    arrays: dict[str, dict[str, Array]] = {"input": {}, "state": {}, "parameter": {}}
    for name, shape, role in re.findall(r"^ +(\w+) +(\(.*?\)) +(\w+)", space["__doc__"], re.M):
        arrays[role][name] = np.full(eval(shape, {}, sizes), 0.5)
    params, states = arrays["parameter"], arrays["state"].values()
    trajectory, forward = space["forward"](params, *arrays["input"].values(), *states)
    ups = [np.full((sizes["T"], *state.shape), 0.5) for state in states]
    _, backward = space["backward"](params, trajectory, *ups)
    return {
        function: {n: a.shape for n, a in inner.items() if isinstance(a, np.ndarray)}
        for function, inner in (("forward", forward), ("backward", backward))
    }


def mutants(source: str, most_per_kind: int = 3) -> Iterator[Mutant]:
    """Corrupted modules, at most so many of a kind in a function, spread over its lines."""
    source = ast.unparse(ast.parse(source))
    lines, known = source.splitlines(), shapes_of(source)
    words = set(re.findall(r"\w+", source))
    for function in ast.parse(source).body:
        if not isinstance(function, ast.FunctionDef) or function.name in {"check", "memory"}:
            continue
        shapes = known.get(function.name, dict.fromkeys(("a", "out", "rest", "work", "below"), ()))
        inside = {s.lineno: s for s in ast.walk(function) if isinstance(s, ast.stmt)}
        found: dict[str, dict[tuple[int, str], None]] = {}
        seen: set[str] = set()
        for number, s in sorted(inside.items()):
            line, after = lines[number - 1].strip(), inside.get(number + 1)
            swaps = isinstance(after, ast.Expr | ast.AugAssign) and after.col_offset == s.col_offset
            above = {n: shape for n, shape in shapes.items() if n in seen}
            seen |= set(re.findall(r"\w+", line))
            place = Place(s, line, lines[number].strip() if swaps else "", above)
            untouched = s is function or re.match(MEMORY, line)
            for kind, new in () if untouched else changes(place):
                if new != line and words.issuperset(re.findall(r"\w+_next(?=')", new)):
                    found.setdefault(kind, {})[number - 1, new] = None
        for kind, places in found.items():
            every, count = list(places), min(most_per_kind, len(places))
            for k in range(count):
                yield mutant(kind, lines, *every[(2 * k + 1) * len(every) // (2 * count)])


def mutant(kind: str, lines: Sequence[str], number: int, new: str) -> Mutant:
    old = lines[number].lstrip()
    if not old.endswith(":"):
        new = ast.unparse(ast.parse(new))
    made = [lines[number].removesuffix(old) + line for line in new.splitlines()]
    rest = lines[number + 1 + (kind == "two statements in the other order") :]
    where = f"line {number + 1}: {old} → {'; '.join(new.splitlines())}"
    return Mutant(kind, where, "\n".join([*lines[:number], *made, *rest]))


# -- the judge ---------------------------------------------------------------------------------

REGIMES = (("", 4, 1, "d"), ("large ", 4, 8, "d"), ("long ", 70, 0.5, "d"), ("complex ", 4, 1, "D"))
"""Title, steps, what multiplies the parameters, type."""
code = lru_cache(4096)(compile)
"""Functions that modules have in common are compiled once."""
EMPTY: dict[str, Any] = {"empty": lambda shape, dtype: np.full(shape, np.nan, dtype)}
EMPTY |= {"empty_like": lambda array: np.full_like(array, np.nan)}
"""NaN in what nobody wrote, so that who reads it is found every time."""
NUMPY = SimpleNamespace(**vars(np) | EMPTY)


def given(cell: Cell, seed: int, T: int, scale: float, kind: str) -> tuple[Any, ...]:
    """Parameters, inputs, initial states and cotangents, drawn at random."""
    rng = np.random.default_rng(seed)
    sizes: dict[str, int] = {}

    def draw(*lead: int, shape: Any, scale: float = 1.0) -> Array:
        numbers = [sum(sizes.setdefault(n, 3 + 2 * len(sizes)) for n in dim) for dim in shape]
        array = rng.normal(size=(*lead, *numbers)) * scale
        return array + 0.1j * rng.normal(size=array.shape) if kind == "D" else array

    params = {str(v.name): draw(shape=v.shape, scale=scale) for v in cell.params}
    inputs: list[Any] = [draw(T, 2, shape=v.shape) for v in cell.inputs] or [T]
    states = [draw(2, shape=v.shape) for v in cell.states]
    ups = [draw(T, 2, shape=v.shape or (("1",),)) for v in (*cell.states, *cell.extra)]
    return params, inputs, states, ups


def values_of(source: str, cell: Cell, seed: int, regime: tuple[Any, ...]) -> dict[str, Array]:
    """What a module computes of the cell: its own values, and all that ``backward`` returns."""
    _, T, scale, kind = regime
    params, inputs, states, ups = given(cell, seed, T, scale, kind)
    space: dict[str, Any] = {}
    for part in re.split(r"^(?=def )", source, flags=re.M):
        exec(code(part, "<mutant>", "exec"), space)
    space["np"] = NUMPY
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = space["forward"](params, *inputs, *states)
        names = [str(v.name) for v in cell.program.variables]
        values = {n: np.array(found[n]) for n in names if n in found}
        grads = space["backward"](params, found, *ups)
    return values | {f"gradient {n}": np.array(a) for n, a in grads.items()}


expected = lru_cache(256)(values_of)


def distance(a: Array | None, b: Array | None) -> float:
    """Relative to the norm of b; infinite where something is no number or has another shape."""
    if a is None or b is None or a.shape != b.shape:
        return np.inf
    with np.errstate(all="ignore"):
        size = float(np.linalg.norm(a - b) / (np.linalg.norm(b) or 1))
    return size if np.isfinite(size) else np.inf


def differences(
    source: str, mutant: str, cell: Cell, seeds: Sequence[int] = range(3)
) -> Iterator[tuple[str, float]]:
    """Where a mutant differs from its module, regime by regime, and by how much of the norm."""
    for regime, seed in product(REGIMES, seeds):
        right = expected(source, cell, seed, regime)
        try:
            made = values_of(mutant, cell, seed, regime)
        except Exception:  # whatever a mutant does
            made = {}
        for name in right | made:
            size = distance(made.get(name), right.get(name))
            if size > 1e-13:
                yield regime[0] + name, size


def harmless(source: str, mutant: str, cell: Cell, seeds: Sequence[int] = range(3)) -> bool:
    """Whether a mutant computes all that its module does, to 1e-13 of each tensor's norm."""
    return next(differences(source, mutant, cell, seeds), None) is None
