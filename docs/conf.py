from importlib.metadata import version as installed_version

project = "gru_sym"
author = "the gru_sym developers"
project_copyright = "2026, the gru_sym developers"
version = release = installed_version("gru_sym")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]

# tests/test_readme.py executes every block of code in these pages; the build only shows them.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "colon_fence"]
autodoc_typehints = "description"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "gru_sym"
