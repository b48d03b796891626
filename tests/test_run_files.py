"""The files of a run: what is published is what was checked, and nobody else takes hold of it meanwhile."""

import os
import stat

import pytest

from notebooks.runner.run_files import RunFiles


@pytest.fixture
def files(tmp_path):
    """Files of a run that has written its notebook and a line of its log."""
    files = RunFiles.make(tmp_path / "small")
    files.save('{"cells": []}')
    files.log.write_text("one\n", encoding="utf-8")
    return files


def is_free(files):
    with RunFiles(files.folder, files.name).held() as is_mine:
        return is_mine


def test_who_still_has_the_log_open_writes_nothing_into_the_published_one(files):
    with open(files.log, "a", encoding="utf-8") as stray:
        files.copy_log()
        stray.write("a secret\n")
        stray.flush()
        files.publish_notebook()
        stray.write("another\n")
    assert files.log.read_text(encoding="utf-8") == "one\n"
    assert files.shown().keys() == {"notebook", "log"}
    assert stat.S_IMODE(files.log.stat().st_mode) == stat.S_IMODE(files.notebook.stat().st_mode) != 0o600


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_what_is_published_may_be_read_by_whom_the_umask_allows(files, umask, mode):
    before = os.umask(umask)
    try:
        files.copy_log()
        files.publish_notebook()
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (files.notebook, files.log)} == {mode}


def test_files_are_held_until_the_end_of_the_block_when_their_log_was_published_too(files):
    with files.held() as is_mine:
        assert (is_mine, is_free(files)) == (True, False)
        files.copy_log()
        files.publish_notebook()
        assert not is_free(files)
    assert is_free(files)


def test_what_was_checked_is_not_left_beside_what_is_kept_back(files):
    files.copy_log()
    assert [path.name.partition(".")[2] for path in files.block()] == ["blocked.ipynb", "blocked.log"]
    assert len(list(files.folder.iterdir())) == 2


def test_a_log_that_is_a_link_by_now_is_neither_read_nor_opened_to_others(files, tmp_path):
    ring = tmp_path / "key_ring.json"
    ring.write_text("secret", encoding="utf-8")
    ring.chmod(0o600)
    files.log.unlink()
    files.log.symlink_to(ring)
    with pytest.raises(OSError, match="symbolic"):
        files.copy_log()
    files.publish_notebook()
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    assert files.shown().keys() == {"notebook"}


def test_a_pipe_in_a_place_that_is_written_to_gives_way(files):
    for path in (files._saving, files.log_aside):
        os.mkfifo(path)
    files.save("{}")
    files.copy_log()
    assert (files.aside.read_text(), files.log_aside.read_text()) == ("{}", "one\n")


def test_half_of_a_pair_of_surrogates_is_saved_as_json_writes_it(files):
    files.save('{"text": "\ud800"}')
    assert files.aside.read_text(encoding="utf-8") == '{"text": "\\ud800"}'
