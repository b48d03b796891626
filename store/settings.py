"""Settings shared by the record, the mailer and the portal, read from the environment and `.env` (the environment wins).

The mail account's own settings live in `mailer/config/` on the same base.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from dotenv.parser import Binding, parse_stream
from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from store import redaction, setting_words, times
from store.errors import Finding, SettingsError
from store.places import ROOT

_RECORD = "database_url"


class FromEnvironment(BaseSettings):
    """Reads upper-case variables from the environment and `.env`; unknown ones are left alone."""

    model_config = SettingsConfigDict(
        # A byte-order mark would otherwise become a part of the first name.
        env_file=ROOT / ".env",
        env_file_encoding="utf-8-sig",
        extra="ignore",
        hide_input_in_errors=True,
        frozen=True,
    )

    @classmethod
    def load(cls, **given: Any) -> Self:
        """The settings, `given` ones first. Raises SettingsError with one finding per wrong setting."""
        loaded, findings = cls.load_right_ones(**given)
        if findings:
            raise SettingsError(findings)
        return loaded

    @classmethod
    def load_right_ones(cls, **given: Any) -> tuple[Self, list[Finding]]:
        """The settings with a default for each wrong one, and a finding for each: enough to record that they are wrong.

        Raises SettingsError where nobody knows in which record: for a wrong DATABASE_URL, and a file that cannot be read.
        """
        path, findings, wrong = given.get("_env_file", cls.model_config["env_file"]), [], {}
        try:
            if faults := _env_file_faults(path):
                raise SettingsError(faults)
            try:
                loaded = cls(**given)
            except ValidationError as error:
                findings = [_finding(cls, problem) for problem in error.errors()]
                wrong = {str(problem["loc"][0]): problem["input"] for problem in error.errors()}
                loaded = cls(**given | {name: cls.model_fields[name].default for name in wrong})
        except (UnicodeDecodeError, OSError) as error:
            raise SettingsError([setting_words.unreadable(path, error)]) from None
        redaction.hide_values(loaded.named_secrets())
        if (url := wrong.get(_RECORD)) is not None:
            redaction.hide_values(
                _secrets_in(_RECORD, url.get_secret_value() if isinstance(url, SecretStr) else str(url))
            )
            raise SettingsError(findings)
        return loaded, findings

    def named_secrets(self) -> dict[str, str]:
        """What no log or output of this process may show, each with the name of its setting."""
        given = ((name, value.get_secret_value()) for name, value in self if isinstance(value, SecretStr))
        return {secret: name.upper() for name, value in given for secret in _secrets_in(name, value)}


def _secrets_in(name: str, value: str) -> list[str]:
    """The secret part of a setting: of an address its password, of the key ring's path nothing, else all of it."""
    if name == "session_key_ring" and not value.lstrip().startswith("{"):
        return []
    if name == _RECORD:
        return _database_passwords(value)
    # Without spaces too: a password pasted with some is used without them.
    return [value, value.replace(" ", "")]


