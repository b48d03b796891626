"""What a failure means and what to do: known signatures first, then `fallbacks`. The tables of replies lie beside it."""

from collections.abc import Callable
from dataclasses import replace

from mailer.errors import Failure
from mailer.fallbacks import AGAIN, FALLBACKS, LOST, OTHERWISE, fallback
from mailer.general_replies import GENERAL_REPLIES, TOO_BIG
from mailer.provider_replies import PROVIDER_REPLIES
from mailer.providers import recognised
from mailer.verdicts import DAY, HOUR, LATER, MINUTE, NEVER, PAUSE, UNKNOWN, Signature, Verdict

__all__ = [
    "LATER",
    "NEVER",
    "PAUSE",
    "SIGNATURES",
    "UNKNOWN",
    "Verdict",
    "classify",
    "given_up",
    "lifting",
    "retry_pause",
]

FIRST_PAUSE, LONGEST_PAUSE = MINUTE, 4 * HOUR
MAX_ATTEMPTS = 40
"""So many tries reach over MAX_AGE with the growing pauses; more means that something is wrong with the pauses."""
MAX_AGE = 4 * DAY
"""Seconds after which later becomes failed (RFC 5321 section 4.5.4.1: four to five days)."""

_ON = "Verification is NOT switched off."
_NOT_TRUSTED = f"Certificate not trusted: set EMAIL_HOST to the name on it or add the CA (EMAIL_CA_FILE). {_ON}"
_STARTTLS_WANTED = "Port 587 needs EMAIL_USE_TLS=True, EMAIL_USE_SSL=False (or use 465 with SSL)."
_BY_ADDRESS = (
    "for a relay that knows this machine by its address, clear EMAIL_HOST_USER and EMAIL_HOST_PASSWORD and set"
    " EMAIL_AUTH=none."
)
_SSL_WANTED = "Port 465 needs EMAIL_USE_SSL=True, EMAIL_USE_TLS=False."

LINE_FAULTS = (
    Signature("tls.on_starttls_port", PAUSE, "SSL is set, but this port does not begin with encryption",
              _STARTTLS_WANTED, kind="tls",
              words="wrong.version.number|record.layer.failure|unknown.protocol|http.request", security=("ssl",)),
    Signature("tls.failed", PAUSE, "no common TLS could be agreed",
              "Check EMAIL_PORT and the TLS/SSL switches; the server must speak TLS 1.2 or newer.", kind="tls"),
    *(Signature("tls.silent", LATER, "the server took the connection and does not begin TLS",
                "Check EMAIL_PORT and the TLS/SSL switches: 587 is for EMAIL_USE_TLS=True, 465 for EMAIL_USE_SSL=True.",
                kind=kind, phases=("connect", "starttls"), words="TLS handshake") for kind in ("timeout", "dropped")),
    Signature("tls.certificate_expired", PAUSE, "the certificate has expired",
              f"Have the server's operator renew its certificate (or set this machine's clock right). {_ON}",
              kind="certificate", words="expired"),
    Signature("tls.certificate_early", PAUSE, "the certificate is not valid yet",
              f"Set this machine's clock right, or have the server's operator look at the certificate. {_ON}",
              kind="certificate", words="not yet valid"),
    Signature("tls.certificate_name", PAUSE, "the certificate is for another name",
              f"Set EMAIL_HOST to a name on the certificate. {_ON}",
              kind="certificate", words="mismatch|not valid for|doesn't match"),
    Signature("tls.certificate_self_signed", PAUSE, "the certificate is self-signed",
              f"If the server is yours, give its certificate by EMAIL_CA_FILE; else have it replaced. {_ON}",
              kind="certificate", words="self.signed"),
    Signature("tls.certificate_authority", PAUSE, "the certificate is by an authority that is not known here",
              f"Give the authority's certificate by EMAIL_CA_FILE, or have the server send its whole chain. {_ON}",
              kind="certificate", words="unable to (?:get|verify)"),
    Signature("tls.certificate", PAUSE, "the certificate is self-signed, expired, for another name or by an unknown CA",
              _NOT_TRUSTED, kind="certificate"),
    Signature("tls.plain_password", PAUSE, "a password would go over the network in plain text",
              "Set EMAIL_USE_TLS=True or EMAIL_USE_SSL=True.", kind="no_starttls", phases=("auth",)),
    Signature("tls.no_starttls", PAUSE, "the server offers no encryption, or something on the way takes it out",
              "Server offers no STARTTLS: use 465+SSL; plain text is only for a relay on this machine.",
              kind="no_starttls"),
    Signature("auth.no_token_login", PAUSE, "the server takes no tokens",
              "Set EMAIL_AUTH=password, or EMAIL_HOST to a server that offers XOAUTH2.",
              kind="no_auth", words="^xoauth2; offered: (?!nothing)"),
    Signature("auth.only_tokens", PAUSE, "the server takes no password",
              "Set EMAIL_AUTH=xoauth2 and say where its tokens come from (EMAIL_TOKEN_COMMAND or EMAIL_OAUTH_*).",
              kind="no_auth", words="^password; offered: .*(?:XOAUTH2|OAUTHBEARER)"),
    Signature("auth.no_token", PAUSE, "no token could be had to log in with",
              "Put the source of the tokens right; its words say more.", kind="token"),
    Signature("auth.no_token_yet", LATER, "no token could be had just now",
              "If it stays so, put the source of the tokens right; its words say more.", kind="token_passing"),
    Signature("auth.other_logins", PAUSE, "the server offers only logins that are not spoken here",
              "Have the login by password (PLAIN or LOGIN) switched on at the server, or send through another relay.",
              kind="no_auth", words="offered: (?!nothing)"),
    Signature("auth.hidden", PAUSE, "the server offers no login before the line is encrypted",
              f"Turn EMAIL_USE_TLS on; {_BY_ADDRESS}", kind="no_auth", security=("plain",)),
    Signature("auth.not_offered", PAUSE, "the server offers no login, though the line is encrypted",
              f"Check EMAIL_HOST and EMAIL_PORT (587 and 465 are for whoever logs in, 25 often is not); {_BY_ADDRESS}",
              kind="no_auth"),
    Signature("recipient.utf8", NEVER, "non-ASCII before the @, and the server cannot carry it",
              "Server cannot take this address: ask candidate for an ASCII one.", kind="needs_smtputf8"),
    Signature("message.too_big", NEVER, "the mail is too big for this server",
              TOO_BIG, kind="too_big"),
    Signature("line.dns_temporary", LATER, "the name service does not answer", "Check the network and its DNS.",
              kind="dns", words="temporary failure|try again|name server"),
    Signature("line.dns", PAUSE, "host name wrong, or no DNS", "Cannot find EMAIL_HOST: check spelling and DNS.",
              kind="dns"),
    Signature("line.unreachable", LATER, "no way to that network",
              "Network or host unreachable: ask the network team.",
              kind="refused", words="unreachable|no route"),
    Signature("line.refused", LATER, "nothing listens there",
              "Refused by {place}: check EMAIL_PORT, is the relay running?",
              kind="refused"),
    Signature("line.blocked", LATER, "a firewall; clouds block port 25",
              "Port blocked on the way: use 587 (SES also 2587/2465), ask network team.",
              kind="timeout", phases=("connect",)),
    *(Signature("line.ssl_port", PAUSE, "this port begins with encryption (SSL), and SSL is not set", _SSL_WANTED,
                kind=kind, phases=("banner",), ports=(465, 2465), security=("plain", "starttls"))
      for kind in ("timeout", "dropped")),
    Signature("line.silent", LATER, "the server took the connection and says nothing",
              "Check EMAIL_PORT (465 needs EMAIL_USE_SSL=True) and whether the server is overloaded.",
              kind="timeout", phases=("banner",)),
    Signature("line.no_mail_server", PAUSE, "no mail server answers there", "Check EMAIL_HOST and EMAIL_PORT.",
              kind="protocol", phases=("banner", "ehlo")),
    Signature("tls.injected", PAUSE, "somebody added to the server's words before TLS began",
              "Do not send over this network; ask the network team (RFC 3207, response injection).",
              kind="protocol", phases=("starttls",), words="before TLS began"),
    *(Signature("line.outcome_unknown", UNKNOWN, "the line was lost after the final dot", LOST, kind=kind,
                phases=("dot",)) for kind in ("timeout", "dropped", "protocol")),
    Signature("line.timeout", LATER, "the server does not answer in time", AGAIN, kind="timeout"),
    Signature("line.dropped", LATER, "the connection was lost before the final dot", AGAIN, kind="dropped"),
    Signature("line.protocol", LATER, "the server answers what is no reply",
              "If it stays so, check EMAIL_HOST and EMAIL_PORT.",
              kind="protocol"),
)  # fmt: skip

