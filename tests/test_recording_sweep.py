"""What a crash left among the recordings goes when a portal starts, and nothing that may be somebody's."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import recording_studio
from portal_office import running
from recording_studio import OTHER_TAKE, PAGE, TAKE, WEBM, files

from store import recording_files, recordings

session_id, folder, send = recording_studio.session_id, recording_studio.folder, recording_studio.send


def left(desk, path, *, days=2, size=10):
    """A file that lies there for so long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    at = desk.epoch - days * 86_400
    os.utime(path, (at, at))
    return path


def test_the_sweep_removes_what_crashes_left_and_nothing_else(desk, send, folder, session_id):
    send(is_final=True)
    send(take=OTHER_TAKE)
    old = left(desk, folder / str(session_id) / f"3-unknown-{TAKE}.webm")
    desk.change("UPDATE recording SET state = 'discarded' WHERE take = ?", OTHER_TAKE)
    assert recordings.sweep(desk.db, folder, desk.now) == 2
    assert (list(files(folder)), old.exists()) == ([f"{session_id}/3-{TAKE}.webm"], False)
    assert recordings.sweep(desk.db, folder, desk.now) == 0


def test_the_sweep_keeps_what_may_be_somebodys(desk, folder, session_id):
    own = folder / str(session_id)
    kept = [
        left(desk, own / f"3-{TAKE}.webm", days=0.9),
        left(desk, own / f"4-{TAKE}.webm", size=300_000),
        left(desk, own / "notes.txt"),
        left(desk, folder / "99" / f"3-{TAKE}.webm"),
        left(desk, folder / f"3-{TAKE}.webm"),
    ]
    (own / f"5-{TAKE}.webm").symlink_to(kept[0])
    (folder / "98").symlink_to(own)
    assert recordings.sweep(desk.db, folder, desk.now) == 0
    assert all(path.exists() for path in kept)


def test_the_sweep_needs_no_folder(desk, session_id, folder):
    assert (recordings.sweep(desk.db, folder, desk.now), folder.exists()) == (0, False)


def test_the_sweep_leaves_what_its_page_goes_on_with(desk, send, folder, session_id):
    left(desk, folder / str(session_id) / f"3-{TAKE}.webm")
    send()
    os.utime(folder / str(session_id) / f"3-{TAKE}.webm", (1, 1))
    assert recordings.sweep(desk.db, folder, desk.now) == 0
    assert list(files(folder).values()) == [WEBM]


def test_the_sweep_looks_again_when_no_page_writes(desk, session_id, folder):
    path = left(desk, folder / str(session_id) / f"3-{TAKE}.webm")
    with ThreadPoolExecutor(1) as threads:
        with recording_files.locked(folder, session_id):
            swept = threads.submit(lambda: (recordings.sweep(desk.db, folder, desk.now), desk.db.close()))
            time.sleep(0.3)
            desk.change(
                "INSERT INTO recording (session_id, number, take, page, media_type, size, state, started_at, changed_at)"
                " VALUES (?, 3, ?, ?, 'video/webm', 10, 'uploading', 1, 1)", session_id, TAKE, PAGE,
            )  # fmt: skip
        assert (swept.result(10)[0], path.exists()) == (0, True)


def test_a_starting_portal_sweeps(send, desk, folder, tmp_path, record_url):
    send()
    send(take=OTHER_TAKE)
    desk.change("UPDATE recording SET state = 'discarded' WHERE take = ?", TAKE)
    with running(record_url, tmp_path, RECORDINGS_FOLDER=str(folder)) as installation:
        assert [OTHER_TAKE in name for name in files(folder)] == [True]
    assert installation.errors.read_text() == ""


def test_a_portal_that_cannot_sweep_starts_all_the_same(send, desk, folder, tmp_path, record_url):
    send()
    desk.change("UPDATE recording SET state = 'discarded'")
    (folder / ".locks").rename(folder / ".locks aside")
    (folder / ".locks").write_text("a file in its place")
    with running(record_url, tmp_path, RECORDINGS_FOLDER=str(folder)) as installation:
        assert installation.ask("GET", "/healthz").status == 200
    assert "recordings were not swept: The folder of recordings" in installation.errors.read_text()
