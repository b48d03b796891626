"""Settings: where they come from, every problem at once, and no secret in sight."""

import pytest

from mailer.config import MailSettings
from store.errors import SettingsError
from store.redaction import redact
from store.settings import Settings


def load(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def findings(monkeypatch, **variables):
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, **variables)
    assert all(finding.fix for finding in caught.value.findings)
    return {finding.id: finding.line() for finding in caught.value.findings}


def test_without_anything_set_the_defaults_hold():
    settings = Settings.load()
    assert settings.database_url.get_secret_value() == "sqlite:///var/interviews.db"
    assert (settings.interview_timezone, settings.interview_opens_before, settings.interview_closes_after) == (
        "Asia/Kolkata", 15, 15,
    )  # fmt: skip


def test_the_environment_wins_over_the_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("INTERVIEW_OPENS_BEFORE=5\nINTERVIEW_CLOSES_AFTER=7\nUNKNOWN_THING=1\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    settings = load(monkeypatch, INTERVIEW_OPENS_BEFORE="6")
    assert (settings.interview_opens_before, settings.interview_closes_after) == (6, 7)


def test_every_wrong_setting_is_found_at_once_with_its_fix(monkeypatch):
    found = findings(
        monkeypatch, INTERVIEW_TIMEZONE="India", BACKEND_URL="interviews.example.com", INTERVIEW_OPENS_BEFORE="-1",
        PORTAL_PORT="http",
    )  # fmt: skip
    assert sorted(found) == [
        "settings.backend_url", "settings.interview_opens_before", "settings.interview_timezone", "settings.portal_port",
    ]  # fmt: skip
    assert "correct BACKEND_URL in .env or the environment." in found["settings.backend_url"]


@pytest.mark.parametrize("url", [
    "", "example.com", "ftp://example.com", "https://", "https://example.com/app", "https://example.com/?a=1",
    "https://user:pw@example.com", "https://münchen.example", "https://example.com:99999", "https://example.com#x",
    "https://example.com:0", "https://[bad",
])  # fmt: skip
def test_a_link_address_must_be_scheme_and_host(monkeypatch, url):
    assert list(findings(monkeypatch, BACKEND_URL=url)) == ["settings.backend_url"]


@pytest.mark.parametrize(("url", "is_local"), [
    ("http://localhost:8000", True), ("http://127.0.0.9", True), ("http://[::1]:8000", True), ("http://0.0.0.0", True),
    ("http://portal.localhost", True), ("https://interviews.example.com", False), ("https://localhost.example.com", False),
])  # fmt: skip
def test_a_link_that_opens_on_this_machine_only_is_known(monkeypatch, url, is_local):
    assert load(monkeypatch, BACKEND_URL=url).links_are_local is is_local


def test_the_links_host_has_no_port_and_the_address_no_slash(monkeypatch):
    settings = load(monkeypatch, BACKEND_URL="https://Interviews.example.com:8443/")
    assert settings.backend_host == "interviews.example.com"
    assert settings.backend_url == "https://Interviews.example.com:8443"


@pytest.mark.parametrize("address", ["ops", "Ops <ops@example.com>", "a@example.com, b@example.com", "a b@example.com",
                                     "ops@example", "a@example.com\nBcc: x@example.com"])  # fmt: skip
def test_the_address_of_ops_must_be_one_plain_address(monkeypatch, address):
    found = findings(monkeypatch, OPS_EMAIL=address)
    assert list(found) == ["settings.ops_email"]
    assert "correct OPS_EMAIL in .env or the environment." in found["settings.ops_email"]


def test_the_address_of_ops_is_kept_as_mails_are_sent_to_it(monkeypatch):
    assert Settings.load().ops_email == ""
    assert load(monkeypatch, OPS_EMAIL=" Ops@Example.COM ").ops_email == "Ops@example.com"


def test_further_hosts_are_listed_with_commas(monkeypatch):
    assert load(monkeypatch, PORTAL_HOSTS=" a.example.com, B.example.com ,").portal_hosts == (
        "a.example.com",
        "b.example.com",
    )


def test_no_secret_is_in_the_representation_or_in_a_finding(monkeypatch):
    secret = "hunter2hunter2"
    settings = load(monkeypatch, DATABASE_URL=f"postgresql://u:{secret}@h/d", SESSION_KEY_RING=secret)
    assert secret not in repr(settings) + str(settings)
    found = findings(monkeypatch, BACKEND_URL=f"https://u:{secret}@example.com", PORTAL_PORT=secret)
    assert secret not in str(found)


def test_an_env_file_that_is_no_text_is_one_clear_finding(monkeypatch, tmp_path):
    (tmp_path / ".env").write_bytes(b"BACKEND_URL=\xff\xfe\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    assert list(findings(monkeypatch)) == ["settings.env_file"]


def test_the_line_of_the_env_file_with_a_sign_that_is_no_utf_8_is_named(monkeypatch, tmp_path):
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbf" + b"# note\n" * 2000 + b"EMAIL_HOST_PASSWORD=hunter2\xfcx\nA=1\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    with pytest.raises(
        SettingsError, match=r"\.env, line 2001 has a sign that is not UTF-8 text\. To fix: type"
    ) as told:
        Settings.load()
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "PORTAL_PORT",
            "abc",
            "PORTAL_PORT='abc' is not a whole number from 0 to 65535. To fix: write PORTAL_PORT=8000",
        ),
        ("PORTAL_PORT", "8.5", "PORTAL_PORT='8.5' is not a whole number from 0 to 65535."),
        ("PORTAL_PORT", "", "PORTAL_PORT='' is not a whole number from 0 to 65535."),
        ("PORTAL_PORT", "70000", "PORTAL_PORT='70000' is not a whole number from 0 to 65535."),
        ("INTERVIEW_OPENS_BEFORE", "-5", "INTERVIEW_OPENS_BEFORE='-5' is not a whole number from 0 to 1440."),
        ("PORTAL_PORT", "a-password", "PORTAL_PORT (a text of 10 characters) is not a whole number from 0 to 65535."),
        ("RECORDING_BYTES", "1", "RECORDING_BYTES='1' is not a whole number of at least 100000."),
    ],
)
def test_a_number_that_is_none_is_told_with_what_was_given_and_what_to_write(monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as told:
        Settings.load()
    assert said in str(told.value)
    assert "in .env or the environment." in str(told.value)


@pytest.mark.parametrize(("text", "lines"), [
    ('A=1\nDATABASE_URL="postgresql://x:hunter2@db/y\n', [2]), ("DATABASE_URL postgresql://x:hunter2@db/y\n", [1]),
    ("\n# note\n\nDATABASE_URL: postgresql://x:hunter2@db/y\n", [4]), ("DATABASE_URL:postgresql://x:hunter2@db/y", [1]),
    ("A=1\nhunter2\nB = 2\nC 3\n", [2, 4]),
])  # fmt: skip
def test_a_line_of_the_env_file_that_is_no_setting_is_found_by_its_number(monkeypatch, tmp_path, text, lines):
    (tmp_path / ".env").write_text(text)
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert [(found.id, found.what) for found in caught.value.findings] == [
        ("settings.env_file", f".env, line {line} is no setting.") for line in lines
    ]
    assert "hunter2" not in str(caught.value)


def test_an_env_file_in_every_usual_form_is_read(monkeypatch, tmp_path):
    text = "\ufeffINTERVIEW_OPENS_BEFORE=5\r\nexport OPS_EMAIL='a@example.com' # who\r\n\r\nX=\nY=\"two\nlines\"\n"
    (tmp_path / ".env").write_text(text, encoding="utf-8", newline="")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    settings = load(monkeypatch)
    assert (settings.interview_opens_before, settings.ops_email) == (5, "a@example.com")


def test_a_folder_in_the_place_of_the_env_file_is_one_clear_finding(monkeypatch, tmp_path):
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path)
    assert list(findings(monkeypatch)) == ["settings.env_file"]


