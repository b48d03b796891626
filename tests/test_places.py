"""Where things lie: relative to the project's root, whatever the working directory."""

from pathlib import Path

import pytest

from store import places
from store.errors import StoreError


def test_a_relative_path_is_seen_from_the_root_wherever_the_program_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert places.resolve("var/a.db") == places.ROOT / "var" / "a.db"
    assert places.resolve(tmp_path / "a.db") == tmp_path / "a.db"


def test_the_home_folder_is_understood(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.resolve("~/a.db") == tmp_path / "a.db"


def test_the_home_folder_of_nobody_is_a_clear_error():
    with pytest.raises(StoreError, match=r"There is no home folder ~nosuchuser\.") as caught:
        places.resolve("~nosuchuser/a.db")
    assert caught.value.fix == "write the path without ~."


def test_a_path_is_shown_relative_to_the_root_where_it_lies_inside():
    assert places.shown(places.ROOT / "var" / "a.db") == str(Path("var/a.db"))
    assert places.shown("/elsewhere/a.db") == "/elsewhere/a.db"
