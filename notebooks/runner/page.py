"""An executed notebook as one HTML file that downloads nothing when it is opened, in light and in dark."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from notebooks import counts
from notebooks.runner import page_parts, regular_files

if TYPE_CHECKING:
    from nbformat import NotebookNode

# The first thing in the page's head, so that it holds for all that a cell may have put out, too.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; frame-src 'self';"
    " base-uri 'none'; form-action 'none'"
)
_EDITOR, _UI = "--jp-mirror-editor", "--jp-ui"
# JupyterLab's own colours of code, prompts and errors stand out too little on its own grounds (WCAG 2.2, 1.4.3).
_LIGHT = {
    f"{_EDITOR}-operator-color": "#7a17c2", f"{_EDITOR}-number-color": "#066606", f"{_EDITOR}-comment-color": "#2f6868",
    "--jp-rendermime-error-background": "#fff3f2", f"{_UI}-font-color2": "#595e66",
    "red": "#b4232a", "green": "#0a6e3d", "yellow": "#7a5a00", "blue": "#0b5cc0", "magenta": "#8a3fa0", "cyan": "#0b6b72",
}  # fmt: skip
_DARK = {
    f"{_EDITOR}-operator-color": "#cf8bff", f"{_EDITOR}-number-color": "#7fcf7f", f"{_EDITOR}-comment-color": "#86b5b5",
    "--jp-rendermime-error-background": "#2b1817", f"{_UI}-font-color2": "#b4b9c1",
    "red": "#ff8a80", "green": "#5fd38d", "yellow": "#e3c04a", "blue": "#7ab8ff", "magenta": "#e09ef0", "cyan": "#6fd3d6",
}  # fmt: skip


def _rules(colours: Mapping[str, str]) -> str:
    own = " ".join(f"{name}: {colour};" for name, colour in colours.items() if name.startswith("--"))
    words = (f".jp-RenderedText pre :is(.ansi-{name}-fg, .ansi-{name}-intense-fg) {{ color: {colour} }}"
             for name, colour in colours.items() if not name.startswith("--"))  # fmt: skip
    return f":root {{ {own} }} {' '.join(words)}"


_STYLE = f"""
:root {{ color-scheme: light dark }}
body {{ background: var(--jp-layout-color0) }}
.jp-InputPrompt, .jp-OutputPrompt {{ color: var(--jp-ui-font-color2) !important; opacity: 1 !important }}
.jp-RenderedImage img {{ max-width: 100%; height: auto }}
.jp-RenderedHTMLCommon {{ overflow-x: auto }}
.jp-RenderedText pre span[style*=color] {{ color: inherit !important }}
{_rules(_LIGHT)}
@media (prefers-color-scheme: dark) {{
{_rules(_DARK)}
.jp-RenderedImage img.jp-needs-light-background {{ filter: invert(1) hue-rotate(180deg) }}
}}
"""
_TEMPLATE = f"""
{{%- extends 'index.html.j2' -%}}
{{%- block html_head_js -%}}<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{{%- endblock -%}}
{{%- block jupyter_widgets -%}}{{%- endblock -%}}
{{%- block html_head_js_mathjax -%}}{{%- endblock -%}}
{{%- block html_head_js_mermaidjs -%}}{{%- endblock -%}}
{{%- block html_head_css -%}}
{{{{ resources.include_css("static/theme-dark.css") | replace('<style', '<style media="(prefers-color-scheme: dark)"') }}}}
<style>{_STYLE}</style>
{{%- endblock -%}}
{{%- block data_png scoped -%}}
{{%- set alt = (output | get_metadata('alt', 'image/png') or 'picture') | escape_html -%}}
{{{{ super() | replace('<img ', '<img alt="' ~ alt ~ '" ', 1) }}}}
{{%- endblock -%}}
"""


def write(notebook: Path, page: Path) -> None:
    """Writes the notebook's page. MathJax, require.js, widgets and diagrams are left out: they would be downloaded.

    What cannot be converted has a note in its place. Raises OSError.
    """
    # Here, for it takes half a second that the published notebook need not wait for.
    import nbformat

    # It warns of every picture without a description, which no reader of a job's output can change.
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    read = nbformat.reads(regular_files.read(notebook), as_version=4)
    body = page_parts.converted(read.cells, _converter(read, notebook))
    try:
        with open(regular_files.made(page), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(body)
    except OSError:
        # Half a page is of no use, and keeps a full disk full.
        page.unlink(missing_ok=True)
        raise


def _converter(notebook: "NotebookNode", path: Path) -> Callable[[Sequence["NotebookNode"]], str]:
    """What makes a page of some cells of the notebook."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(raw_template=_TEMPLATE, embed_images=True)
    about = {"metadata": {"name": path.stem, "path": str(path.parent)}}

    def convert(cells: Sequence["NotebookNode"]) -> str:
        shown = page_parts.changed(notebook, cells=list(map(_shown, cells)))
        return exporter.from_notebook_node(shown, resources=about)[0]

    return convert


def _shown(cell: "NotebookNode") -> "NotebookNode":
    """The cell without what its outputs tell to the runner alone."""
    if "outputs" not in cell:
        return cell
    return page_parts.changed(cell, outputs=[output for output in cell.outputs if counts.told_in(output) is None])
