"""What the audits share: one portal with a record of its own, and one browser, for all of them."""

import contextlib
import shutil

import portal_office
import pytest

from audits import tools
from store.database import execute

FORGIVING = "CREATE TRIGGER forgive AFTER INSERT ON failed_key BEGIN DELETE FROM failed_key; END"
"""Scanners try more keys than a network may; the portal is to answer every one of them by its link, not by its limit."""


BUSY = "portal: Task queue depth is "
"""A line of the server's, which says that more requests came at once than it has threads."""


def complaints(installation):
    """What the portal's log holds beyond being busy: the answers that it did not mean to give."""
    return [line for line in installation.errors.read_text().splitlines() if not line.startswith(BUSY)]


@pytest.fixture(scope="session")
def portal(tmp_path_factory, _sqlite_template):
    """The running portal; after all audits its log must be empty: nothing that was sent has broken it."""
    folder = tmp_path_factory.mktemp("audited")
    shutil.copy(_sqlite_template, folder / "record.db")
    settings = {"OPS_TOKEN": portal_office.OPS_TOKEN, "RECORDINGS_FOLDER": str(folder / "recordings")}
    with portal_office.running(f"sqlite:///{folder}/record.db", folder, **settings) as installation:
        execute(installation.db, FORGIVING)
        yield installation
    assert complaints(installation) == []


@pytest.fixture(scope="session")
def browser():
    pytest.importorskip("playwright.sync_api")
    from audits.browser import launched

    with contextlib.ExitStack() as stack:
        yield stack.enter_context(launched(tools.chromium()))
