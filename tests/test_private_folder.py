"""The folders of runs: gone with the run, and taken away later where the run was killed."""

import os
import stat
import tempfile

import pytest

from notebooks.runner.private_folder import private_folder


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Where temporary files go in these tests; short, as it is on a machine."""
    folder = tempfile.mkdtemp(prefix="p")
    monkeypatch.setattr(tempfile, "tempdir", folder)
    return folder


def left_by_a_killed_run(place, seconds=61):
    """A folder as a run leaves it that is killed."""
    folder = tempfile.mkdtemp(prefix="interview-ops-run-", dir=place)
    for name in ("held", "kernel.json"):
        open(f"{folder}/{name}", "w").close()
    past = os.stat(folder).st_mtime - seconds
    os.utime(folder, (past, past))


def test_a_folder_is_this_users_alone_and_goes_away(place):
    with private_folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert str(folder).startswith(place)
    assert os.listdir(place) == []


def test_what_a_killed_run_left_is_taken_away(place):
    left_by_a_killed_run(place)
    with private_folder() as folder:
        assert os.listdir(place) == [folder.name]


def test_a_young_folder_and_one_of_a_run_that_goes_on_are_left_alone(place):
    left_by_a_killed_run(place, seconds=5)
    with private_folder() as held:
        os.utime(held, (0, 0))
        with private_folder():
            assert len(os.listdir(place)) == 3


def test_sockets_find_room_where_the_usual_place_has_a_long_name(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/" + "long" * 30)
    with private_folder() as folder:
        assert len(str(folder / "kernel-5")) < 107