def test_secret_settings_are_hidden_wherever_the_process_writes(monkeypatch):
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "hunter2-canary")
    monkeypatch.setenv("DATABASE_URL", "postgresql://ops:tiger-canary@127.0.0.1/record")
    MailSettings.load()
    Settings.load()
    assert redact("said hunter2-canary and tiger-canary") == "said *** and ***"


@pytest.mark.parametrize(("ring", "is_secret"), [("/run/ring", False), ("/tmp", False), ('{"current": "1"}', True)])
def test_the_path_of_a_key_ring_is_no_secret_and_the_ring_itself_is(ring, is_secret):
    assert (ring in Settings(session_key_ring=ring).named_secrets()) is is_secret


@pytest.mark.parametrize("password", ["a://secret-word", "secret-word.json", "secret-word.db"])
def test_a_password_that_looks_like_an_address_or_a_path_is_a_secret(password):
    assert password in MailSettings(email_host_password=password).named_secrets()


def test_a_password_in_the_query_of_the_database_address_is_a_secret_too():
    url = "postgresql://127.0.0.1/x?user=u&password=Zq7vex%54rel99"
    assert "Zq7vexTrel99" in Settings(database_url=url).named_secrets()


@pytest.mark.parametrize(
    "url", ["postgresql://u:p[x9Secret@h/n", "postgresql://u:pa\uff1fss9Secret@h/n", "postgresql://u:p@h:x/n"]
)
def test_an_address_of_the_record_that_cannot_be_read_is_told_with_its_fix_and_stands_for_no_other(url):
    for load in (Settings.load, Settings.load_right_ones):
        with pytest.raises(SettingsError) as refused:
            load(database_url=url, _env_file=None)
        [finding] = refused.value.findings
        assert finding.what.startswith("DATABASE_URL: cannot be read as an address")
        assert "%5B for [" in finding.what
        assert "Secret" not in finding.line()
    assert redact(f"it is {url.rpartition('@')[0].rpartition(':')[2]}") == "it is ***" or "@h:x" in url


def test_the_other_secrets_are_hidden_though_the_address_of_the_record_cannot_be_read():
    with pytest.raises(SettingsError):
        Settings.load(database_url="postgresql://u:p[x@h/n", ops_token="abcdefghij0123456789XYZ", _env_file=None)
    assert redact("abcdefghij0123456789XYZ") == "***"


def test_wrong_settings_are_told_beside_the_right_ones_and_have_their_defaults():
    settings, wrong = Settings.load_right_ones(portal_port="eighty", portal_host="::1", runs_folder=" ", _env_file=None)
    assert [finding.id for finding in wrong] == ["settings.portal_port", "settings.runs_folder"]
    assert (settings.portal_port, settings.portal_host, settings.runs_folder) == (8000, "::1", "runs")


def test_the_password_that_libpq_takes_from_the_environment_is_a_secret(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "of-the-database")
    assert Settings(_env_file=None).named_secrets()["of-the-database"] == "PGPASSWORD"
