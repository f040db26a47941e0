"""Change a filled homeserver, as its users would between two passes of a migration."""
from __future__ import annotations

import contextlib
from collections.abc import Callable

from .client import ApiError, admin, v3
from .expectations import User
from .observe import history
from .writer import Writer, picture, wait_for


class Mutate(Writer):
    """The changes between two passes of a migration: rows that were already copied are altered or deleted."""

    def run(self, size: int) -> None:
        newcomers = [self.register("newcomer", "Neu Hiñzu"), self.register("second")]
        self.world.directory["hiñzu"] = [*self.world.directory.get("hiñzu", []), newcomers[0].user_id]
        self.passwords()
        self.devices()
        self.deactivation()
        self.redactions()
        self.rooms(newcomers, size)
        self.settings()
        self.media()
        self.people(newcomers)
        self.register_guest()
        self.finish(f"mutate {self.tag} {size}")

    def pick(self, count: int, accept: Callable[[User], bool] = lambda user: True) -> list[User]:
        """Random live users, never the admin that the kit itself uses."""
        found = [u for u in self.world.live_users() if u.localpart != self.world.admin and accept(u)]
        return self.random.sample(found, min(count, len(found)))

    def passwords(self) -> None:
        """One changed by the user, one reset by the admin; the sessions stay."""
        own, reset = self.pick(2)
        for user in (own, reset):
            user.old_passwords.append(user.password)
        new = f"{self.tag} password of {own.localpart} é"
        self.with_password(own, "POST", v3("account", "password"), {"new_password": new, "logout_devices": False})
        own.password = new
        reset.password = f"{self.tag} reset for {reset.localpart}"
        self.call(self.admin, "POST", admin("v1", "reset_password", reset.user_id),
                  {"new_password": reset.password, "logout_devices": False})

    def devices(self) -> None:
        """Delete and rename devices, rotate refresh tokens, hand out one-time keys, read to-device messages."""
        for user in self.pick(2, lambda u: any(s.is_alive and d.startswith("PHONE") for d, s in u.sessions.items())):
            device = next(d for d, s in user.sessions.items() if s.is_alive and d.startswith("PHONE"))
            self.with_password(user, "DELETE", v3("devices", device), {})
            user.sessions[device].is_alive = False
        for user in self.world.live_users():
            for session in user.sessions.values():
                if session.is_alive and session.refresh_token:
                    self.rotate(session)
        for user in self.pick(3, lambda u: next(iter(u.sessions.values())).one_time_keys > 3):
            device = next(iter(user.sessions))
            self.claim_key(self.admin, user, device)
            self.claim_key(self.admin, user, device)
            self.call(user, "PUT", v3("devices", device), {"display_name": f"renamed in {self.tag}"})
        for user in self.pick(2, lambda u: next(iter(u.sessions.values())).waiting_to_device > 0):
            self.read_to_device(next(iter(user.sessions.values())))
        for user in self.pick(2):
            self.log_in(user, f"PHONE{self.tag.upper()}")
            self.upload_keys(user, f"PHONE{self.tag.upper()}", 4)

    def deactivation(self) -> None:
        """One account is deactivated and erased, one is locked."""
        leaver, locked = self.pick(2, self.is_ordinary)
        self.deactivate(leaver)
        self.call(self.admin, "PUT", admin("v2", "users", locked.user_id), {"locked": True})
        self.close(locked)

    def is_ordinary(self, user: User) -> bool:
        """Not new, owns no room that others still need, and no search or catch-up depends on the account."""
        if user.localpart.endswith("." + self.tag):
            return False   # a newcomer, who still has a part to play
        owners = {room.creator for room in self.world.rooms.values() if room.fate == "live"}
        return user.localpart not in owners | self.needed()

    def needed(self) -> set[str]:
        """Those whose searches, or whose absence, the expectations are about."""
        absent = {self.world.catch_up.user} if self.world.catch_up else set()
        return {self.world.admin} | {search.user for search in self.world.searches} | absent

    def redactions(self) -> None:
        shown = [e for e, event in self.world.events.items() if event.fate == "shown"
                 and event.body.startswith(("plain", "reply")) and self.world.rooms[event.room].fate == "live"]
        for event in self.random.sample(shown, min(4, len(shown))):
            room = self.world.events[event].room
            self.redact(self.world.users[self.world.rooms[room].creator], room, event)

    def rooms(self, newcomers: list[User], size: int) -> None:
        """Rooms end in every way there is; others begin; people talk on."""
        ending = [r for r in self.world.live_rooms() if "to be" in self.world.rooms[r].name]
        for number, room in enumerate(self.random.sample(ending, min(2, len(ending)))):
            self.end_room(room, purge=number == 0)
        old = next(r for r in self.world.live_rooms() if len(self.world.rooms[r].members) >= 4 and self.can_talk(r))
        owner = self.world.users[self.world.rooms[old].creator]
        for user in newcomers:
            self.join(user, old)
        self.purge_history(old)
        self.mark(newcomers[0], old)
        new = self.create_room(newcomers[0], f"New in {self.tag}", [newcomers[1], owner], preset="public_chat",
                               room_alias_name=f"new.{self.tag}")
        self.create_room(owner, f"Stable to be ended after {self.tag}", [newcomers[0]], preset="public_chat")
        self.create_room(owner, f"Shed to be ended after {self.tag}", [newcomers[1]], preset="public_chat")
        self.drop_alias()
        talking = [room for room in self.world.live_rooms() if self.can_talk(room)]
        self.set_state(owner, old, "m.room.name", {"name": f"renamed in {self.tag} ☂"})
        self.world.rooms[old].name = f"renamed in {self.tag} ☂"
        self.chatter(talking, size)
        staying = self.needed() | {owner.localpart} | {user.localpart for user in newcomers}
        leaver = next(name for name in self.world.rooms[old].members
                      if name not in staying and not self.world.users[name].is_closed)
        self.leave(self.world.users[leaver], old, forget=True)
        self.go_offline(newcomers[1], [newcomers[0], owner], [new, old])

    def can_talk(self, room: str) -> bool:
        """Whether every member may speak and the creator is still there (a tombstone forbids it)."""
        creator = self.world.users[self.world.rooms[room].creator]
        if creator.is_closed or creator.is_mute or creator.localpart not in self.world.rooms[room].members:
            return False
        state = self.call(self.admin, "GET", admin("v1", "rooms", room, "state"))["state"]
        return not any(e["type"] == "m.room.tombstone" or e["content"].get("type") == "m.space" for e in state)

    def end_room(self, room: str, purge: bool) -> None:
        """Shut a room down by the admin API: everybody leaves, and it is blocked; purged from the database or not."""
        answer = self.call(self.admin, "DELETE", admin("v2", "rooms", room), {"purge": purge, "block": True})
        status = admin("v2", "rooms", "delete_status", answer["delete_id"])
        wait_for(f"room {room} to be deleted", lambda: self.call(self.admin, "GET", status)["status"] == "complete")
        self.world.rooms[room].fate = "purged" if purge else "shut"
        self.world.rooms[room].members = []
        if not purge:
            return   # events and aliases stay
        for event in self.world.events.values():
            if event.room == room:
                event.fate = "gone"
        for alias, target in self.world.aliases.items():
            if target == room:
                self.world.aliases[alias] = None

    def purge_history(self, room: str) -> None:
        """Delete the older half of a room's events from the database."""
        events = [event["event_id"] for event in history(self.client, self.admin.token, room)]
        before = events[len(events) // 2]
        answer = self.call(self.admin, "POST", admin("v1", "purge_history", room, before), {"delete_local_events": True})
        status = admin("v1", "purge_history_status", answer["purge_id"])
        wait_for(f"history of {room} to be purged", lambda: self.call(self.admin, "GET", status)["status"] == "complete")
        kept = {event["event_id"] for event in history(self.client, self.admin.token, room)}
        for event, known in self.world.events.items():
            if known.room == room and event not in kept:
                known.fate = "gone"
        for search in self.world.searches:
            search.events = [e for e in search.events if self.world.events[e].fate == "shown"]

    def drop_alias(self) -> None:
        alias, room = self.random.choice([(alias, room) for alias, room in self.world.aliases.items()
                                          if room and self.world.rooms[room].fate == "live" and self.can_talk(room)])
        self.call(self.world.users[self.world.rooms[room].creator], "DELETE", v3("directory", "room", alias))
        self.world.aliases[alias] = None
        other = f"#moved.{self.tag}:{self.world.server_name}"
        self.call(self.world.users[self.world.rooms[room].creator], "PUT", v3("directory", "room", other), {"room_id": room})
        self.world.aliases[other] = room

    def settings(self) -> None:
        """Account data, tags, push rules, pushers, filters: changed, added, deleted."""
        for user in self.pick(3):
            self.set_account_data(user, "kit.settings", {"changed": self.tag, "nul": "c\u0000d"})
            self.add_filter(user, {"room": {"timeline": {"limit": self.random.randrange(1, 99)}}})
            self.call(user, "PUT", v3("pushrules", "global", "content", f"kw{self.tag}"),
                      {"actions": ["notify"], "pattern": "dog*"})
            with contextlib.suppress(ApiError):   # newcomers never had it
                self.call(user, "DELETE", v3("pushrules", "global", "content", "kw"))
        for user in self.pick(2, lambda u: bool(u.pushkeys)):
            self.set_pusher(user, user.pushkeys[-1], kind=None)
        self.set_pusher(self.pick(1)[0], f"push key of {self.tag}")
        for room in self.world.live_rooms()[:2]:
            user = self.world.users[self.world.rooms[room].creator]
            if not user.is_closed:
                self.call(user, "PUT", v3("user", user.user_id, "rooms", room, "tags", f"u.{self.tag}"), {"order": 0.5})
                with contextlib.suppress(ApiError):
                    self.call(user, "DELETE", v3("user", user.user_id, "rooms", room, "tags", "m.favourite"))

    def media(self) -> None:
        """One file is deleted, one leaves quarantine, one enters it, one is new."""
        kept = [uri for uri, media in self.world.media.items() if media.fate == "kept"]
        deleted, quarantined = self.random.sample(kept, 2)
        self.call(self.admin, "DELETE", admin("v1", "media", *deleted[6:].split("/")))
        self.world.media[deleted].fate = "deleted"
        for uri in [uri for uri, media in self.world.media.items() if media.fate == "quarantined"]:
            self.call(self.admin, "POST", admin("v1", "media", "unquarantine", *uri[6:].split("/")), {})
            self.world.media[uri].fate = "kept"
        self.call(self.admin, "POST", admin("v1", "media", "quarantine", *quarantined[6:].split("/")), {})
        self.world.media[quarantined].fate = "quarantined"
        self.upload(self.admin, picture(150, 120, self.random), "image/png", f"{self.tag}.png")

    def people(self, newcomers: list[User]) -> None:
        """Display names, profile fields, admin decisions, keys of newcomers."""
        for user in self.pick(2):
            self.hide_name(user)
            user.displayname = f"Renamed ǅ {self.tag} {user.localpart.split('.')[0]}"
            self.call(user, "PUT", v3("profile", user.user_id, "displayname"), {"displayname": user.displayname})
            with self.optional("extended profile fields"):
                self.call(user, "PUT", v3("profile", user.user_id, "kit.custom"), {"kit.custom": {"changed": self.tag}})
        self.call(self.admin, "PUT", admin("v1", "users", newcomers[1].user_id, "admin"), {"admin": True})
        newcomers[1].is_admin = True
        tokens = self.call(self.admin, "GET", admin("v1", "registration_tokens"))["registration_tokens"]
        for token in tokens[:1]:
            self.call(self.admin, "DELETE", admin("v1", "registration_tokens", token["token"]))
        for user in newcomers:
            self.upload_keys(user, next(iter(user.sessions)), 3)
