"""Random cells as texts of the language, with the shapes of all names in their header."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

__all__ = ["random_text"]

Dim = tuple[str, ...]

ANYWHERE = ("sigmoid", "tanh", "sin", "cos", "softplus", "relu", "abs", "step", "hard_sigmoid")
# Names as others have them, too: Python, the generated code, what derive and the passes make.
NAMES = ("z", "r", "g", "f", "i", "o", "q", "v_2", "np", "tmp", "h_t", "one_minus_z", "h_all", "h0")
NAMES += (
    "rows",
    "a_z_x",
    "work",
    "dh_next_da_z",
    "z_slope",
    "z_r",
    "out",
    "dtype",
    "params",
    "len",
)


class Again(Exception):
    """A form that the language does not have: try another."""


@dataclass
class Draft:
    """A text in the making.

    Attributes:
        rng: decides.
        vectors: what has a value so far, with its dimension.
        scalars: the same of numbers.
        gates: vectors that lie between 0 and 1.
        matrices: matrices by name.
        params: parameter → its shape as the header has it.
        dims: the dimensions that vectors have.
        states: the states.
        inputs: the inputs.
    """

    rng: Random
    vectors: dict[str, Dim] = field(default_factory=dict)
    scalars: list[str] = field(default_factory=list)
    gates: dict[str, Dim] = field(default_factory=dict)
    matrices: dict[str, tuple[str, str]] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    dims: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)

    def likely(self, probability: float) -> bool:
        return self.rng.random() < probability

    def dim(self) -> Dim:
        one = self.rng.choice(self.dims)
        return (one, self.rng.choice(self.dims)) if self.likely(0.12) else (one,)

    def param(self, letter: str, *dims: str) -> str:
        shape = ", ".join(dims)
        same = [name for name, known in self.params.items() if known == shape]
        if same and self.likely(0.4):
            return self.rng.choice(same)
        name = f"{letter}_{len(self.params)}"
        self.params[name] = shape
        return name

    # -- values --------------------------------------------------------------------------------

    def leaf(self, d: Dim) -> str:
        known = [name for name, dim in self.vectors.items() if dim == d]
        if known and self.likely(0.85):
            return known[-1] if self.likely(0.35) else self.rng.choice(known)
        if len(d) > 1:
            return f"[{self.leaf(d[:1])}, {self.leaf(d[1:])}]"
        return self.param("b", *d)

    def scalar(self, depth: int) -> str:
        kind = self.rng.random()
        if kind < 0.3 and self.scalars:
            return self.rng.choice(self.scalars)
        if kind < 0.5 or depth <= 0:
            return self.param("k")
        if kind < 0.85:
            name = self.rng.choice(("sum", "mean", "mean", "logsumexp"))
            return f"{name}({self.vector(self.dim(), depth - 1)})"
        one = self.scalar(depth - 1)
        if kind < 0.92:
            return f"{self.rng.choice(ANYWHERE)}({one})"
        return f"({one} {self.rng.choice('+-*')} {self.scalar(depth - 1)})"

    def matrix(self, rows: Dim, columns: Dim, depth: int) -> str:
        if len(columns) > 1:
            parts = (self.matrix(rows, (dim,), depth - 1) for dim in columns)
            return f"[{', '.join(parts)}]"
        if len(rows) > 1:
            raise Again
        shape = (*rows, *columns)
        same = [name for name, known in self.matrices.items() if known == shape]
        turned = [f"{name}.T" for name, known in self.matrices.items() if known == shape[::-1]]
        if (same or turned) and self.likely(0.4):
            return self.rng.choice(same + turned)
        if depth > 0 and self.likely(0.15):
            one, other = self.matrix(rows, columns, depth - 1), self.matrix(rows, columns, 0)
            scaled = (f"({self.param('k')} * {one})", f"(-{one})", f"(0.5 * {one})")
            return self.rng.choice((*scaled, f"({one} + {other})", f"(2 * {one} - {other})"))
        name = self.param("W", *shape)
        self.matrices[name] = shape
        return name

    def product(self, d: Dim, depth: int) -> str:
        inner = self.dim()
        return f"({self.matrix(d, inner, depth)} @ ({self.vector(inner, depth - 1)}))"

    def vector(self, d: Dim, depth: int) -> str:
        if depth <= 0:
            return self.leaf(d)
        forms: list[tuple[int, Callable[[], str]]] = [
            (28, lambda: self.product(d, depth)),
            (14, lambda: f"({a()} {self.rng.choice('+-')} {a()})"),
            (14, lambda: f"({a()} * {a()})"),
            (12, lambda: f"{self.rng.choice(ANYWHERE)}({a()})"),
            (4, lambda: f"(-{a()})"),
            (5, lambda: f"({a()} {self.rng.choice(('* 0.5', '/ 3', '+ 1', '- 2', '* 3'))})"),
            (4, lambda: f"({self.scalar(depth - 1)} * {a()})"),
            (3, lambda: self.composed(a)),
            (2, lambda: f"softmax({a()})"),
            (1, lambda: self.rng.choice(("0.5", "1", "sigmoid(2)", "sqrt(2)"))),
            (1, lambda: f"({a()} - 0.5 * mean({a()}))"),
            (10, lambda: self.gated(d, a)),
        ]

        def a() -> str:
            return self.vector(d, depth - 1)

        weights = [weight for weight, _ in forms]
        return self.rng.choices([form for _, form in forms], weights)[0]()

    def composed(self, a: Callable[[], str]) -> str:
        return self.rng.choice(
            (
                f"exp(sin({a()}))",
                f"log(1 + exp(tanh({a()})))",
                f"sqrt(1 + ({a()})**2)",
                f"({a()} / (1 + ({a()})**2))",
                f"(2 + tanh({a()}))**(-3/2)",
                f"(1.5 + tanh({a()}))**0.5",
                f"(1 / (2 + sigmoid({a()})))",
                f"tanh({a()})**3",
            )
        )

    def gated(self, d: Dim, a: Callable[[], str]) -> str:
        gates = [name for name, dim in self.gates.items() if dim == d]
        if not gates:
            v = self.leaf(d)
            return f"({a()} * (1 - tanh({v})**2) + (1 - sigmoid({v})) * {a()})"
        z, y = self.rng.choice(gates), self.rng.choice(gates)
        return self.rng.choice(
            (
                f"((1 - {z}) * {a()} + {z} * {a()})",
                f"({a()} * {z} / ({y} + {z}))",
                f"(log({z}) + {a()})",
                f"log(1 - {z})",
                f"({z} * (1 - {z}) - {y} * {a()})",
            )
        )

    def affine(self, d: Dim) -> str:
        """What is usual: a sum of products, one of them with a state."""
        terms = [self.product(d, 1) for _ in range(self.rng.randint(1, 2))]
        if self.inputs and self.likely(0.25):
            terms[0] = self.ahead(d)
        state = self.rng.choice(list(self.states))
        terms.append(f"{self.matrix(d, (self.states[state],), 0)} @ {state}")
        if self.likely(0.5):
            terms.append(self.leaf(d))
        self.rng.shuffle(terms)
        return " + ".join(terms)

    def ahead(self, d: Dim) -> str:
        """What no state reaches, and a function is applied to."""
        name = self.rng.choice(list(self.inputs))
        product = f"{self.matrix(d, (self.inputs[name],), 0)} @ {name}"
        if self.likely(0.3):
            product += f" + {self.param('b', *d)}"
        value = f"{self.rng.choice(ANYWHERE)}({product})"
        return f"{value} * {self.leaf(d)}" if self.likely(0.2) else value

    # -- lines ---------------------------------------------------------------------------------

    def definition(self, name: str) -> str:
        kind, d = self.rng.random(), self.dim()
        if kind < 0.12:
            line = f"{name} = {self.scalar(2)}"
            self.scalars.append(name)
        elif kind < 0.18:
            shape = (self.rng.choice(self.dims), self.rng.choice(self.dims))
            value = self.matrix(shape[:1], shape[1:], 1)
            line = f"{name} = {self.rng.choice((value, f'2 * {value}'))}"
            self.matrices[name] = shape
        elif kind < 0.5:
            line = f"{name} = sigmoid({self.affine(d)})"
            self.vectors[name] = self.gates[name] = d
        elif kind < 0.55:
            line = f"{name} = sigmoid({self.leaf(d)})"
            self.vectors[name] = self.gates[name] = d
        else:
            line = f"{name} = {self.vector(d, self.rng.choice((1, 1, 2, 2, 3)))}"
            self.vectors[name] = d
        return line

    def next_value(self, state: str) -> str:
        d = (self.states[state],)
        gates = [name for name, dim in self.gates.items() if dim == d]
        kind = self.rng.random()
        if kind < 0.06:
            value = self.rng.choice(("0.5", "0", self.param("b", *d), state))
        elif kind < 0.12:  # a state or an input that is handed on
            value = self.leaf(d)
        elif gates and kind < 0.5:
            z = self.rng.choice(gates)
            value = f"(1 - {z}) * {self.vector(d, 1)} + {z} * {self.vector(d, 1)}"
        elif kind < 0.65:
            value = self.vector(d, 2)
        else:
            value = f"{self.rng.choice(('tanh', 'sigmoid', 'relu'))}({self.affine(d)})"
        self.vectors[f"{state}_next"] = d
        return f"{state}_next = {value}"


def random_text(rng: Random) -> str:
    """The text of a cell: 1 to 3 states, up to 2 inputs, up to 7 more definitions."""
    while True:
        try:
            return _text(Draft(rng))
        except Again:
            continue


def _text(draft: Draft) -> str:
    rng = draft.rng
    for state, dim in zip("hcm"[: rng.choice((1, 1, 2, 3))], "HCM", strict=False):
        draft.states[state] = dim if draft.likely(0.5) else "H"
    inputs = dict(zip("xu"[: rng.choice((0, 1, 1, 1, 2))], "IK", strict=False))
    draft.inputs |= {name: "H" if draft.likely(0.15) else dim for name, dim in inputs.items()}
    dims = {**draft.states, **draft.inputs}
    draft.vectors |= {name: (dim,) for name, dim in dims.items()}
    draft.dims = [*dict.fromkeys(dims.values()), *(("N",) if draft.likely(0.3) else ())]
    names = rng.sample(NAMES, rng.randint(0, 7))
    places = [*names, *draft.states]
    rng.shuffle(places)
    lines = [
        draft.next_value(name) if name in draft.states else draft.definition(name)
        for name in places
    ]
    outputs = [n for n in names if draft.likely(0.1) and n not in draft.matrices]
    if draft.likely(0.2):
        lines.append(f"loss = {draft.scalar(2)}")
        outputs.append("loss")
    used = set(re.findall(r"\w+", "\n".join(lines)))
    header = {
        "inputs": [f"{name}({dim})" for name, dim in draft.inputs.items() if name in used],
        "params": [f"{name}({shape})" for name, shape in draft.params.items() if name in used],
        "states": [f"{name}({dim})" for name, dim in draft.states.items()],
        "outputs": outputs,
    }
    above = [f"# {key}: {', '.join(items)}" for key, items in header.items() if items]
    return "\n".join([*above, *lines])
