"""Sphinx: formulas drawn by matplotlib as inline SVG, so that the pages need no network."""

import html
import io
import re

import matplotlib
from docutils import nodes
from matplotlib.mathtext import math_to_image
from sphinx.application import Sphinx

POINTS_PER_EM = 10.0
SIZE = re.compile(r'width="([\d.]+)pt" height="([\d.]+)pt"')


def draw(latex: str) -> str:
    """Draw a formula: `<svg>` in the colour and size of the text around it."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"mathtext.fontset": "cm", "font.size": POINTS_PER_EM, "svg.hashsalt": "semcomm"}):
        depth = math_to_image(f"${' '.join(latex.split())}$", buffer, dpi=72, format="svg")
    svg = buffer.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'<g id="patch_1">.*?</g>', "", svg, flags=re.DOTALL)
    found = SIZE.search(svg)
    width, height = (float(size) / POINTS_PER_EM * 1.1 for size in found.groups())
    style = f"width:{width:.3f}em;height:{height:.3f}em;vertical-align:{-depth / POINTS_PER_EM * 1.1:.3f}em"
    label = html.escape(latex, quote=True)
    return svg.replace(found[0], f'fill="currentColor" role="img" aria-label="{label}" style="{style}"', 1)


def inline(translator, node: nodes.math) -> None:
    """Write a formula in a line."""
    translator.body.append(draw(node.astext()))
    raise nodes.SkipNode


def block(translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    translator.body.append(f'<div class="formula">{draw(node.astext().replace("frac{", "dfrac{"))}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Offer the renderer as `html_math_renderer = "mathtext"`."""
    app.add_html_math_renderer("mathtext", inline_renderers=(inline, None), block_renderers=(block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
