"""The files of recordings: for this user only, written where they should be, and never through a link."""

import os
import shutil
import stat
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from store import recording_files
from store.errors import RecordingsUnusable

NAME = "3-take-aaaaaaaaaaaaaaaa.webm"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "var" / "recordings"


def write(folder, data, offset=0, is_final=False):
    with recording_files.locked(folder, 7), recording_files.appending(folder, 7, NAME) as file:
        file.write(data, offset, is_final=is_final)
    return (folder / "7" / NAME).read_bytes()


def refusal(call, *arguments, **changes):
    with pytest.raises(RecordingsUnusable) as caught:
        call(*arguments, **changes)
    assert caught.value.fix
    assert "\n" not in caught.value.line()
    return str(caught.value)


def test_bytes_are_written_at_their_offset_and_the_final_ones_cut_off_the_rest(folder):
    assert write(folder, b"0123456789") == b"0123456789"
    assert write(folder, b"ab", 4) == b"0123ab6789"
    assert write(folder, b"c", 6, is_final=True) == b"0123abc"


def test_folders_and_files_are_for_this_user_only(folder):
    before = os.umask(0)
    try:
        write(folder, b"x")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "7", folder / "7" / NAME)]
    assert modes == [0o700, 0o700, 0o600]


def test_a_file_shorter_than_what_was_saved_is_not_filled_with_nothing(folder):
    write(folder, b"short")
    assert "has 5 bytes, where 6 had been saved" in refusal(write, folder, b"x", 6)
    assert (folder / "7" / NAME).read_bytes() == b"short"


def test_one_writer_waits_for_the_other(folder):
    done = threading.Event()

    def second():
        write(folder, b"second")
        done.set()

    with recording_files.locked(folder, 7):
        thread = threading.Thread(target=second)
        thread.start()
        assert not done.wait(0.2)
        with recording_files.locked(folder, 8), recording_files.appending(folder, 7, NAME) as file:
            file.write(b"first", 0, is_final=False)
    thread.join(10)
    assert (folder / "7" / NAME).read_bytes() == b"second"


def test_bytes_and_names_are_on_the_disk_before_it_is_said(folder, monkeypatch):
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor, sync=os.fsync: synced.append(seen(descriptor)) or sync(descriptor)
    )
    write(folder, b"first")
    assert synced[-3:] == [(folder, ["7", ".locks"]), (folder / "7", [NAME]), (folder / "7" / NAME, b"first")]
    write(folder, b"second", 5)
    assert synced[-1] == (folder / "7" / NAME, b"firstsecond")


def seen(descriptor):
    path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    return path, sorted(os.listdir(path), reverse=True) if path.is_dir() else path.read_bytes()


def test_a_link_in_the_files_place_is_not_followed(folder, tmp_path):
    (tmp_path / "victim").write_text("precious")
    (folder / "7").mkdir(parents=True)
    (folder / "7" / NAME).symlink_to(tmp_path / "victim")
    assert "has a link" in refusal(write, folder, b"x")
    assert "has a link" in refusal(recording_files.opened, folder, 7, NAME, 0)
    recording_files.remove(folder, 7, NAME)
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_link_in_the_sessions_place_is_not_followed(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / NAME).write_text("precious")
    folder.mkdir(parents=True)
    (folder / "7").symlink_to(tmp_path / "elsewhere")
    assert "has a link" in refusal(recording_files.opened, folder, 7, NAME, 0)
    for call in (recording_files.remove, recording_files.size):
        assert "has a link" in refusal(call, folder, 7, NAME)
    assert "has a link" in refusal(write, folder, b"x")
    assert (tmp_path / "elsewhere" / NAME).read_text() == "precious"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(folder, make):
    (folder / "7").mkdir(parents=True)
    make(folder / "7" / NAME)
    assert "something else where a file" in refusal(write, folder, b"x")
    assert "something else where a file" in refusal(recording_files.opened, folder, 7, NAME, 0)


def test_a_file_in_the_folders_place_is_one_clear_line(folder):
    folder.parent.mkdir()
    folder.write_text("")
    assert "has a link or something else" in refusal(write, folder, b"x")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk_is_said_with_what_to_do():
    descriptor = os.open("/dev/full", os.O_RDWR)
    try:
        said = refusal(recording_files.OpenRecording(descriptor, "var/recordings").write, b"x", 0, is_final=False)
    finally:
        os.close(descriptor)
    assert said == "The folder of recordings var/recordings is full."


def test_a_file_is_read_and_removed_and_may_be_gone(folder):
    write(folder, b"all", is_final=True)
    with recording_files.opened(folder, 7, NAME, 3) as file:
        assert file.read() == b"all"
    for session_id in (7, 7, 8):
        recording_files.remove(folder, session_id, NAME)
    assert not (folder / "7").exists()
    assert "lacks a recording" in refusal(recording_files.opened, folder, 7, NAME, 3)


def test_a_folder_stays_while_another_file_is_in_it(folder):
    write(folder, b"all")
    (folder / "7" / "other").write_text("kept")
    recording_files.remove(folder, 7, NAME)
    assert [path.name for path in (folder / "7").iterdir()] == ["other"]


def test_a_file_is_not_read_as_more_than_it_is(folder):
    write(folder, b"all")
    assert "has 3 bytes, where 4 had been saved" in refusal(recording_files.opened, folder, 7, NAME, 4)
    recording_files.opened(folder, 7, NAME, 2).close()


def test_the_size_of_a_file_is_known_and_0_without_one(folder):
    assert recording_files.size(folder, 7, NAME) == 0
    write(folder, b"all")
    assert [recording_files.size(folder, 7, name) for name in (NAME, "other")] == [3, 0]
    assert recording_files.size(folder, 8, NAME) == 0


def test_files_of_sessions_are_found_and_nothing_else(folder):
    assert recording_files.found(folder) == []
    write(folder, b"all")
    os.utime(folder / "7" / NAME, (1, 1000))
    (folder / "7" / "link").symlink_to(NAME)
    (folder / "8").symlink_to("7")
    (folder / "9").write_text("")
    for name in ("07", "9" * 30, "x7", "\u0667"):
        (folder / name).mkdir()
        (folder / name / NAME).write_text("")
    assert recording_files.found(folder) == [recording_files.Found(7, NAME, 3, 1000)]


def test_a_folder_that_is_checked_is_there(folder):
    recording_files.check(folder, 0)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_said():
    assert "cannot be made there" in refusal(recording_files.check, Path("/proc/nowhere"), 0)


def test_a_folder_without_room_is_said(folder, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=99))
    recording_files.check(folder, 99)
    assert "is full" in refusal(recording_files.check, folder, 100)


def test_a_folder_that_may_not_be_written_is_said():
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o500)
        users = os.getresuid()
        if users[1] == 0:
            # Root may write everywhere; the real user is who is asked about.
            os.setresuid(65534, -1, -1)
        try:
            assert "may not be written" in refusal(recording_files.check, Path(name), 0)
        finally:
            os.setresuid(*users)


def test_no_descriptor_is_left_open(folder):
    write(folder, b"x")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        write(folder, b"x")
        refusal(recording_files.opened, folder, 7, "other", 0)
        refusal(recording_files.opened, folder, 7, NAME, 2)
        recording_files.opened(folder, 7, NAME, 1).close()
        (folder / "7" / "pipe").exists() or os.mkfifo(folder / "7" / "pipe")
        refusal(recording_files.opened, folder, 7, "pipe", 0)
        recording_files.size(folder, 7, NAME)
        recording_files.found(folder)
        recording_files.remove(folder, 7, "other")
    assert len(os.listdir("/proc/self/fd")) == before
