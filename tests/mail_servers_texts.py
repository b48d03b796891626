"""The configuration texts of the real mail servers that tests start. Starting them is in `mail_servers`."""

DOMAIN, OUTSIDE = "interviews.test", "elsewhere.example"
HOST, SERVER_NAME = "127.0.0.1", f"mail.{DOMAIN}"
OPS, CANDIDATE, FULL = f"ops@{DOMAIN}", f"candidate@{DOMAIN}", f"full@{DOMAIN}"
NOBODY, OUTSIDER = f"nobody@{DOMAIN}", f"someone@{OUTSIDE}"
MAILBOXES = (OPS, CANDIDATE, FULL)
PASSWORD = "a-Password-of-the-tests-only"
SITE = "https://interviews.example.com/"
TRACKER = "https://click.tracker.example/c?u="
SPAM_MARK = "X-Spam-Flag"
GREYLISTED = "450 4.2.0 Greylisted, see http://postgrey.example/help"
VERDICT = f"{SERVER_NAME}; spf=pass smtp.mailfrom={OPS}; dkim=pass header.d={DOMAIN}; dmarc=fail header.from={DOMAIN}"

_LOGIN = "smtpd_sasl_auth_enable=yes"
_SECURE = "smtpd_tls_security_level=encrypt"

SERVICES = {
    "starttls": (_LOGIN, _SECURE),
    "ssl": (_LOGIN, "smtpd_tls_wrappermode=yes", _SECURE),
    "no_tls": (_LOGIN, "smtpd_tls_security_level=none", "smtpd_tls_auth_only=no"),
    "expired": (_LOGIN, _SECURE, "smtpd_tls_chain_files={folder}/expired.pem"),
    "self_signed": (_LOGIN, _SECURE, "smtpd_tls_chain_files={folder}/self_signed.pem"),
    "other_name": (_LOGIN, _SECURE, "smtpd_tls_chain_files={folder}/other_name.pem"),
    "no_relay": (_LOGIN, _SECURE, "smtpd_relay_restrictions=reject_unauth_destination"),
    "sender_refused": (_LOGIN, _SECURE, "smtpd_sender_restrictions=reject_sender_login_mismatch"),
    "greylist": (_LOGIN, _SECURE, "smtpd_recipient_restrictions=check_recipient_access,static:{{{greylisted}}}"),
    "size_limit": (_LOGIN, _SECURE, "message_size_limit=2000"),
    "rate_limit": (_LOGIN, _SECURE, "smtpd_client_event_limit_exceptions=", "smtpd_client_message_rate_limit=1"),
    "spam": (_LOGIN, _SECURE, "cleanup_service_name=cleanup_spam"),
    "judged": (_LOGIN, _SECURE, "cleanup_service_name=cleanup_judged"),
    "tracked": (_LOGIN, _SECURE, "cleanup_service_name=cleanup_tracked"),
    "lost": (_LOGIN, _SECURE, "cleanup_service_name=cleanup_lost"),
    "held": (_LOGIN, _SECURE, "cleanup_service_name=cleanup_held"),
}
"""By name, what a port of Postfix does differently from the others."""

RULES = {
    "spam": ("header_checks", f"/^Message-ID:/ PREPEND {SPAM_MARK}: YES\n"),
    "judged": ("header_checks", f"/^Message-ID:/ PREPEND Authentication-Results: {VERDICT}\n"),
    "tracked": ("body_checks", f"~^(.*){SITE}(.*)$~ REPLACE ${{1}}{TRACKER}{SITE}${{2}}\n"),
    "lost": ("header_checks", "/^Message-ID:/ DISCARD lost on purpose\n"),
    "held": ("header_checks", "/^Message-ID:/ HOLD kept back on purpose\n"),
}
"""By the port that does it, what is done to every mail (header_checks(5))."""

SETTINGS = {
    "EMAIL_BACKEND": "smtp", "EMAIL_HOST": HOST, "EMAIL_PORT": "{starttls}", "EMAIL_USE_TLS": "True",
    "EMAIL_USE_SSL": "False", "EMAIL_HOST_USER": OPS, "EMAIL_HOST_PASSWORD": PASSWORD,
    "DEFAULT_FROM_EMAIL": f"Acme Jobs <{OPS}>", "EMAIL_TIMEOUT": "2", "EMAIL_DEADLINE": "6", "EMAIL_LEASE": "20",
    "IMAP_HOST": HOST, "IMAP_PORT": "{imaps}", "IMAP_SECURITY": "ssl", "IMAP_USER": CANDIDATE, "IMAP_PASSWORD": PASSWORD,
}  # fmt: skip
"""Right settings; in braces are names of ports. Mails go to CANDIDATE unless RECIPIENTS says otherwise."""

