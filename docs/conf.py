"""Sphinx: how these pages are built. Warnings are errors (`make docs`)."""

import re
import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from draw_path import draw_path  # noqa: E402

draw_path(HERE / "images" / "path.svg")

project = "semcomm"
author = "The semcomm developers"
copyright = "The semcomm developers"
version = release = version_of("semcomm")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathtext",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "**/GALLERY_HEADER.rst", "gallery/**/*.md5", "gallery/**/*.ipynb"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
default_role = "code"
toc_object_entries_show_parents = "hide"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Shape", "notes_style")]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"residual_parts",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "min_reported_time": 0,
    "image_scrapers": ("matplotlib",),
    "within_subsection_order": "FileNameSortKey",
}
suppress_warnings = ["config.cache"]

BRANDED = ("color-brand-primary", "color-brand-content", "color-api-name")
html_math_renderer = "mathtext"
html_theme = "furo"
html_title = "semcomm"
html_logo = html_favicon = "_static/mark.svg"
html_static_path = ["_static"]
html_css_files = ["semcomm.css"]
html_show_sphinx = False
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {name: "#0b6e99" for name in BRANDED} | {"color-api-pre-name": "#697080"},
    "dark_css_variables": {name: "#6cc3e8" for name in BRANDED} | {"color-api-pre-name": "#9aa3b2"},
}

QUOTED = re.compile(r"(\$[^$]+\$|``[^`]*``|`[^`]*`)")


def mark_up(app, what, name, obj, options, lines):  # noqa: ARG001 - the signature is Sphinx's
    """Docstrings are written to be read in a terminal: turn `$...$` into maths, and leave `|x|` alone."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")):
            continue
        parts = QUOTED.split(line)
        for place, part in enumerate(parts):
            if part.startswith("$"):
                parts[place] = f":math:`{part[1:-1]}`"
            elif not part.startswith("`"):
                parts[place] = part.replace("|", r"\|")
        lines[number] = "".join(parts)


def setup(app):
    """Tell Sphinx of `mark_up`; napoleon comes first."""
    app.connect("autodoc-process-docstring", mark_up, priority=900)
