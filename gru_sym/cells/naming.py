"""Which names a text may use, and in which order: the checks that need no shapes."""

import difflib
import keyword
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gru_sym.algebra.tree import Call, Definition, Document, Name, Node, Slice, postorder
from gru_sym.errors import CellSyntaxError, NamingError, Place, StructureError

__all__ = ["DIMENSIONS", "FUNCTIONS", "check_document", "check_name", "did_you_mean"]

FUNCTIONS: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(
        (
            *("sigmoid", "tanh", "hard_sigmoid", "relu", "softplus", "step"),
            *("exp", "log", "sqrt", "sin", "cos", "abs"),
            *("softmax", "logsumexp", "sum", "mean"),
        ),
        1,
    )
    | {"outer": 2}
)
"""Every function of the language and the number of its arguments."""

DIMENSIONS = frozenset("HITB")
"""Names of sizes: hidden, input, time and batch. No variable has one of them."""

_MOST_COMPARED = 1_000
"""Among more words than these, looking for a similar one takes too long."""

_INNER_MARK = re.compile("_(?:bar|dot)_")

_LATEX_WORDS = frozenset(
    (
        *("begin", "end", "input", "include", "def", "edef", "gdef", "xdef", "let", "par"),
        *("write", "openin", "openout", "immediate", "catcode", "relax", "expandafter"),
        *("csname", "endcsname", "newcommand", "renewcommand", "documentclass", "usepackage"),
    )
)

_MATRIX_WORDS = frozenset({"diag", "row", "column", "identity", "sum_t"})
"""What a Jacobian or a sum over time is written with."""

_SPELLED_OTHERWISE = MappingProxyType(
    {
        "logistic": "write `sigmoid(…)`",
        "ln": "write `log(…)`, the natural logarithm",
        "transpose": "write `W.T`",
        "concat": "write `[a, b]`",
        "concatenate": "write `[a, b]`",
        "cat": "write `[a, b]`",
        "dot": "write `W @ x`",
        "matmul": "write `W @ x`",
        "diag": "write the elementwise product `v * x`",
        "pow": "write `a**b`",
        "square": "write `a**2`",
    }
)


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """A question that names the closest known word, or nothing when none is close."""
    known = sorted(known)
    if len(known) > _MOST_COMPARED:
        return ""
    close = difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return f"did you mean `{close[0]}`?" if close else ""


def check_name(name: str, place: Place, source: str, *, derivation: bool) -> None:
    """Raise :class:`NamingError` when a variable may not be called so.

    A derivation may use (not assign) the name of a dimension, as the size that a mean divides by.
    """

    def refuse(why: str, mend: str) -> NamingError:
        return NamingError(why, mend=mend, place=place, source=source)

    other = f"call it {name}_1"
    if name.startswith("_") or name.endswith("_") or "__" in name:
        bare = re.sub("_+", "_", name).strip("_")
        fine = bare and bare[0].isalpha() and not keyword.iskeyword(bare)
        own = {*FUNCTIONS, *DIMENSIONS}
        raise refuse(
            f"`{name}`: a name neither starts nor ends with `_`, and has no `__`",
            f"call it {bare if fine and bare not in own else f'v_{bare}'.strip('_')}",
        )
    if name in FUNCTIONS:
        raise refuse(
            f"`{name}` is a function and cannot be a variable",
            f"write `{name}({', '.join('ab'[: FUNCTIONS[name]])})` for the function; "
            f"for a variable, {other}",
        )
    if keyword.iskeyword(name):
        raise refuse(f"`{name}` is a reserved word of Python", other)
    if name in DIMENSIONS:
        raise refuse(f"`{name}` is the name of a dimension and cannot be a variable", other)
    if name in _MATRIX_WORDS:
        raise refuse(f"`{name}` is a word that derivations are written with", other)
    if name in _LATEX_WORDS:
        raise refuse(f"`{name}` is a reserved word of LaTeX", other)
    inner = _INNER_MARK.search(name)
    if not derivation and inner:
        raise refuse(
            f"`{name}`: `{inner[0]}` inside of a name is kept for cotangents and tangents", other
        )
    if not derivation and name.endswith(("_bar", "_dot")):
        kind = "cotangent" if name.endswith("_bar") else "tangent"
        raise refuse(
            f"`{name}`: the ending `{name[-4:]}` is kept for the {kind} of `{name[:-4]}`",
            f"call it {name[:-4]}_{'mean' if kind == 'cotangent' else 'rate'}, "
            "or whatever it is in your model",
        )


