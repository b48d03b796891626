"""Links between notebooks and what their runs left, as JupyterLab follows them; elsewhere the paths as text."""

import html
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from notebooks import jobs
from store import places

_SESSION = "JPY_SESSION_NAME"
"""What Jupyter's server tells the kernels that it starts; papermill and nbval start theirs without."""


def is_lab(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this kernel belongs to a notebook that somebody has open in JupyterLab."""
    return _SESSION in environment


def link(path: str | Path, label: str = "", environment: Mapping[str, str] = os.environ) -> str:
    """Markup that opens a file from a notebook in `notebooks/`; the label alone where a link would lead nowhere.

    JupyterLab opens what lies in the project's folder, which is its root.
    """
    place = places.resolve(path)
    said = html.escape(label or places.shown(place))
    if not (is_lab(environment) and place.is_relative_to(places.ROOT) and place.exists()):
        return said
    return f'<a href="{quote(os.path.relpath(place, jobs.FOLDER))}">{said}</a>'
