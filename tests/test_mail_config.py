"""The mail settings' check: every fault at once, repairs that are said and never remove TLS, no secret shown."""

import pytest

from mailer.config import MailSettings, check, checking
from mailer.errors import ConfigurationRefused
from mailer.providers import is_loopback, provider_of
from store import places
from store.errors import SettingsError
from store.settings import Settings

SHARED = Settings(_env_file=None, backend_url="https://interviews.acme.in")
GOOD = {
    "email_backend": "smtp",
    "email_host": "mail.acme.in",
    "email_port": "587",
    "email_use_tls": "True",
    "email_host_user": "ops@acme.in",
    "email_host_password": "correct horse",
    "default_from_email": "Acme Interviews <ops@acme.in>",
}
LOCAL = {**GOOD, "email_host": "127.0.0.1", "email_use_tls": "", "email_host_user": "", "email_host_password": ""}


def checked(shared=SHARED, base=GOOD, links=True, **changes):
    return check(MailSettings(_env_file=None, **{**base, **changes}), shared, links=links)


def ids(notes):
    return [note.id for note in notes]


def test_good_settings_give_an_account_without_a_word():
    result = checked()
    account = result.usable()
    assert (result.repairs, result.findings, result.warnings) == ((), (), ())
    assert (account.host, account.port, account.security) == ("mail.acme.in", 587, "starttls")
    assert (account.from_name, account.from_address) == ("Acme Interviews", "ops@acme.in")
    assert (account.timeout, account.deadline, account.lease, account.hold) == (30, 600, 900, 900)


def test_settings_come_from_the_environment_and_types_do_not_matter(monkeypatch):
    monkeypatch.setenv("EMAIL_HOST", "mail.acme.in")
    monkeypatch.setenv("EMAIL_HOST_PASSWORD", "canary")
    mail = MailSettings.load(_env_file=None, email_port=587, email_use_tls=True, email_host_user=None)
    assert (mail.email_host, mail.email_port, mail.email_use_tls, mail.email_host_user) == (
        "mail.acme.in",
        "587",
        "True",
        "",
    )
    assert "canary" not in repr(mail)


# Missing and wrong


def test_nothing_configured_gives_one_finding_for_each_missing_setting_and_no_sandbox():
    result = check(MailSettings(_env_file=None), SHARED)
    assert ids(result.findings) == [
        "mail.backend_missing",
        "mail.host_missing",
        "mail.port_missing",
        "mail.user_missing",
        "mail.password_missing",
        "mail.from_missing",
    ]
    assert result.account is None
    assert all(finding.fix for finding in result.findings)


def test_findings_are_raised_all_at_once_with_their_fixes():
    with pytest.raises(ConfigurationRefused) as refused:
        checked(email_port="58 7", default_from_email="", email_timeout="soon").usable()
    assert ids(refused.value.findings) == ["mail.port_wrong", "mail.from_missing", "mail.timeout_wrong"]
    assert str(refused.value).count("To fix:") == 3


@pytest.mark.parametrize(
    "backend",
    [
        "console",
        "dummy",
        "locmem",
        "filebased",
        "django.core.mail.backends.console.EmailBackend",
        "ours.backends.dummy",
        "Console",
    ],
)
def test_a_backend_that_sends_nothing_counts_as_not_sent(backend):
    result = checked(email_backend=backend)
    assert ids(result.findings) == ["mail.backend_not_sending"]
    assert "EMAIL_BACKEND=smtp" in result.findings[0].fix


@pytest.mark.parametrize("backend", ["smtp", "SMTP", "django.core.mail.backends.smtp.EmailBackend"])
def test_the_dotted_name_of_the_smtp_backend_is_understood(backend):
    assert checked(email_backend=backend).usable().backend == "smtp"


def test_an_unknown_backend_is_refused():
    assert ids(checked(email_backend="anymail.backends.sendgrid.EmailBackend").findings) == ["mail.backend_unknown"]


