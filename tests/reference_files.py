"""Which files pytest takes for executed references; conftest.py hands the hook to pytest."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent / "references"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Each reference is collected once, with nbval's own options or without them."""
    found = yield
    if file_path.suffix != ".ipynb" or file_path.parent != FOLDER:
        return found
    # Here, for every run of pytest reads this file, and few need a kernel.
    from reference_checks import ComparedNotebook

    return [ComparedNotebook.from_parent(parent, path=file_path)]
