"""The mail settings as they are typed. What they mean is told by `config`."""

from contextlib import suppress
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from mailer.account import PASSWORD, RESEND
from store.errors import SettingsError
from store.settings import FromEnvironment, Settings

# Raw text, so that one check can report all that was mistyped instead of the first.
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]


class MailSettings(FromEnvironment):
    """What the mailer reads from the environment, as typed; `config.check` makes an Account of it. Times: seconds."""

    email_backend: Text = ""
    email_host: Text = ""
    email_port: Text = ""
    email_use_tls: Text = ""
    email_use_ssl: Text = ""
    email_auth: Text = PASSWORD
    email_host_user: Text = ""
    email_host_password: SecretStr = SecretStr("")
    email_token_command: Text = ""
    email_token_file: Text = ""
    email_oauth_client_id: Text = ""
    email_oauth_client_secret: SecretStr = SecretStr("")
    email_oauth_refresh_token: SecretStr = SecretStr("")
    email_oauth_tenant: Text = ""
    default_from_email: Text = ""
    email_timeout: Text = "30"
    email_deadline: Text = "600"
    email_lease: Text = "900"
    email_hold: Text = "900"
    email_on_unknown: Text = RESEND
    email_connections: Text = ""
    email_rate: Text = "0"
    email_ca_file: Text = ""
    imap_host: Text = ""
    imap_port: Text = ""
    imap_security: Text = ""
    imap_user: Text = ""
    imap_password: SecretStr = SecretStr("")
    imap_folders: Text = ""
    dkim_domain: Text = ""
    dkim_selector: Text = ""
    dkim_private_key_file: Text = ""
    dns_server: Text = ""
    sandbox_mailbox: Text = "var/mailbox"
    allow_local_links: Text = ""


def know_secrets() -> None:
    """From here on nothing of this process shows a secret of the settings. What is wrong with them is told by who needs them."""
    for settings in (Settings, MailSettings):
        with suppress(SettingsError):
            settings.load()
