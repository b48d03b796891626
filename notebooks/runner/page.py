"""An executed notebook as one HTML file that downloads nothing when it is opened, in light and in dark."""

import logging
from pathlib import Path

from notebooks import counts

# The first thing in the page's head, so that it holds for all that a cell may have put out, too.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; frame-src 'self';"
    " base-uri 'none'; form-action 'none'"
)
_TEMPLATE = f"""
{{%- extends 'index.html.j2' -%}}
{{%- block html_head_js -%}}<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{{%- endblock -%}}
{{%- block jupyter_widgets -%}}{{%- endblock -%}}
{{%- block html_head_js_mathjax -%}}{{%- endblock -%}}
{{%- block html_head_js_mermaidjs -%}}{{%- endblock -%}}
{{%- block html_head_css -%}}
{{{{ resources.include_css("static/theme-dark.css") | replace('<style', '<style media="(prefers-color-scheme: dark)"') }}}}
<style>:root {{ color-scheme: light dark }} body {{ background: var(--jp-layout-color0) }}</style>
{{%- endblock -%}}
"""


def write(notebook: Path, page: Path) -> None:
    """Writes the notebook's page. MathJax, require.js, widgets and diagrams are left out: they would be downloaded."""
    # Here, for it takes half a second that the published notebook need not wait for.
    import nbformat
    from nbconvert import HTMLExporter

    # It warns of every picture without a description, which no reader of a job's output can change.
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    read = nbformat.read(notebook, as_version=4)
    for cell in read.cells:
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if counts.MEDIA_TYPE not in output.get("data", {})]
    about = {"metadata": {"name": notebook.stem, "path": str(notebook.parent)}}
    body, _ = HTMLExporter(raw_template=_TEMPLATE, embed_images=True).from_notebook_node(read, resources=about)
    page.touch(0o600)
    page.write_text(body, encoding="utf-8")
