"""The mailer's commands.

`python -m mailer verify | check | dkim-record | deliver [--follow] | resume | resend ID | sandbox`.
"""

import argparse
import logging
import signal
import sys
import threading

from mailer.config import Checked, MailSettings, check
from mailer.config.readings import Notes
from mailer.config.surroundings import dkim_key_of
from mailer.delivery import deliver, follow
from mailer.dkim_signing import public_record
from mailer.errors import ConfigurationRefused
from mailer.verification import command as verify_command
from store import accounts, database, debuglog, outbox, redaction, session_keys, times
from store.errors import Refusal, SettingsError
from store.settings import Settings

DONE, FAILED, WRONG_SETTINGS = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Runs one command; gives its exit code: 0 done, 1 mails failed or wait, 2 wrong settings."""
    redaction.install_excepthook()
    if arguments[:1] == ["sandbox"]:
        from mailer.sandbox import child

        return child.main(arguments[1:])
    options = _options(arguments)
    try:
        return options.run(options)
    except (SettingsError, ConfigurationRefused) as refused:
        for finding in refused.findings:
            print(f"mailer: {finding.line()}", file=sys.stderr)
        return WRONG_SETTINGS
    except Refusal as refused:
        print(f"mailer: {redaction.redact(refused.line())}", file=sys.stderr)
        return WRONG_SETTINGS


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mailer", description="Delivers the mails of booked interviews.")
    commands = parser.add_subparsers(required=True, metavar="command")
    sending = commands.add_parser("deliver", help="send everything that is due")
    sending.add_argument("--follow", action="store_true", help="go on until stopped")
    sending.add_argument("--quiet", action="store_true", help="no log line for each mail")
    sending.set_defaults(run=_deliver)
    commands.add_parser("sandbox", help="a mail server on this machine that keeps what it gets")
    verify_command.add_to(commands)
    commands.add_parser("check", help="say what is wrong with the mail settings").set_defaults(run=_check)
    commands.add_parser("dkim-record", help="print the DNS record for DKIM_PRIVATE_KEY_FILE").set_defaults(run=_record)
    commands.add_parser("resume", help="lift the pause of mail accounts").set_defaults(run=_resume)
    again = commands.add_parser("resend", help="queue a failed or unknown mail again")
    again.add_argument("id", type=_id, help="the mail's id, as its log line and its table say")
    again.set_defaults(run=_resend)
    return parser.parse_args(arguments)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**63):
        raise argparse.ArgumentTypeError("a mail's id is a whole number above 0")
    return int(text)


def _checked(shared: Settings) -> Checked:
    checked = check(MailSettings.load(), shared)
    for note in (*checked.repairs, *checked.warnings):
        print(f"mailer: {note.line()}", file=sys.stderr)
    return checked


def _deliver(options: argparse.Namespace) -> int:
    handler = logging.StreamHandler()
    handler.setFormatter(debuglog.formatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    shared = Settings.load()
    account = _checked(shared).usable()
    db = database.open_record(shared.database_url.get_secret_value())
    ring = session_keys.load_ring(db, shared.session_key_ring.get_secret_value(), now=times.now())
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    given = {"account": account, "settings": shared, "ring": ring, "trace": not options.quiet, "stop": stop}
    report = follow(db, **given) if options.follow else deliver(db, **given)
    print(report.sentence())
    return DONE if report.is_clean else FAILED


def _check(_: argparse.Namespace) -> int:
    account = _checked(Settings.load()).usable()
    print(f"The mail settings are usable: {account.backend} {account.host}:{account.port} ({account.security}).")
    return DONE


def _record(_: argparse.Namespace) -> int:
    """Needs the DKIM_ settings only: the record is published before the rest is set."""
    notes = Notes()
    key = dkim_key_of(MailSettings.load(), "", notes)
    if key is None:
        fix = "set DKIM_DOMAIN, DKIM_SELECTOR and DKIM_PRIVATE_KEY_FILE, then run this again."
        notes.wrong("dkim_missing", "No DKIM_ setting is set, so there is no key to publish.", fix)
    if key is None or notes.findings:
        raise ConfigurationRefused(notes.findings)
    for note in notes.warnings:
        print(f"mailer: {note.line()}", file=sys.stderr)
    short = f"{key.selector}._domainkey"
    print(f"Type:  TXT\nName:  {short}.{key.domain} (many forms want only {short})\nValue: {public_record(key)}")
    return DONE


def _resume(_: argparse.Namespace) -> int:
    db = database.open_record(Settings.load().database_url.get_secret_value())
    lifted = accounts.resume(db, now=times.epoch(times.now()))
    print(f"{lifted} pause(s) lifted; the next delivery sends what waits.")
    return DONE


def _resend(options: argparse.Namespace) -> int:
    db = database.open_record(Settings.load().database_url.get_secret_value())
    if outbox.resend(db, options.id, now=times.epoch(times.now())):
        print(f"Mail {options.id} is queued again; the next delivery sends it.")
        return DONE
    print(f"mailer: {_not_resent(db, options.id)}", file=sys.stderr)
    return FAILED


def _not_resent(db: database.Database, number: int) -> str:
    found = database.fetch(db, "SELECT state FROM notification WHERE id = ?", (number,))
    if not found:
        return f"there is no mail {number}. To fix: give the id that stands in the mail's log line or table."
    state = found[0][0].replace("_", " ")
    if state in ("failed", "unknown", "superseded"):
        return f"a newer mail of the same interview took the place of mail {number}. To fix: resend that one, if it failed."
    what = f"mail {number} is {state}, and only one that failed, or whose fate is unknown, is sent again."
    return f"{what} To fix: nothing is to be done; `python -m mailer deliver` sends what waits."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