def _database_passwords(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return [url, url.rpartition("@")[0].rpartition(":")[2]]
    asked = [text for part, text in parse_qsl(parts.query) if part in ("password", "sslpassword")]
    return [parts.password or "", unquote(parts.password or ""), *asked]


def _finding(settings: type[FromEnvironment], problem: dict[str, Any]) -> Finding:
    return setting_words.wrong(problem, settings.model_fields.get(str(problem["loc"][0]) if problem["loc"] else ""))


def _env_file_faults(path: Path | str | None) -> list[Finding]:
    """What the reader of the file would pass over in silence, so that a default would stand in for a setting."""
    if path is None or not os.path.lexists(path):
        return []
    if not os.path.isfile(path):
        fix = "make .env a text file with a line NAME=value for each setting, or move it away."
        return [Finding("settings.env_file", ".env is not a file.", fix)]
    with open(path, encoding="utf-8-sig") as file:
        bindings = list(parse_stream(file))
    fix = "write NAME=value, and close a quote on the line that opens it."
    return [
        Finding("settings.env_file", f".env, line {_line(binding)} is no setting.", fix)
        for binding in bindings
        if binding.error or (binding.key is not None and binding.value is None)
    ]


def _line(binding: Binding) -> int:
    # Never the text: it may be a password.
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _database_url(url: SecretStr) -> SecretStr:
    try:
        _ = urlsplit(url.get_secret_value()).port
    except ValueError:
        raise ValueError(
            "cannot be read as an address; write it like postgresql://user:password@host:5432/name, with one host, a port"
            " up to 65535, and signs in the password that are no letters or digits in percent form (%5B for [, %40 for @)"
        ) from None
    return url


def _folder(path: str) -> str:
    if not path.strip():
        raise ValueError("is empty; leave the line out for the usual folder, or name one")
    return path


def _zone_name(name: str) -> str:
    times.zone(name)
    return name


def _backend_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is no web address; write it like https://interviews.example.com")
    if parts.query or parts.fragment or parts.username or parts.path not in ("", "/"):
        raise ValueError("must be scheme and host only, like https://interviews.example.com")
    if not url.isascii():
        raise ValueError("must be ASCII; write an international name in its xn-- form")
    if parts.port == 0:
        raise ValueError("port 0 is no port")
    return url.rstrip("/")


def _ops_email(address: str) -> str:
    if not address.strip():
        return ""
    # Here, for the check of addresses takes as long to load as a tenth of all settings.
    from store import addresses

    try:
        return addresses.checked(address.strip())
    except addresses.AddressRefused as refused:
        raise ValueError(f"is no address that mails can go to ({str(refused).rstrip('.')}); {refused.fix}") from None


def _ops_token(token: SecretStr) -> SecretStr:
    value = token.get_secret_value()
    if value and not re.fullmatch(r"[A-Za-z0-9._~+/=-]{20,200}", value):
        raise ValueError(
            "must have 20 to 200 letters, digits and the signs ._~+/=-; one is made by: openssl rand -hex 20"
        )
    return token


class Settings(FromEnvironment):
    """What the whole toolkit shares. Times are minutes, sizes are bytes."""

    database_url: Annotated[SecretStr, AfterValidator(_database_url)] = SecretStr("sqlite:///var/interviews.db")
    backend_url: Annotated[str, AfterValidator(_backend_url)] = "http://localhost:8000"
    ops_email: Annotated[str, AfterValidator(_ops_email)] = ""
    interview_timezone: Annotated[str, AfterValidator(_zone_name)] = "Asia/Kolkata"
    interview_opens_before: int = Field(15, ge=0, le=1440)
    interview_closes_after: int = Field(15, ge=1, le=1440)
    session_key_ring: SecretStr = SecretStr("secrets/key_ring.json")
    portal_host: str = "127.0.0.1"
    portal_port: int = Field(8000, ge=0, le=65535)
    portal_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    portal_processes: int = Field(2, ge=1, le=64)
    ops_token: Annotated[SecretStr, AfterValidator(_ops_token)] = SecretStr("")
    recordings_folder: Annotated[str, AfterValidator(_folder)] = "var/recordings"
    runs_folder: Annotated[str, AfterValidator(_folder)] = "runs"
    recording_bytes: int = Field(200_000_000, ge=100_000)
    candidates_file_bytes: int = Field(200_000_000, ge=1)
    candidates_row_chars: int = Field(20_000, ge=100)
    candidates_file_rows: int = Field(1_000_000, ge=1)

    @field_validator("portal_hosts", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return (
            tuple(part.strip().lower() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    def named_secrets(self) -> dict[str, str]:
        """Those of the settings, and the password that PostgreSQL's own library takes from the environment."""
        return super().named_secrets() | {os.environ.get("PGPASSWORD", ""): "PGPASSWORD"}

    @property
    def backend_host(self) -> str:
        """The host that mails and Message-IDs name, without a port."""
        return urlsplit(self.backend_url).hostname or ""

    @property
    def links_are_local(self) -> bool:
        """Whether a link made from BACKEND_URL opens on this machine only."""
        host = self.backend_host
        return host in ("localhost", "0.0.0.0", "::1", "::") or host.endswith(".localhost") or host.startswith("127.")
