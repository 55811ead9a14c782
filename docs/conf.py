"""How Sphinx builds the documentation."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from biosequence import __version__

project = "bioseq-toolkit"
author = "The bioseq-toolkit authors"
copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "command_help",
]
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Notebooks are stored with their output; tests run them.
nb_execution_mode = "off"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
# What transformers says of its own constructors is no reStructuredText.
autodoc_inherit_docstrings = False
napoleon_google_docstring = False
# Fields described in a class docstring are not described a second time.
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_use_param = True

copybutton_prompt_text = "$ "

html_theme = "sphinx_book_theme"
html_title = "bioseq"
html_show_sourcelink = False
html_theme_options = {"show_toc_level": 2}