@pytest.mark.parametrize(
    ("setting", "value", "finding"),
    [
        ("email_host_password", "your-app-password", "mail.password_placeholder"),
        ("email_host_password", "changeme", "mail.password_placeholder"),
        ("email_host_password", "xxxx xxxx xxxx xxxx", "mail.password_placeholder"),
        ("email_host_password", "<app password>", "mail.password_placeholder"),
        ("email_host_password", "${SMTP_PASSWORD}", "mail.password_placeholder"),
        ("email_host_user", "you@example.com", "mail.user_placeholder"),
        ("email_host_user", "your-email@gmail.com", "mail.user_placeholder"),
        ("email_host_user", "someone@example.org", "mail.user_placeholder"),
        ("email_host", "smtp.example.com", "mail.host_placeholder"),
        ("email_host", "smtp.yourdomain.com", "mail.host_placeholder"),
        ("email_host", "your-smtp-server", "mail.host_placeholder"),
        ("default_from_email", "Interviews <you@example.com>", "mail.from_placeholder"),
        ("default_from_email", "noreply@yourdomain.com", "mail.from_placeholder"),
    ],
)
def test_example_values_left_in_place_are_refused_before_connecting(setting, value, finding):
    assert finding in ids(checked(**{setting: value}).findings)


@pytest.mark.parametrize("password", ["yourself-Tr0ub4dor", "p4ssword!x", "Password-7391-tulip", "apikeyish99", "x"])
def test_real_passwords_are_not_taken_for_examples(password):
    assert checked(email_host_password=password).findings == ()


def test_an_example_sender_is_fine_for_a_relay_on_this_machine_but_not_you_at_example():
    assert checked(base=LOCAL, default_from_email="ops@example.com").findings == ()
    assert ids(checked(base=LOCAL, default_from_email="you@example.com").findings) == ["mail.from_placeholder"]


@pytest.mark.parametrize(
    ("setting", "value", "finding"),
    [
        ("email_host", "smtp://mail.acme.in", "mail.host_invalid"),
        ("email_host", "mail.acme.in:587", "mail.host_invalid"),
        ("email_host", "mail acme.in", "mail.host_invalid"),
        ("email_host", "mail.acme.in\nx", "mail.host_invalid"),
        ("email_host", "a..b", "mail.host_invalid"),
        ("email_port", "0", "mail.port_wrong"),
        ("email_port", "70000", "mail.port_wrong"),
        ("email_port", "\u0665\u0668\u0667", "mail.port_wrong"),
        ("email_use_tls", "ture", "mail.use_tls_unreadable"),
        ("email_use_ssl", "2", "mail.use_ssl_unreadable"),
        ("default_from_email", "a@acme.in, b@acme.in", "mail.from_invalid"),
        ("default_from_email", "not an address", "mail.from_invalid"),
        ("default_from_email", "Ops <a@acme.in> x", "mail.from_invalid"),
        ("default_from_email", "a@acme.in\r\nBcc: e@evil.in", "mail.from_invalid"),
        ("default_from_email", "\u00fcnal@acme.in", "mail.from_invalid"),
        ("default_from_email", "Ops\x07 <a@acme.in>", "mail.from_name_invalid"),
        ("default_from_email", "=?utf-8?q?x?= <a@acme.in>", "mail.from_name_invalid"),
        ("email_timeout", "0", "mail.timeout_wrong"),
        ("email_timeout", "inf", "mail.timeout_wrong"),
        ("email_timeout", "nan", "mail.timeout_wrong"),
        ("email_deadline", "-1", "mail.deadline_wrong"),
        ("email_lease", "ten", "mail.lease_wrong"),
        ("email_hold", "-1", "mail.hold_wrong"),
        ("email_deadline", "20", "mail.times_disagree"),
        ("email_lease", "600", "mail.times_disagree"),
        ("email_on_unknown", "maybe", "mail.on_unknown_wrong"),
        ("email_connections", "0", "mail.connections_wrong"),
        ("email_rate", "-5", "mail.rate_wrong"),
        ("email_rate", "1e3", "mail.rate_wrong"),
        ("email_auth", "kerberos", "mail.auth_unsupported"),
        ("email_auth", "xoauth2", "mail.token_missing"),
        ("email_ca_file", "no/such/file.pem", "mail.ca_file_unusable"),
        ("email_ca_file", "pyproject.toml", "mail.ca_file_unusable"),
        ("email_host_password", "", "mail.password_missing"),
        ("email_host_user", "", "mail.user_missing"),
        ("email_host_user", "ops\x00", "mail.user_invalid"),
        ("email_host_password", "a\x00b", "mail.password_invalid"),
        ("allow_local_links", "perhaps", "mail.allow_local_links_unreadable"),
    ],
)
def test_a_mistyped_setting_is_the_one_finding(setting, value, finding):
    result = checked(**{setting: value})
    assert ids(result.findings) == [finding]
    assert result.account is None


