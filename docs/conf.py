"""Sphinx settings of the documents."""

from importlib.metadata import version as installed

project = "crmkit"
author = "The crmkit authors"
project_copyright = author
version = release = installed("crmkit")

extensions = ["myst_parser", "sphinxcontrib.mermaid", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"crmkit {release}"
