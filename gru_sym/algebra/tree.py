"""The syntax tree of the language: what the parser makes of a text, before shapes and SymPy.

Every node is frozen and knows its place in the text.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from gru_sym.errors import Place

__all__ = [
    "Binary",
    "Call",
    "Concat",
    "Definition",
    "Document",
    "Header",
    "Name",
    "Neg",
    "Node",
    "Number",
    "Slice",
    "Transpose",
    "children",
    "postorder",
    "transform",
]

HERE = Place(1, 1)


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str
    place: Place = field(default=HERE, compare=False)


@dataclass(frozen=True, slots=True)
class Number:
    """An exact number: ``0.1`` is one tenth."""

    value: Fraction
    place: Place = field(default=HERE, compare=False)


@dataclass(frozen=True, slots=True)
class Neg:
    """``-arg``."""

    arg: "Node"
    place: Place = field(default=HERE, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """``left op right`` with op one of ``+ - * / ** @``; the place is the operator's."""

    op: str
    left: "Node"
    right: "Node"
    place: Place = field(default=HERE, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """``func(args)``."""

    func: str
    args: tuple["Node", ...]
    place: Place = field(default=HERE, compare=False)


@dataclass(frozen=True, slots=True)
class Transpose:
    """``arg.T``."""

    arg: "Node"
    place: Place = field(default=HERE, compare=False)


@dataclass(frozen=True, slots=True)
class Concat:
    """``[a, b]``: vectors one above the other, or matrices side by side."""

    items: tuple["Node", ...]
    place: Place = field(default=HERE, compare=False)


@dataclass(frozen=True, slots=True)
class Slice:
    """``arg[start:stop]`` with bounds written in dimension names: ``v[:H]``, ``v[H:H+I]``.

    ``columns`` is for the columns of a matrix: ``W[:, :H]``.

    A bound is the tuple of the names that it adds up; an absent bound is ``None``.
    """

    arg: "Node"
    start: tuple[str, ...] | None
    stop: tuple[str, ...] | None
    place: Place = field(default=HERE, compare=False)
    columns: bool = False


Node = Name | Number | Neg | Binary | Call | Transpose | Concat | Slice


@dataclass(frozen=True, slots=True)
class Definition:
    """One line ``name = value``; the place is the name's."""

    name: str
    value: Node
    place: Place = field(default=HERE, compare=False)


@dataclass(frozen=True, slots=True)
class Header:
    """What the comment lines above the first equation declare.

    ``shapes`` holds declared shapes: ``# params: zeta(), g_z(H)`` gives ``{"zeta": (), "g_z":
    ("H",)}``; a name declared without parentheses is in ``inputs`` or ``params`` only.
    """

    title: str = ""
    cite: str = ""
    convention: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    inputs: tuple[str, ...] | None = None
    params: tuple[str, ...] | None = None
    states: tuple[str, ...] | None = None
    outputs: tuple[str, ...] = ()
    output: str = ""
    shapes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    places: tuple[tuple[str, Place], ...] = field(default=(), compare=False)
    """Where the header first speaks of each name."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed text: its header, its definitions in order, and the text itself for errors."""

    definitions: tuple[Definition, ...]
    header: Header = Header()
    source: str = field(default="", compare=False)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below a node, from left to right."""
    match node:
        case Name() | Number():
            return ()
        case Neg(arg=arg) | Transpose(arg=arg) | Slice(arg=arg):
            return (arg,)
        case Binary(left=left, right=right):
            return (left, right)
        case Call(args=args):
            return args
        case Concat(items=items):
            return items


def postorder(node: Node) -> Iterator[Node]:
    """All nodes of a tree, operands before what uses them, without recursion.

    A line may hold thousands of operators in a chain, far more than Python's stack does.
    """
    pending: list[tuple[Node, bool]] = [(node, False)]
    while pending:
        current, expanded = pending.pop()
        if expanded:
            yield current
        else:
            pending.append((current, True))
            pending.extend((child, False) for child in reversed(children(current)))


def transform(node: Node, change: Callable[[Node, Node], Node]) -> Node:
    """Rebuild a tree from its leaves: ``change(old, new)`` of each node whose parts are new."""
    made: dict[int, Node] = {}
    for old in postorder(node):
        parts = tuple(made[id(child)] for child in children(old))
        made[id(old)] = change(old, _with_children(old, parts))
    return made[id(node)]


def _with_children(node: Node, parts: tuple[Node, ...]) -> Node:
    match node:
        case Name() | Number():
            return node
        case Neg() | Transpose() | Slice():
            return replace(node, arg=parts[0])
        case Binary():
            return replace(node, left=parts[0], right=parts[1])
        case Call():
            return replace(node, args=parts)
        case Concat():
            return replace(node, items=parts)