def test_blank_numbers_mean_their_defaults():
    account = checked(
        email_timeout="", email_deadline="", email_lease="", email_hold="", email_rate="", email_connections=""
    ).usable()
    assert (account.timeout, account.deadline, account.lease, account.hold, account.rate) == (30, 600, 900, 900, 0)


# TLS and SSL


@pytest.mark.parametrize(
    ("port", "tls", "ssl", "security", "repair"),
    [
        (465, "True", "True", "ssl", "mail.tls_and_ssl"),
        (587, "True", "True", "starttls", "mail.tls_and_ssl"),
        (25, "True", "True", "starttls", "mail.tls_and_ssl"),
        (2525, "True", "True", "starttls", "mail.tls_and_ssl"),
        (465, "", "", "ssl", "mail.security_missing"),
        (465, "True", "", "ssl", "mail.security_wrong"),
        (587, "", "True", "starttls", "mail.security_wrong"),
        (587, "", "", "starttls", "mail.security_missing"),
        (2525, "", "", "starttls", "mail.security_missing"),
        (465, "", "True", "ssl", None),
        (587, "True", "", "starttls", None),
        (2465, "", "yes", "ssl", None),
        (2587, "on", "0", "starttls", None),
    ],
)
def test_tls_and_ssl_are_resolved_by_the_port_and_said_so(port, tls, ssl, security, repair):
    result = checked(email_port=port, email_use_tls=tls, email_use_ssl=ssl)
    assert result.usable().security == security
    assert ids(result.repairs) == ([repair] if repair else [])
    assert all(repaired.permanent and str(port) in repaired.what for repaired in result.repairs)


@pytest.mark.parametrize("port", [2465, 2587, 26, 8025])
def test_both_tls_and_ssl_on_another_port_are_refused(port):
    assert ids(checked(email_port=port, email_use_tls="1", email_use_ssl="1").findings) == ["mail.tls_and_ssl"]


@pytest.mark.parametrize("port", [25, 2587, 8025])
def test_plain_text_to_another_machine_is_refused(port):
    assert ids(checked(email_port=port, email_use_tls="").findings) == ["mail.plain_to_remote"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "relay.localhost"])
def test_plain_text_to_this_machine_is_fine(host):
    account = checked(base=LOCAL, email_host=host, email_port="25").usable()
    assert account.security == "plain"
    assert is_loopback(account.host)


def test_no_repair_ever_takes_tls_away():
    for port in (25, 465, 587, 2525, 2587):
        for tls, ssl in (("1", ""), ("", "1"), ("1", "1")):
            account = checked(email_port=port, email_use_tls=tls, email_use_ssl=ssl).account
            assert account is None or account.security != "plain"


def test_the_same_settings_give_the_same_answer_every_time_and_change_nothing():
    mail = MailSettings(_env_file=None, **{**GOOD, "email_use_ssl": "True"})
    before = mail.model_dump()
    assert check(mail, SHARED) == check(mail, SHARED)
    assert mail.model_dump() == before


# Login


def test_spaces_in_a_gmail_app_password_are_dropped_and_said_so():
    result = checked(email_host="smtp.gmail.com", email_host_password="abcd efgh ijkl mnoq")
    assert result.usable().password.get_secret_value() == "abcdefghijklmnoq"
    assert ids(result.repairs) == ["mail.app_password_spaces"]


def test_spaces_in_another_providers_password_are_kept():
    assert checked().usable().password.get_secret_value() == "correct horse"


def test_a_gmail_password_of_another_shape_is_only_warned_about():
    result = checked(email_host="smtp.gmail.com", email_host_password="hunter2")
    assert ids(result.warnings) == ["mail.app_password_shape"]
    assert result.usable()


def test_a_line_break_after_the_password_is_dropped_and_said_so():
    result = checked(email_host_password="hunter2\n")
    assert result.usable().password.get_secret_value() == "hunter2"
    assert ids(result.repairs) == ["mail.password_trimmed"]


def test_sendgrids_user_must_be_apikey():
    assert ids(checked(email_host="smtp.sendgrid.net").findings) == ["mail.sendgrid_user"]
    assert checked(email_host="smtp.sendgrid.net", email_host_user="apikey").findings == ()


