"""Tokens by Google's and Microsoft's own libraries. Both are optional, and imported only when a token is wanted."""

import importlib.util
from calendar import timegm
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import SecretStr

from mailer.tokens import Token, TokenRefused, without_tokens
from store.known_secrets import KnownSecrets

GOOGLE_TOKENS = "https://oauth2.googleapis.com/token"
MICROSOFT_LOGIN = "https://login.microsoftonline.com/"
# learn.microsoft.com, Authenticate an IMAP, POP or SMTP connection using OAuth: what was consented to, IMAP included.
_OF_A_PERSON, _OF_AN_APPLICATION = "https://outlook.office.com/.default", "https://outlook.office365.com/.default"
# OAuth's words (RFC 6749 section 5.2) for what waiting may heal.
_PASSING = ("temporarily_unavailable", "server_error", "internal_failure")
# Both libraries ask again by themselves when a server stumbles.
_TRIES = 3
HttpSession = Callable[[], Any]


def is_installed(module: str) -> bool:
    """Whether a module, `google.auth` or `msal`, is there; nothing is imported but the packages around it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _requests_session() -> Any:
    import requests

    return requests.Session()


@dataclass(frozen=True, slots=True)
class GoogleTokens:
    """Access tokens for a refresh token of a Google account."""

    client_id: str
    client_secret: SecretStr
    refresh_token: SecretStr
    address: str = GOOGLE_TOKENS

    @property
    def identity(self) -> SecretStr:
        secrets = (self.client_secret.get_secret_value(), self.refresh_token.get_secret_value())
        return SecretStr("\0".join(("google", self.client_id, *secrets)))

    def fetch(self, now: float, timeout: float) -> Token:
        from google.auth.exceptions import GoogleAuthError, TransportError
        from google.auth.transport.requests import Request
        from google.oauth2.credentials import Credentials

        credentials = Credentials(
            None, refresh_token=self.refresh_token.get_secret_value(), token_uri=self.address,
            client_id=self.client_id, client_secret=self.client_secret.get_secret_value(),
        )  # fmt: skip
        try:
            with _requests_session() as session:
                credentials.refresh(partial(Request(session), timeout=timeout / _TRIES))
        except TransportError:
            raise _refused("Google's token server cannot be reached.", _GOOGLE_FIX, passing=True) from None
        except GoogleAuthError as error:
            said = self._harmless(str(error.args[0] if error.args else error))
            raise _refused(f"Google gives no token ({said}).", _GOOGLE_FIX, passing=error.retryable) from None
        # The library tells UTC without saying so.
        expires_at = timegm(credentials.expiry.timetuple()) if credentials.expiry else None
        return Token(SecretStr(credentials.token), expires_at)

    def _harmless(self, said: str) -> str:
        return _without(said, self.client_secret, self.refresh_token)


@dataclass(frozen=True, slots=True)
class MicrosoftTokens:
    """Access tokens of Microsoft Entra: for a person's refresh token, or without one for the application itself."""

    tenant: str
    client_id: str
    client_secret: SecretStr = SecretStr("")
    refresh_token: SecretStr = SecretStr("")
    session: HttpSession | None = field(default=None, compare=False)

    @property
    def identity(self) -> SecretStr:
        secrets = (self.client_secret.get_secret_value(), self.refresh_token.get_secret_value())
        return SecretStr("\0".join(("microsoft", self.tenant, self.client_id, *secrets)))

    def fetch(self, now: float, timeout: float) -> Token:
        import requests

        try:
            answer = self._asked(timeout / _TRIES)
        except (requests.RequestException, OSError, LookupError):
            # The library looks into answers without asking whether they are whole.
            what = "Microsoft's token server cannot be reached, or gives half an answer."
            raise _refused(what, _MICROSOFT_FIX, passing=True) from None
        except ValueError as error:
            said = self._harmless(str(error).partition("\n")[0])
            raise _refused(f"Microsoft knows no such tenant ({said}).", _TENANT_FIX, passing=False) from None
        if "access_token" not in answer:
            said = self._harmless(f"{answer.get('error')}: {answer.get('error_description') or ''}")
            passing = answer.get("error") in _PASSING
            raise _refused(f"Microsoft gives no token ({said}).", _MICROSOFT_FIX, passing=passing)
        return Token(SecretStr(answer["access_token"]), now + float(answer.get("expires_in") or 0))

    def _asked(self, timeout: float) -> dict[str, Any]:
        import msal

        secret, refresh = self.client_secret.get_secret_value(), self.refresh_token.get_secret_value()
        own = {"http_client": self.session()} if self.session is not None else {"timeout": timeout}
        # Made anew for each token: what a server refused must not come back out of the library's memory.
        kind = msal.ConfidentialClientApplication if secret else msal.PublicClientApplication
        application = kind(
            self.client_id, client_credential=secret or None, authority=MICROSOFT_LOGIN + self.tenant, **own
        )
        if refresh:
            return application.acquire_token_by_refresh_token(refresh, scopes=[_OF_A_PERSON])
        return application.acquire_token_for_client(scopes=[_OF_AN_APPLICATION])

    def _harmless(self, said: str) -> str:
        return _without(said, self.client_secret, self.refresh_token)


_GOOGLE_FIX = (
    "check EMAIL_OAUTH_CLIENT_ID and EMAIL_OAUTH_CLIENT_SECRET, and have the mailbox's owner allow"
    " https://mail.google.com/ again for a new EMAIL_OAUTH_REFRESH_TOKEN."
)
_MICROSOFT_FIX = (
    "check EMAIL_OAUTH_CLIENT_ID, EMAIL_OAUTH_CLIENT_SECRET (its value, not its id; it expires) and EMAIL_OAUTH_TENANT,"
    " and that the application has SMTP.Send (a person's token) or SMTP.SendAsApp (its own)."
)
_TENANT_FIX = "set EMAIL_OAUTH_TENANT to the tenant's id or domain, as the Entra admin centre shows it."


def _refused(what: str, fix: str, *, passing: bool) -> TokenRefused:
    return TokenRefused(what, fix, passing=passing)


def _without(said: str, *secrets: SecretStr) -> str:
    known = KnownSecrets()
    known.add(secret.get_secret_value() for secret in secrets)
    return without_tokens(known.hide(said))