BREAKAGES = {
    "wrong_password": {"EMAIL_HOST_PASSWORD": "another-Password-than-that"},
    "wrong_port": {"EMAIL_PORT": "{ssl}", "EMAIL_TIMEOUT": "0.5"},
    "tls_off": {"EMAIL_USE_TLS": "False"},
    "no_tls": {"EMAIL_PORT": "{no_tls}"},
    "closed_port": {"EMAIL_PORT": "{closed}"},
    "black_hole": {"EMAIL_PORT": "{silent}", "EMAIL_TIMEOUT": "0.5"},
    "unknown_recipient": {},
    "full_mailbox": {},
    **{name: {"EMAIL_PORT": f"{{{name}}}"} for name in (
        "expired", "self_signed", "other_name", "no_relay", "sender_refused", "greylist", "size_limit", "rate_limit",
        "spam", "tracked", "lost", "held",
    )},
    "imap_wrong_password": {"IMAP_PASSWORD": "another-Password-than-that"},
    "imap_wrong_port": {"IMAP_PORT": "{imap}"},
    "imap_down": {"IMAP_PORT": "{closed}"},
    "imap_silent": {"IMAP_PORT": "{silent}", "EMAIL_TIMEOUT": "0.5"},
    "imap_no_folder": {"IMAP_FOLDERS": "Nowhere"},
}  # fmt: skip
"""By name, the settings that make one thing wrong, or that lead to a port where it is."""

RECIPIENTS = {"no_relay": OUTSIDER, "unknown_recipient": NOBODY, "full_mailbox": FULL}

_MASTER = """\
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
lmtp      unix - - n - - lmtp
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


def master(folder: str, ports: dict[str, int]) -> str:
    """Postfix's services: the usual ones, a cleanup for each thing done to mails, an smtpd for each port."""
    lines = [_MASTER]
    for name, (checks, _) in RULES.items():
        lines.append(f"cleanup_{name} unix n - n - 0 cleanup\n  -o {checks}=regexp:{folder}/{name}.rules\n")
    for name, options in SERVICES.items():
        lines.append(f"{HOST}:{ports[name]} inet n - n - - smtpd\n")
        for option in options:
            setting, value = option.format(folder=folder, greylisted=GREYLISTED).split("=", 1)
            lines.append(f"  -o {{ {setting} = {value} }}\n")
    return "".join(lines)


def main(folder: str, ports: dict[str, int]) -> str:
    mailboxes = " ".join(f"{{{address} = yes}}" for address in MAILBOXES)
    return f"""\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
myhostname = {SERVER_NAME}
mydestination =
mynetworks =
inet_interfaces = {HOST}
inet_protocols = ipv4
recipient_delimiter = +
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:there are no local mailboxes
default_transport = discard:nothing leaves this machine
virtual_mailbox_domains = {DOMAIN}
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_transport = lmtp:inet:{HOST}:{ports["lmtp"]}
smtpd_sender_login_maps = inline:{{ {{{OPS} = {CANDIDATE}}} }}
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{HOST}:{ports["sasl"]}
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = {folder}/server.pem
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_policy_service inet:{HOST}:{ports["quota"]}
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
smtpd_client_event_limit_exceptions = {HOST}
smtp_dns_support_level = disabled
"""


def dovecot(folder: str, ports: dict[str, int]) -> str:
    return f"""\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = {HOST}
ssl = required
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.pem
ssl_dh =
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
mail_location = maildir:~/mail
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
postmaster_address = postmaster@{DOMAIN}
hostname = {SERVER_NAME}
recipient_delimiter = +
mail_plugins = quota
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = {folder}/users
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = passwd-file
  args = {folder}/users
  default_fields = uid=nobody gid=nogroup home={folder}/homes/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Bulk {{
    auto = create
    special_use = \\Junk
  }}
  mailbox Sent {{
    auto = create
    special_use = \\Sent
  }}
}}
protocol lmtp {{
  mail_plugins = quota sieve
}}
plugin {{
  quota = count:Mailbox
  quota_vsizes = yes
  quota_rule = *:storage=100M
  quota_status_success = DUNNO
  quota_status_nouser = DUNNO
  quota_status_overquota = 552 5.2.2 Mailbox is full
  sieve_before = {folder}/sieve/spam.sieve
}}
service imap-login {{
  inet_listener imap {{
    port = {ports["imap"]}
  }}
  inet_listener imaps {{
    port = {ports["imaps"]}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener {{
    address = {HOST}
    port = {ports["lmtp"]}
  }}
}}
service auth {{
  inet_listener {{
    address = {HOST}
    port = {ports["sasl"]}
  }}
}}
# Without it, whoever logs in after a wrong password waits.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service quota-status {{
  executable = quota-status -p postfix
  client_limit = 1
  inet_listener {{
    address = {HOST}
    port = {ports["quota"]}
  }}
}}
"""


def users() -> str:
    """Dovecot's mailboxes. The full one has room for a byte."""
    rules = {FULL: "userdb_quota_rule=*:bytes=1"}
    return "".join(f"{address}:{{PLAIN}}{PASSWORD}::::::{rules.get(address, '')}\n" for address in MAILBOXES)


def oauth2(folder: str) -> str:
    """Tokens are JSON web tokens, signed by a key of the test's own and looked at by Dovecot itself."""
    return f"""\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={folder}/keys/
username_attribute = email
"""


SIEVE = f"""\
require ["fileinto"];
if header "{SPAM_MARK}" "YES" {{
  fileinto "Bulk";
}}
"""
