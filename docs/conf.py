"""Sphinx configuration: MyST pages and notebooks, the reference taken from docstrings."""

import hashlib
import os
import sysconfig
from importlib.metadata import version as distribution_version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ["framework", "models", "calibration", "empirics", "exacthat"]

project = "exacthat"
author = copyright = "exacthat developers"
version = release = distribution_version("exacthat")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",  # equations are shown without a network
]
exclude_patterns = ["_build", "benchmarks"]  # the second holds what `make bench` writes, for benchmarks.md
templates_path = ["_templates"]


def code_of_the_packages() -> str:
    """Digest of all code and data that an executed page may depend on."""
    digest = hashlib.sha256()
    for path in sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*") if p.is_file()):
        if "__pycache__" not in path.parts:
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


# The code cells of a page run when it is built, in an empty folder; a failing cell fails the build. What is shown is kept
# until the cells change or any code of the packages does.
nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "docs" / "_build" / "cells" / code_of_the_packages())
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_render_markdown_format = "myst"
os.environ["PATH"] = os.pathsep.join(
    [sysconfig.get_path("scripts"), os.environ["PATH"]]
)  # the command exacthat
os.environ.update(TTY_COMPATIBLE="0", COLUMNS="90")  # its output as in a file: no colours, no progress bar

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
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_sidebars = {"index": [], "gallery/index": [], "tutorial/*": []}
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 7,
}
