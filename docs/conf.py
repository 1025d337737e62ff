"""Sphinx configuration: MyST pages and notebooks, the reference taken from docstrings."""

from importlib.metadata import version as distribution_version

project = "exacthat"
author = copyright = "exacthat developers"
version = release = distribution_version("exacthat")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

# A page's code runs when the page is built; a failing cell fails the build.
nb_execution_mode = "auto"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
myst_enable_extensions = ["amsmath", "dollarmath", "colon_fence"]
myst_heading_anchors = 3

# A package's reference lists what its __init__ exports, no more.
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = "exacthat"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
