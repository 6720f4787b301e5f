"""How Sphinx builds the guides and the library reference: `make docs`, without network access."""

import archbuilder

project = "archbuilder"
author = "The archbuilder authors"
project_copyright = "The archbuilder authors"
release = archbuilder.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"archbuilder {release}"
html_copy_source = False

myst_heading_anchors = 4
# Links out of docs/, as to README.md and specs/, are those of the repository: no page has them.
suppress_warnings = ["myst.xref_missing", "myst.header"]

default_role = "literal"  # names stand in single backquotes in docstrings
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
