"""The API from the package itself: each name of a module's ``__all__`` gets an entry.

``.. public:: gru_sym.errors`` writes one autodoc directive a name, so that a new public name is
documented without anybody having to think of it. ``:except:`` leaves out what has its entry
elsewhere.

A docstring refers to a thing by the module that it lives in, while its entry has the name under
which it is public; :func:`at_its_public_name` leads from the one to the other, and
:func:`back_to_the_entry` from its source.
"""

import inspect
import re
import sys
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from numpy.typing import ArrayLike
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import stringify_annotation


def entry_of(path: str, thing: Any) -> list[str]:
    """The directive that describes a class, a function, or data."""
    if inspect.isclass(thing) and issubclass(thing, Exception) and "__init__" not in vars(thing):
        # A kind of error: it is made as its base is, whose entry says how.
        kind = [f"A :exc:`{base.__name__}`." for base in thing.__bases__ if base is not Exception]
        text = [*(inspect.getdoc(thing) or "").splitlines(), "", *kind]
        module, _, name = path.rpartition(".")
        head = [f".. py:exception:: {name}", f"   :module: {module}", ""]
        return [*head, *(f"   {line}" for line in text)]
    if inspect.isclass(thing):
        kind = "autoexception" if issubclass(thing, Exception) else "autoclass"
        return [f".. {kind}:: {path}", "   :members:"]
    if inspect.isroutine(thing):
        return [f".. autofunction:: {path}"]
    module, _, name = path.rpartition(".")
    head = [f".. py:data:: {name}", f"   :module: {module}", ""]
    return [*head, *(f"   {line}" for line in words_of(name, thing))]


def words_of(name: str, thing: Any) -> list[str]:
    """What stands under an assignment: data has no docstring of its own, only its type's."""
    homes = (home for home in sorted(sys.modules) if home.partition(".")[0] == "gru_sym")
    for home in homes:
        if vars(sys.modules[home]).get(name) is thing:
            words = ModuleAnalyzer.for_module(home).find_attr_docs().get(("", name))
            if words:
                return words
    return []


class Public(SphinxDirective):
    """One entry for each name in the ``__all__`` of a module, or for each one in ``:only:``."""

    required_arguments = 1
    option_spec = {"except": directives.unchanged, "only": directives.unchanged}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Write the directives, and have them read."""
        module = import_module(self.arguments[0])
        wanted = self.options.get("only", "").split() or [
            name for name in module.__all__ if not name.startswith("__")
        ]
        left_out = set(self.options.get("except", "").split())
        lines: list[str] = []
        for name in wanted:
            if name not in left_out:
                lines += [*entry_of(f"{module.__name__}.{name}", getattr(module, name)), ""]
        return self.parse_text_to_nodes("\n".join(lines)) if lines else []


def _found(path: str) -> Any:
    """The thing at a dotted path, whichever part of it is the module; None where there is none."""
    parts = path.split(".")
    for k in range(len(parts), 0, -1):
        try:
            thing: Any = import_module(".".join(parts[:k]))
        except ModuleNotFoundError:
            continue
        for name in parts[k:]:
            thing = getattr(thing, name, None)
        return thing
    return None


def at_its_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.reference | None:
    """Resolve ``gru_sym.cells.compose.readout``, or ``readout``, to ``gru_sym.readout``."""
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or ("." in target and not target.startswith("gru_sym.")):
        return None
    wanted = _found(target) if "." in target else None
    if "." in target and wanted is None:
        return None
    entries = {
        name: entry
        for name, entry in env.domains.python_domain.objects.items()
        if name.rpartition(".")[2] == target.rpartition(".")[2]
        and entry.objtype in {"class", "data", "exception", "function"}
        and (wanted is None or _found(name) is wanted)
    }
    if not entries or len({id(_found(name)) for name in entries}) > 1:
        return None
    name = min(entries, key=lambda each: (entries[each].aliased, len(each)))
    place = app.builder.get_relative_uri(node.get("refdoc", ""), entries[name].docname)
    return nodes.reference(
        "", "", content, internal=True, refuri=f"{place}#{entries[name].node_id}", reftitle=name
    )


COLON, HELD = ": ", "\ue000"


def before_napoleon(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Prepare a docstring for napoleon.

    In the first line of what has a value it would read ``The role of a gate: …`` as a type and what
    is of it; there the colon is put away meanwhile. And the attributes of a frozen class are what
    it is made with: as arguments they are one list, with their types.
    """
    if what in {"attribute", "data", "property"} and lines:
        lines[0] = lines[0].replace(COLON, HELD)
    if what in {"class", "exception"} and "Args:" not in lines:
        lines[:] = ["Args:" if line == "Attributes:" else line for line in lines]


def after_napoleon(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Give back the colons that :func:`before_napoleon` has put away."""
    lines[:] = [line.replace(HELD, COLON) for line in lines]


ARRAY_LIKE = stringify_annotation(ArrayLike, "smart")

BACK = re.compile(
    r'(?P<start><div class="viewcode-block" id="(?P<name>[^"]+)">\n'
    r'<a class="viewcode-back" href=")[^"]*"'
)


def in_few_words(app: Sphinx, domain: str, kind: str, content: nodes.Element) -> None:
    """Before autodoc puts types into an entry: no error is "returned", an array is an ArrayLike."""
    signature = content.parent[0]
    path = f"{signature.get('module')}.{signature.get('fullname')}"
    types = app.env.current_document.autodoc_annotations.get(path, {})
    if kind == "exception":
        types.pop("return", None)
    for name, text in types.items():
        types[name] = text.replace(ARRAY_LIKE, "~numpy.typing.ArrayLike")


def back_to_the_entry(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Lead each ``[docs]`` of a page of source to its entry.

    viewcode takes it that all things of a module have their entries under one name.
    """
    if not page.startswith("_modules/"):
        return
    module = page.removeprefix("_modules/").replace("/", ".")
    entries = app.env.domains.python_domain.objects

    def mended(link: re.Match[str]) -> str:
        name = link["name"]
        owner, _, rest = name.partition(".")
        thing = _found(f"{module}.{owner}")
        for path, entry in entries.items():
            if entry.aliased or not path.endswith(f".{name}"):
                continue
            if _found(path.removesuffix(f".{rest}") if rest else path) is thing:
                place = app.builder.get_relative_uri(page, entry.docname)
                return f'{link["start"]}{place}#{entry.node_id}"'
        return link[0]

    context["body"] = BACK.sub(mended, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive and the resolver."""
    app.add_directive("public", Public)
    app.connect("missing-reference", at_its_public_name)
    app.connect("object-description-transform", in_few_words, priority=400)
    app.connect("html-page-context", back_to_the_entry)
    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", after_napoleon, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
