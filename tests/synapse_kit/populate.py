"""Fill a homeserver."""
from __future__ import annotations

import contextlib
from urllib.parse import quote

from .client import ApiError, admin, segments, v3
from .expectations import Room, User
from .writer import ODDITIES, Writer, picture

LONG_DELAY_MS = 10 * 365 * 24 * 3600 * 1000  # a delayed event that no test will live to see

CAST: list[tuple[str, str | None]] = [
    ("alice", "Alice Ünïcødé ① ǆ"),
    ("bob", "Bob"),
    ("carol", None),
    ("dave", 'Dave "quoted" \\ back\tslash'),
    ("erin", "emoji 🎉 名前"),
    ("frank", "Frank Straße ΑΒΓ"),
    ("grace", "Grace e\u0301 combining"),
    ("heidi", "Heidi \u202eright to left\u202c ﷺ"),
]


class Populate(Writer):
    """A homeserver's first months, in a few minutes."""

    def run(self, size: int) -> None:
        users = self.make_users(size)
        rooms = self.make_rooms(users, size)
        self.chatter(rooms, size)
        self.conversations(users, rooms[0])
        self.settings(users, rooms)
        self.encryption(users, rooms[0])
        self.sessions(users)
        self.uploads(users, rooms[0])
        self.unusual(users, rooms)
        self.rarely_used(users, rooms)
        self.directory_terms(users)
        self.go_offline(users[1], [users[0], users[2]], rooms[:3])
        self.finish(f"populate {self.tag} {size}")

    def make_users(self, size: int) -> list[User]:
        users = [self.register(name, displayname, is_admin=name == "alice") for name, displayname in CAST]
        users += [self.register(f"extra{n}", self.random.choice([None, f"Extra № {n}"])) for n in range(size // 250)]
        for _ in range(3):
            self.register_guest()
        if not self.world.admin:
            self.world.admin = users[0].localpart
            self.make_canaries()
        return users

    def make_canaries(self) -> None:
        """Two users and a room that nothing is expected of: `check` may write there."""
        canaries = [self.register("canary"), self.register("canarina")]
        self.world.canaries = [c.localpart for c in canaries]
        self.world.playground = self.create_room(canaries[0], "playground", [canaries[1]], preset="private_chat")
        self.send(canaries[0], self.world.playground, {"msgtype": "m.text", "body": "first"})
        self.log_in(canaries[0], "CANARYREFRESH", refreshable=True)

    def make_rooms(self, users: list[User], size: int) -> list[str]:
        alice, bob, carol, dave, erin = users[:5]
        encrypted = [{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}]
        readable = [{"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "world_readable"}},
                    {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "can_join"}}]
        rooms = [
            self.create_room(alice, f"Market ☃ {self.tag}", users[1:7], preset="public_chat", visibility="public",
                             topic="a topic é", room_alias_name=f"market.{self.tag}"),
            self.create_room(bob, "Kitchen", [alice, carol, dave], preset="private_chat", room_alias_name=f"kitchen.{self.tag}"),
            self.create_room(carol, "Cellar (encrypted)", [alice, bob], preset="private_chat", initial_state=encrypted),
            self.create_room(dave, "Roof", [erin, alice], preset="public_chat", initial_state=readable, room_version="10"),
            self.create_room(erin, "Attic to be ended", [bob, carol], preset="public_chat", room_alias_name=f"attic.{self.tag}"),
            self.create_room(alice, "Barn to be ended", [bob, dave], preset="public_chat"),
            self.create_room(bob, "direct", [carol], preset="trusted_private_chat", is_direct=True),
        ]
        for n in range(size // 400):
            creator, *others = self.random.sample([u for u in users if not u.is_mute], 5)
            rooms.append(self.create_room(creator, f"Room № {n}", others, preset="public_chat"))
        space = self.create_room(alice, "Space", [bob], preset="public_chat", creation_content={"type": "m.space"})
        for room in rooms[:3]:
            self.set_state(alice, space, "m.space.child", {"via": [self.world.server_name]}, room)
        return rooms

    def conversations(self, users: list[User], room: str) -> None:
        """Messages that are looked at one by one: search, threads, edits, reactions, redactions."""
        alice, bob, carol = users[:3]
        self.mark(alice, room)
        root = self.say(bob, room, "thread root")
        for n in range(3):
            self.say(carol, room, f"reply {n}", **{"m.relates_to": {"rel_type": "m.thread", "event_id": root}})
        self.call(carol, "POST", v3("rooms", room, "receipt", "m.read", root), {"thread_id": "main"})
        for user in (alice, bob, carol):
            reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": root, "key": "👍"}}
            self.send(user, room, reaction, "m.reaction")
        for text in ODDITIES:
            self.say(alice, room, text)
        for n in range(4):
            self.redact(alice, room, self.say(bob, room, f"secret {n} to be redacted"))
        for n in range(6):
            self.say(bob, room, f"plain {n}")

    def settings(self, users: list[User], rooms: list[str]) -> None:
        """Account data, tags, filters, push rules, pushers, presence, profile fields."""
        for n, user in enumerate(users[:8]):
            self.set_account_data(user, "kit.settings", {"x": "é\u0001", "nul": "a\u0000b", "f": 1.5, "big": 2**53 - 1})
            self.set_account_data(user, "m.ignored_user_list", {"ignored_users": {"@spam:elsewhere.example": {}}})
            self.add_filter(user, {"room": {"timeline": {"limit": 7, "types": ["m.é"]}}})
            self.add_filter(user, {"event_fields": ["content.a\\.b", "sender"]})
            self.call(user, "PUT", v3("pushrules", "global", "content", "kw"), {"actions": ["notify"], "pattern": "fox*"})
            self.call(user, "PUT", v3("pushrules", "global", "override", f"kit.{n}"), {
                "actions": [], "conditions": [{"kind": "event_match", "key": "room_id", "pattern": rooms[n % len(rooms)]}]})
            self.call(user, "PUT", v3("presence", user.user_id, "status"), {"presence": "online", "status_msg": f"hi é {n}"})
            with self.optional("extended profile fields"):
                self.call(user, "PUT", v3("profile", user.user_id, "kit.custom"),
                          {"kit.custom": {"b": None, "a": [1, 2.5, "é"], "n": n}})
                self.call(user, "PUT", v3("profile", user.user_id, "m.tz"), {"m.tz": "Europe/Zürich"})
        for user in users[:4]:
            self.set_pusher(user, f"push key of {user.localpart}")
            self.set_pusher(user, f"second push key of {user.localpart}")
        for room in rooms[:2]:
            for user in (users[0], users[2]):
                path = v3("user", user.user_id, "rooms", room, "tags", "m.favourite")
                self.call(user, "PUT", path, {"order": round(self.random.random(), 6)})
                self.call(user, "PUT", v3("user", user.user_id, "rooms", room, "account_data", "kit.room"), {"a": 1})

    def encryption(self, users: list[User], room: str) -> None:
        """Keys, backups and to-device messages."""
        for user in users[:6]:
            self.upload_keys(user, next(iter(user.sessions)), 8)
        alice, bob, carol, dave = users[:4]
        for user in (bob, carol, dave):
            self.send_to_device(alice, user, next(iter(user.sessions)), 5)
        self.read_to_device(next(iter(bob.sessions.values())))
        self.claim_key(alice, bob, next(iter(bob.sessions)))
        master = self.key()
        with self.optional("cross-signing keys"):
            self.with_password(alice, "POST", v3("keys", "device_signing", "upload"), {"master_key": {
                "user_id": alice.user_id, "usage": ["master"], "keys": {f"ed25519:{master}": master}}})
        backup = self.call(alice, "POST", v3("room_keys", "version"), {
            "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "abc", "signatures": {}}})
        self.call(alice, "PUT", v3("room_keys", "keys", room, "session é") + f"?version={backup['version']}", {
            "first_message_index": 1, "forwarded_count": 0, "is_verified": True, "session_data": {"x": "y"}})

    def sessions(self, users: list[User]) -> None:
        """More devices, refresh tokens that were rotated, sliding sync, a login that was ended."""
        alice, bob, carol, dave = users[:4]
        for user in users[1:5]:
            self.log_in(user, f"PHONE{user.localpart.split('.')[0].upper()}")
            session = self.log_in(user, f"TABLET{user.localpart.split('.')[0].upper()}", refreshable=True)
            for _ in range(4):
                self.rotate(session)
        gone = self.log_in(alice, "GONE")
        self.client.call("POST", v3("logout"), {}, gone.token)
        gone.is_alive = False
        with self.optional("sliding sync"):
            for user in (alice, carol, dave):
                self.sliding_sync(user, 3)

    def uploads(self, users: list[User], room: str) -> None:
        for n, user in enumerate(users[:4]):
            data = picture(240 + n, 180, self.random)
            uri = self.upload(user, data, "image/png", f"pïcture {n}.png")
            self.send(user, room, {"msgtype": "m.image", "body": "picture", "url": uri, "info": {"mimetype": "image/png"}})
            self.upload(user, self.random.randbytes(300 + n), "application/octet-stream", "raw.bin")
        # Unlike any other, because Synapse quarantines all files with the same content at once.
        quarantined = self.upload(users[1], f"bad content of {self.tag}".encode(), "text/plain", "bad.txt")
        self.call(self.admin, "POST", admin("v1", "media", "quarantine", *quarantined[6:].split("/")), {})
        self.world.media[quarantined].fate = "quarantined"
        self.call(users[0], "PUT", v3("profile", users[0].user_id, "avatar_url"),
                  {"avatar_url": next(u for u, m in self.world.media.items() if m.owner == users[0].localpart)})

    def unusual(self, users: list[User], rooms: list[str]) -> None:
        """Corners: delayed and sticky events, thread subscriptions, reports, admin decisions, an upgrade."""
        alice, bob, carol, dave, erin, frank, grace, heidi = users[:8]
        event = next(e for e, v in reversed(self.world.events.items()) if v.room == rooms[0])
        text = {"msgtype": "m.text", "body": "later"}
        with self.optional("delayed events"):
            self.send(alice, rooms[0], text, query=f"?org.matrix.msc4140.delay={LONG_DELAY_MS}")
            self.send(bob, rooms[1], text, query=f"?org.matrix.msc4140.delay={LONG_DELAY_MS}")
        with self.optional("sticky events"):
            self.send(alice, rooms[0], {**text, "msc4354_sticky_key": "k"}, query="?org.matrix.msc4354.sticky_duration_ms=600000")
        with self.optional("thread subscriptions"):
            for user in (bob, carol):
                self.call(user, "PUT", "/_matrix/client/unstable/io.element.msc4306/rooms/"
                          + segments((rooms[0], "thread", event, "subscription")), {})
        self.call(bob, "POST", v3("rooms", rooms[0], "report", event), {"score": -50, "reason": "spam é"})
        self.leave(grace, rooms[0], forget=True)
        self.leave(carol, rooms[4])
        self.call(alice, "POST", v3("rooms", rooms[0], "kick"), {"user_id": frank.user_id, "reason": "noise"})
        self.world.rooms[rooms[0]].members.remove(frank.localpart)
        upgraded = self.call(dave, "POST", v3("rooms", rooms[3], "upgrade"), {"new_version": "12"})["replacement_room"]
        self.world.rooms[upgraded] = Room("Roof", dave.localpart, [dave.localpart])
        self.call(self.admin, "POST", admin("v1", "registration_tokens", "new"), {
            "token": f"token.{self.tag}", "uses_allowed": 3})
        self.call(self.admin, "POST", admin("v1", "users", heidi.user_id, "shadow_ban"), {})
        heidi.is_mute = True
        self.call(self.admin, "PUT", admin("v2", "users", dave.user_id), {
            "threepids": [{"medium": "email", "address": f"dave.{self.tag}@example.org"}],
            "external_ids": [{"auth_provider": "oidc", "external_id": f"é{self.tag}"}]})
        with self.optional("experimental features of a user"):
            self.call(self.admin, "PUT", admin("v1", "experimental_features", bob.user_id), {"features": {"msc3881": True}})
        self.call(bob, "POST", v3("user", bob.user_id, "openid", "request_token"), {})
        with contextlib.suppress(ApiError):   # leaves a half-done authentication behind
            self.call(bob, "POST", v3("delete_devices"), {"devices": ["NOPE"]})
        self.deactivate(self.register("leaver", "Leaver"))

    def rarely_used(self, users: list[User], rooms: list[str]) -> None:
        """What has tables of its own, but is seldom met."""
        alice, bob, carol, dave = users[:4]
        unstable = "/_matrix/client/unstable/"
        with self.optional("dehydrated devices"):
            self.call(alice, "PUT", unstable + "org.matrix.msc3814.v1/dehydrated_device", {
                "device_id": "DEHYDRATED", "initial_device_display_name": "dry é", "device_data": {"algorithm": "kit"},
                "device_keys": {"user_id": alice.user_id, "device_id": "DEHYDRATED", "algorithms": [], "signatures": {},
                                "keys": {"ed25519:DEHYDRATED": self.key()}}})
        with self.optional("login tokens"):
            self.call(bob, "POST", "/_matrix/client/v1/login/get_token", {})
        with self.optional("reports of users and rooms"):
            self.call(carol, "POST", v3("users", dave.user_id, "report"), {"reason": "rude é"})
            self.call(carol, "POST", v3("rooms", rooms[0], "report"), {"reason": "loud é"})
        with self.optional("rate limits of a user"):
            self.call(self.admin, "POST", admin("v1", "users", bob.user_id, "override_ratelimit"),
                      {"messages_per_second": 0, "burst_count": 0})
        self.set_state(alice, rooms[0], "m.room.retention", {"max_lifetime": LONG_DELAY_MS})
        self.send(alice, rooms[0], {"msgtype": "m.text", "body": "labelled", "org.matrix.labels": ["#é", "#work"]})
        space = next(room for room, known in reversed(self.world.rooms.items()) if known.name == "Space")
        self.call(alice, "GET", "/_matrix/client/v1/rooms/" + quote(space, safe="") + "/hierarchy?limit=1")

    def directory_terms(self, users: list[User]) -> None:
        """Searches for names by other spellings than they were given in."""
        for term, user in (("ÜNÏCØDÉ", users[0]), ("dž", users[0]), ("bob." + self.tag, users[1]),
                           ("quoted", users[3]), ("名前", users[4]), ("αβγ", users[5])):
            found = self.world.directory.setdefault(term, [])
            found.append(user.user_id)