def check_document(document: Document, *, derivation: bool) -> None:
    """Check every name, function and form of a document, then the order of its definitions.

    Raises:
        NamingError: a reserved, unknown, repeated or badly ordered name.
        CellSyntaxError: a function with the wrong number of arguments.
        StructureError: a form of derivations (``outer``, a slice) in a cell.
    """
    source = document.source
    first: dict[str, Definition] = {}
    for definition in document.definitions:
        name, place = definition.name, definition.place
        check_name(name, place, source, derivation=derivation)
        if name in first:
            raise NamingError(
                f"`{name}` is assigned twice, first on line {first[name].place.line}",
                mend=f"give the second one its own name, such as {name}_2",
                place=place,
                source=source,
            )
        first[name] = definition
    variables = {*first, *_used(document)}
    for definition in document.definitions:
        for node in postorder(definition.value):
            _check_node(node, variables, source, derivation=derivation)
    _check_header(document, first, variables, derivation=derivation)
    if not derivation:
        _check_look(document, first)
        _check_arguments_of_activations(document, first)
        _check_order(document, first)


def _used(document: Document) -> dict[str, Place]:
    """Each variable that stands on a right-hand side, with its first place."""
    used: dict[str, Place] = {}
    for definition in document.definitions:
        for node in postorder(definition.value):
            if isinstance(node, Name):
                used.setdefault(node.name, node.place)
    return used


def _check_node(node: Node, variables: set[str], source: str, *, derivation: bool) -> None:
    match node:
        case Name(name=name, place=place):
            if not (derivation and name in DIMENSIONS):
                check_name(name, place, source, derivation=derivation)
        case Call(func=func, args=args, place=place):
            if func not in FUNCTIONS:
                raise _unknown_function(func, variables, place, source)
            if len(args) != FUNCTIONS[func]:
                wanted = "1 argument" if FUNCTIONS[func] == 1 else f"{FUNCTIONS[func]} arguments"
                raise CellSyntaxError(
                    f"`{func}` takes {wanted}, {len(args) or 'none'} "
                    f"{'is' if len(args) < 2 else 'are'} given",
                    mend=f"write `{func}({', '.join('ab'[: FUNCTIONS[func]])})`",
                    place=place,
                    source=source,
                )
            if func == "outer" and not derivation:
                raise StructureError(
                    "`outer` belongs to derivations; a cell's definitions are vectors",
                    mend="write products of vectors with `*`, or `W @ x` with a matrix parameter",
                    place=place,
                    source=source,
                )
        case Slice(start=start, stop=stop, place=place):
            if not derivation:
                raise StructureError(
                    "slices belong to derivations; a cell works on whole vectors",
                    mend="make each part an input, a state or a definition of its own",
                    place=place,
                    source=source,
                )
            for bound in (*(start or ()), *(stop or ())):
                if bound not in DIMENSIONS:
                    check_name(bound, place, source, derivation=False)
        case _:
            pass


def _unknown_function(func: str, variables: set[str], place: Place, source: str) -> NamingError:
    if func in variables:
        message = f"`{func}` is a variable and cannot be called"
        mend = f"write `{func} * (…)` for an elementwise product or `{func} @ (…)` for a matrix"
    else:
        message = f"there is no function `{func}`"
        hint = _SPELLED_OTHERWISE.get(func.lower()) or did_you_mean(func.lower(), FUNCTIONS)
        stop = "" if not hint or hint.endswith("?") else "."
        mend = f"{hint}{stop} The functions are {', '.join(sorted(FUNCTIONS))}".lstrip()
    return NamingError(message, mend=mend, place=place, source=source)


