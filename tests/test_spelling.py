"""Names in .env that are nearly settings: warned of, their values never shown."""

import pytest
from test_mail_config import checked

from mailer.config import MailSettings


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("EMAIL_HOSTT=canary", "write EMAIL_HOST, or take the line out."),
        ("EMIAL_HOST=canary", "write EMAIL_HOST, or take the line out."),
        ("imap_folder=canary", "write IMAP_FOLDERS, or take the line out."),
        ("EMAIL_QQQQ_ZZZZ=canary", "correct the name, or take the line out."),
    ],
)
def test_a_mistyped_name_in_the_file_of_settings_is_warned_of_and_its_value_not_shown(
    tmp_path, monkeypatch, line, words
):
    (tmp_path / ".env").write_text(f"\ufeff{line}\nEMAIL_PORT=587\nLIVE_EMAIL_TO=a@acme.in\nPATH_OF_MINE=1\n", "utf-8")
    monkeypatch.setitem(MailSettings.model_config, "env_file", tmp_path / ".env")
    (warning,) = checked().warnings
    assert (warning.id, warning.fix) == ("mail.name_unknown", words)
    assert line.partition("=")[0] in warning.what
    assert "canary" not in repr(warning)


def test_a_mistyped_name_is_the_first_finding_and_stands_for_the_setting_that_it_leaves_out(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("EMAIL_BAKEND=canary\nEMAIL_HOSTT=canary\n", "utf-8")
    monkeypatch.setitem(MailSettings.model_config, "env_file", tmp_path / ".env")
    done = checked(email_backend="", default_from_email="")
    assert [(found.id, found.fix.partition(" instead")[0]) for found in done.findings[:1]] == [
        ("mail.name_unknown", "write EMAIL_BACKEND")
    ]
    assert [found.id for found in done.findings[1:]] == ["mail.from_missing"]
    assert [found.fix for found in done.warnings] == ["write EMAIL_HOST, or take the line out."]
    assert "canary" not in repr(done.findings)