def test_microsofts_end_of_passwords_and_limits_are_warned_about():
    result = checked(email_host="smtp.office365.com", email_connections="8")
    assert ids(result.warnings) == ["mail.basic_auth_ends", "mail.rate_above_limit", "mail.connections_above_limit"]
    assert "December 2026" in result.warnings[0].what
    assert checked(email_host="smtp.office365.com").usable().connections == 3


def test_a_relay_that_needs_no_login_is_said_so_by_setting():
    assert checked(email_auth="none", email_host_user="", email_host_password="").usable().user == ""
    assert ids(checked(email_auth="none").findings) == ["mail.login_not_wanted"]


# Sandbox


def test_the_sandbox_needs_nothing_else_and_keeps_its_mail_in_the_project():
    mail = MailSettings(_env_file=None, email_backend="sandbox")
    account = check(mail, SHARED, sandbox_port=2500).usable()
    assert (account.backend, account.host, account.port, account.security) == ("sandbox", "127.0.0.1", 2500, "plain")
    assert account.mailbox == places.ROOT / "var" / "mailbox"
    assert f"{account.from_name} <{account.from_address}>" == checking.SANDBOX_FROM


def test_the_sandbox_takes_an_example_sender_but_no_broken_one():
    assert checked(email_backend="sandbox", default_from_email="ops@example.com").findings == ()
    assert ids(checked(email_backend="sandbox", default_from_email="ops").findings) == ["mail.from_invalid"]


def test_a_file_in_the_place_of_the_mailbox_is_a_finding(tmp_path):
    file = tmp_path / "mailbox"
    file.write_text("")
    assert ids(checked(email_backend="sandbox", sandbox_mailbox=str(file)).findings) == ["mail.mailbox_no_folder"]


# What is shown, and the fingerprint


def test_the_password_is_in_no_finding_repr_or_error():
    result = checked(email_host_password="canary \x00", email_port="x", email_auth="xoauth2")
    with pytest.raises(ConfigurationRefused) as refused:
        result.usable()
    account = checked(email_host_password="canary").usable()
    assert "canary" not in repr(result) + str(refused.value) + repr(refused.value) + repr(account) + account.fingerprint


def test_the_fingerprint_changes_with_what_a_pause_depends_on_and_with_nothing_else():
    same = checked().usable().fingerprint
    assert len(same) == 16
    assert same == checked(email_timeout="20", email_rate="5", email_connections="2").usable().fingerprint
    changes = [
        {"email_host_password": "other"},
        {"email_host_user": "b@acme.in"},
        {"email_host": "mail2.acme.in"},
        {"email_port": "2587"},
        {"default_from_email": "b@acme.in"},
    ]
    others = [checked(**change).usable().fingerprint for change in changes]
    assert len({same, *others}) == len(changes) + 1


def test_the_sandboxs_fingerprint_does_not_depend_on_its_port():
    mail = MailSettings(_env_file=None, email_backend="sandbox")
    ports = {check(mail, SHARED, sandbox_port=port).usable().fingerprint for port in (0, 2500, 2501)}
    assert len(ports) == 1


def test_an_unreadable_env_file_is_one_clear_line(tmp_path, monkeypatch):
    broken = tmp_path / ".env"
    broken.write_bytes(b"EMAIL_HOST=\xff\xfe")
    with pytest.raises(SettingsError, match="line 1 has a sign that is not UTF-8 text"):
        MailSettings.load(_env_file=broken)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("smtp.gmail.com", "google"),
        ("SMTP.Office365.com.", "microsoft"),
        ("email-smtp.eu-west-1.amazonaws.com", "ses"),
        ("smtp.zoho.in", "zoho"),
        ("notgmail.com", ""),
        ("gmail.com.evil.example", ""),
    ],
)
def test_a_provider_is_known_by_the_end_of_its_host_name(host, name):
    assert provider_of(host).name == name


@pytest.mark.parametrize(("host", "connections"), [("127.0.0.1", 2), ("mail.acme.org", 4)])
def test_a_server_on_this_machine_gets_fewer_connections(host, connections):
    given = MailSettings(email_backend="smtp", email_host=host, email_port="587", email_use_tls="1",
                         email_host_user="u", email_host_password="longer-secret",
                         default_from_email="jobs@acme.org")  # fmt: skip
    assert check(given, Settings(backend_url="https://interviews.acme.org")).usable().connections == connections