def _check_header(
    document: Document, first: dict[str, Definition], variables: set[str], *, derivation: bool
) -> None:
    header, places, source = document.header, dict(document.header.places), document.source
    dimensions = {d for _, shape in header.shapes for d in shape} - DIMENSIONS
    for name in sorted(dimensions & variables):
        raise NamingError(
            f"`{name}` is a dimension in the header and cannot be a variable",
            mend=f"call the variable {name}_1, or the dimension {name}{name}",
            place=first[name].place if name in first else _used(document)[name],
            source=source,
        )
    if derivation:
        return
    for key in ("inputs", "params", "states"):
        for name in getattr(header, key) or ():
            if name in first:
                raise NamingError(
                    f"`{name}` is declared in `{key}`, and assigned on line "
                    f"{first[name].place.line}",
                    mend=f"take it off the list `{key}`, or assign another name",
                    place=places.get(name),
                    source=source,
                )
    outputs = (*header.outputs, header.output) if header.output else header.outputs
    for name in (*outputs, *(role for role, _ in header.roles)):
        if name not in variables and f"{name}_next" not in variables:
            raise NamingError(
                f"the header speaks of `{name}`, which is in no equation",
                mend=did_you_mean(name, variables) or "take it off the header",
                place=places.get(name),
                source=source,
            )


def _check_look(document: Document, first: dict[str, Definition]) -> None:
    """Refuse two names that differ in nothing that a reader of formulas sees: x1 and x_1."""
    places = {name: d.place for name, d in first.items()} | _used(document)
    seen: dict[str, str] = {}
    for name, place in places.items():
        other = seen.setdefault(re.sub(r"_(?=[0-9]+(_|$))", "", name), name)
        if other != name:
            raise NamingError(
                f"`{name}` and `{other}` look alike in a formula",
                mend="rename one of the two",
                place=place,
                source=document.source,
            )


def _check_arguments_of_activations(document: Document, first: dict[str, Definition]) -> None:
    used = _used(document)
    places = {name: d.place for name, d in first.items()}
    for name, place in (places | used).items():
        if name.startswith("a_") and name[2:] in first:
            raise NamingError(
                f"`{name}` is the name of the argument of the activation "
                f"in the definition of `{name[2:]}`",
                mend=f"call it pre_{name[2:]}",
                place=places.get(name, place),
                source=document.source,
            )


def _check_order(document: Document, first: dict[str, Definition]) -> None:
    """Find the first use of a name that is not yet defined, and say whether it closes a cycle."""
    needs = {
        d.name: tuple(n.name for n in postorder(d.value) if isinstance(n, Name) and n.name in first)
        for d in document.definitions
    }
    done: set[str] = set()
    for definition in document.definitions:
        for node in postorder(definition.value):
            if not isinstance(node, Name) or node.name not in first or node.name in done:
                continue
            cycle = _path(node.name, definition.name, needs)
            if cycle:
                shown = " -> ".join((definition.name, *cycle))
                raise NamingError(
                    f"the definition of `{definition.name}` is a cycle: {shown}",
                    mend=f"for a state's next value assign `{definition.name}_next`; "
                    "otherwise let one of them use the state instead",
                    place=node.place,
                    source=document.source,
                )
            line = first[node.name].place.line
            raise NamingError(
                f"`{node.name}` is used before it is defined (line {line})",
                mend=f"move the definition of `{node.name}` above line {node.place.line}",
                place=node.place,
                source=document.source,
            )
        done.add(definition.name)


def _path(start: str, goal: str, needs: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """A shortest way from one definition to another along what each needs; empty if none."""
    came_from: dict[str, str] = {start: ""}
    queue = [start]
    for name in queue:  # the list grows while it is read: breadth first
        if name == goal:
            way = [name]
            while came_from[way[-1]]:
                way.append(came_from[way[-1]])
            return tuple(reversed(way))
        for needed in needs[name]:
            if needed not in came_from:
                came_from[needed] = name
                queue.append(needed)
    return ()
