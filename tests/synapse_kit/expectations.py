"""What a homeserver must know and do, however its database got there: one JSON file."""
from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from .client import Json


@dataclass
class Session:
    """One device of a user. `token` is empty where it was short-lived, so only the refresh token counts."""

    token: str = ""
    refresh_token: str = ""
    dead_refresh_tokens: list[str] = field(default_factory=list)
    is_alive: bool = True
    one_time_keys: int = 0
    waiting_to_device: int = 0


@dataclass
class User:
    """What must be known about one account.

    Closed: deactivated or locked, nobody can log in. Mute: shadow-banned, what it says reaches nobody.
    """

    user_id: str
    password: str
    is_admin: bool = False
    displayname: str | None = None
    old_passwords: list[str] = field(default_factory=list)
    is_closed: bool = False
    is_mute: bool = False
    sessions: dict[str, Session] = field(default_factory=dict)
    filters: dict[str, Json] = field(default_factory=dict)
    pushkeys: list[str] = field(default_factory=list)

    @property
    def localpart(self) -> str:
        return self.user_id[1:].split(":", 1)[0]

    @property
    def token(self) -> str:
        """The token of the first session, which lives as long as the account."""
        return next(iter(self.sessions.values())).token


@dataclass
class Room:
    """What must be known about one room. `fate` is live, purged or shut."""

    name: str
    creator: str
    members: list[str] = field(default_factory=list)
    forgotten_by: list[str] = field(default_factory=list)
    fate: str = "live"


@dataclass
class Event:
    """One message that is looked at by itself. `fate` is shown, redacted or gone."""

    room: str
    sender: str
    body: str
    fate: str = "shown"
    is_censored: bool = False


@dataclass
class Media:
    """One uploaded file. `fate` is kept, quarantined or deleted."""

    owner: str
    content_type: str
    sha256: str
    fate: str = "kept"


@dataclass
class CatchUp:
    """A client that was offline: from `since` on it must get exactly these."""

    user: str
    since: str
    events: dict[str, list[str]] = field(default_factory=dict)
    account_data: list[str] = field(default_factory=list)
    to_device: int = 0


@dataclass
class Search:
    """A message search, and the events it must find."""

    user: str
    term: str
    events: list[str]


@dataclass
class Expectations:
    """Everything that must hold on a server, however its database got there."""

    format: int = 1
    synapse: str = ""
    server_name: str = ""
    steps: list[str] = field(default_factory=list)
    admin: str = ""                      # localpart of the admin that asks
    canaries: list[str] = field(default_factory=list)  # two users whose room is the playground of `check`
    playground: str = ""
    last_guest: int = 0
    users: dict[str, User] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    media: dict[str, Media] = field(default_factory=dict)
    aliases: dict[str, str | None] = field(default_factory=dict)
    searches: list[Search] = field(default_factory=list)
    directory: dict[str, list[str]] = field(default_factory=dict)
    catch_up: CatchUp | None = None
    facts: dict[str, Json] = field(default_factory=dict)  # what `observe` saw at the end

    def save(self, path: Path) -> None:
        """Write the file beside itself, then rename: a reader never sees half of it."""
        text = json.dumps(dataclasses.asdict(self), ensure_ascii=False, indent=1, sort_keys=False)
        aside = path.with_name(path.name + ".new")
        aside.write_text(text + "\n", encoding="utf-8")
        aside.replace(path)

    @classmethod
    def load(cls, path: Path) -> Expectations:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.get("format") != 1:
            raise ValueError(f"{path}: format is {data.get('format')!r}, expected 1")
        for user in data["users"].values():
            user["sessions"] = {device: Session(**s) for device, s in user["sessions"].items()}
        for name, kind in (("users", User), ("rooms", Room), ("events", Event), ("media", Media)):
            data[name] = {key: kind(**value) for key, value in data[name].items()}
        data["searches"] = [Search(**s) for s in data["searches"]]
        data["catch_up"] = CatchUp(**data["catch_up"]) if data["catch_up"] else None
        return cls(**data)

    def live_users(self) -> list[User]:
        """Accounts that can still be used, without the two that `check` plays with."""
        return [u for name, u in self.users.items() if not u.is_closed and name not in self.canaries]

    def live_rooms(self) -> list[str]:
        """Rooms that still exist, without the playground."""
        return [r for r, room in self.rooms.items() if room.fate == "live" and r != self.playground]
