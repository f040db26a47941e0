"""Where Synapse is installed, and the homeserver.yaml that the kit gives it."""
from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from .client import Json

SHARED_SECRET = "kit-registration-secret"
SIGNING_KEY = "ed25519 a_kit " + base64.b64encode(hashlib.sha256(b"kit signing key").digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Installation:
    """Where Synapse is installed: the interpreter of a virtualenv, or the root of a chroot."""

    python: Path | None = None
    chroot: Path | None = None

    def inside(self, path: Path) -> str:
        """The path as Synapse sees it."""
        path = path.resolve()
        if self.chroot is None:
            return str(path)
        root = self.chroot.resolve()
        if not path.is_relative_to(root):
            raise SystemExit(f"{path}: must lie below the chroot {root}")
        return "/" + str(path.relative_to(root))

    def homeserver(self, config: Path) -> list[str]:
        """The command that runs a homeserver in the foreground."""
        python = ["chroot", str(self.chroot), "python3"] if self.chroot else [str(self.python)]
        return [*python, "-m", "synapse.app.homeserver", "-c", self.inside(config)]

    def script(self, name: str, *arguments: str) -> list[str]:
        """The command that runs one of Synapse's own scripts."""
        if self.chroot:
            return ["chroot", str(self.chroot), name, *arguments]
        assert self.python is not None
        return [str(self.python.parent / name), *arguments]


def database_section(url: str, installation: Installation) -> Json:
    """homeserver.yaml's `database:` for sqlite:PATH or postgres:DSN (key=value pairs or a postgresql:// URI)."""
    kind, _, rest = url.partition(":")
    if kind == "sqlite":
        return {"name": "sqlite3", "args": {"database": installation.inside(Path(rest))}}
    if kind == "postgres":
        return {"name": "psycopg2", "args": {**parse_dsn(rest), "cp_min": 1, "cp_max": 5}}
    raise SystemExit(f"--db {url}: neither sqlite:PATH nor postgres:DSN")


def parse_dsn(dsn: str) -> dict[str, str]:
    """The connection keywords of a PostgreSQL DSN."""
    if "://" not in dsn:
        return dict(word.split("=", 1) for word in shlex.split(dsn))
    parts = urlsplit(dsn)
    found = {"user": parts.username, "password": parts.password, "host": parts.hostname, "dbname": parts.path.lstrip("/")}
    keywords = {key: unquote(value) for key, value in found.items() if value}
    return keywords | ({"port": str(parts.port)} if parts.port else {}) | dict(parse_qsl(parts.query))


def homeserver_yaml(database: Json, directory: str, port: int, server_name: str) -> str:
    """A complete configuration: loopback only, no federation, no limits, the same secrets every time."""
    unlimited = {"per_second": 100000, "burst_count": 100000}
    features = {
        "msc3575_enabled": True, "msc4186_enabled": True, "msc4306_enabled": True, "msc4354_enabled": True,
        "msc4140_enabled": True, "msc3881_enabled": True, "msc3814_enabled": True,
        "msc3866": {"enabled": True, "require_approval_for_new_accounts": False},
    }
    settings: dict[str, Json] = {
        "listeners": [{"port": port, "bind_addresses": ["127.0.0.1"], "type": "http", "tls": False,
                       "resources": [{"names": ["client", "media"], "compress": False}]}],
        "server_name": server_name,
        "database": database,
        "media_store_path": f"{directory}/media",
        "signing_key": SIGNING_KEY,
        "registration_shared_secret": SHARED_SECRET,
        "macaroon_secret_key": "kit-macaroon-secret",
        "form_secret": "kit-form-secret",
        "report_stats": False,
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "federation_domain_whitelist": [],
        "enable_registration": True,
        "enable_registration_without_verification": True,
        "allow_guest_access": True,
        "bcrypt_rounds": 4,
        "caches": {"sync_response_cache_duration": "0s"},
        "refreshable_access_token_lifetime": "1h",
        "redaction_retention_period": "1s",
        "max_event_delay_duration": "20y",
        "include_profile_updates_in_sync": True,
        "login_via_existing_session": {"enabled": True, "require_ui_auth": False, "token_timeout": "10y"},
        "mau_stats_only": True,
        "user_directory": {"enabled": True, "search_all_users": True},
        "rc_message": unlimited,
        "rc_registration": unlimited,
        "rc_login": {"address": unlimited, "account": unlimited, "failed_attempts": unlimited},
        "rc_admin_redaction": unlimited,
        "rc_joins": {"local": unlimited, "remote": unlimited},
        "rc_joins_per_room": unlimited,
        "rc_invites": {"per_room": unlimited, "per_user": unlimited, "per_issuer": unlimited},
        "rc_media_create": unlimited,
        "rc_presence": {"per_user": unlimited},
        "rc_delayed_event_mgmt": unlimited,
        "rc_room_creation": unlimited,
        "rc_reports": unlimited,
        "rc_user_directory": unlimited,
        "experimental_features": features,
    }
    # JSON is YAML: one setting a line keeps it readable without a YAML library.
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in settings.items())


def port_of(config: Path) -> int:
    """The listener's port in a configuration that the kit wrote."""
    match = re.search(r'^listeners: \[\{"port": (\d+)', config.read_text(encoding="utf-8"), re.MULTILINE)
    if not match:
        raise SystemExit(f"{config}: not a configuration written by `synapse_kit.py config`")
    return int(match[1])