SIGNATURES = (*PROVIDER_REPLIES, *GENERAL_REPLIES, *LINE_FAULTS, *FALLBACKS)
"""Everything that can be known of a failure."""


def classify(failure: Failure, *, worked_before: bool = False) -> Verdict:
    """What the failure means and what to do. A name that `worked_before` and is gone now is taken to come back."""
    found = _known(failure) if failure.kind != "reply" else (_known_reply(failure) or fallback(failure))
    verdict = found.verdict()
    if found.id == "line.dns" and worked_before:
        verdict = replace(verdict, decision=LATER)
    fix = failure.fix or verdict.fix.replace("{place}", f"{failure.host}:{failure.port}")
    return replace(verdict, fix=fix)


def lifting(verdict: Verdict) -> str:
    """What to do about an account that the failure has paused: its repair alone may change no setting."""
    return f"{verdict.fix} Then run `python -m mailer resume` (a changed setting lifts the pause by itself)."


def _known(failure: Failure) -> Signature:
    return next((fault for fault in LINE_FAULTS if fault.matches(failure, "")), OTHERWISE)


def _known_reply(failure: Failure) -> Signature | None:
    if failure.code is None or failure.code < 400:
        return None
    provider = recognised(failure.host, failure.text).name
    tables = (PROVIDER_REPLIES, GENERAL_REPLIES)
    return next((reply for table in tables for reply in table if reply.matches(failure, provider)), None)


def retry_pause(attempts: int, verdict: Verdict, random: Callable[[], float]) -> float:
    """Seconds to wait after the `attempts`-th try: doubling to four hours, with up to half added at random.

    `random` gives numbers from 0 to 1 (random.random). Never less than the verdict asks for.
    """
    growing = min(FIRST_PAUSE * 2 ** min(max(attempts - 1, 0), 20), LONGEST_PAUSE)
    return max(growing, verdict.pause_seconds) * (1 + random() / 2)


def given_up(attempts: int, age: float) -> bool:
    """Whether a mail that is to go later has been tried long enough: it has then failed. `age` is seconds."""
    return attempts >= MAX_ATTEMPTS or age >= MAX_AGE
