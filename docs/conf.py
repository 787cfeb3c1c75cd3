"""The site's configuration: `python -m sphinx -n -W --keep-going docs OUT` builds it."""

import os
import shutil
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
EXTENSIONS = HERE / "_ext"
sys.path.insert(0, str(EXTENSIONS))

project = "gru_sym"
author = "the gru_sym developers"
project_copyright = "2026, the gru_sym developers"
version = release = installed_version("gru_sym")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "numpydoc",
    "sphinx.ext.viewcode",
    "derivation",
    "public",
    "svgmath",
]
exclude_patterns = ["_build", "_ext", "conf.py"]

# -- The gallery: the documents in derivations/ are copied here and executed ----------------------

DERIVATIONS = HERE.parent / "derivations"
GALLERY = HERE / "gallery"


def copy_derivations() -> None:
    """Bring docs/gallery/ up to date with derivations/; a file that is the same keeps its date."""
    GALLERY.mkdir(exist_ok=True)
    documents = {
        path.name: path.read_bytes()
        for path in DERIVATIONS.glob("*.py")
        if not path.name.startswith("_")
    }
    for old in GALLERY.iterdir():
        if old.name not in documents:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for name, content in documents.items():
        copy = GALLERY / name
        if not copy.exists() or copy.read_bytes() != content:
            copy.write_bytes(content)


copy_derivations()

# Pages in Markdown have no cells to execute, and tests/test_readme.py runs their blocks: it is the
# derivations alone that are executed here, each time, and one that raises stops the build.
nb_custom_formats = {".py": "derivation.read"}
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 120
nb_render_markdown_format = "myst"
nb_merge_streams = True
# The kernels find the extensions, too.
os.environ["PYTHONPATH"] = os.pathsep.join([str(EXTENSIONS), os.environ.get("PYTHONPATH", "")])

# -- The text -----------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# A formula in a fence is one on GitHub, too, whose Markdown reads what stands between two $$.
myst_fence_as_directive = ["math"]
html_math_renderer = "svg"

# -- The API ------------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False

# Docstrings are in Google style, which napoleon reads. numpydoc's part is to judge them: a public
# thing without a docstring, or with a summary that is no sentence, is a warning. Its tables of
# members would say again what autodoc lists with all details.
numpydoc_show_class_members = False
autosummary_generate = False
numpydoc_validation_checks = {"GL08", "SS01", "SS03"}
# Data has no docstring that Python knows of, and is described where it is assigned.
numpydoc_validation_exclude = {r"\.[A-Z]+$", r"\.Loss$"}

# The site is built without a network, so that nothing outside of it can be linked to.
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|np|sympy|sp|collections|contextlib|types|typing|pathlib|os|fractions)\..*"),
    ("py:.*", r"(matplotlib|xarray)\..*"),
]

html_theme = "furo"
html_title = "gru_sym"
html_static_path = ["_static"]
html_css_files = ["site.css"]
