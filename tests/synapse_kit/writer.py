"""What populate and mutate have in common: everything a client can do, noted in the expectations as it is done."""
from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import random
import re
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import quote

from .client import ApiError, Client, Json, admin, v3
from .configuration import SHARED_SECRET
from .expectations import CatchUp, Event, Expectations, Media, Room, Search, Session, User
from .observe import observe, search_directory

SETTLE_SECONDS = 60

WORDS = ("the quick running foxes jumped over lazy dogs while engineers were migrating databases and nobody noticed "
         "that tables had been copied exactly because every message arrived twice or not at all in winter forests").split()
ODDITIES = ["NUL \u0000 inside", "emoji 🎉 é ñ", "it's \"quoted\" \\ backslash \n newline \t tab", "\u202ertl\u202c ﷽",
            "x" * 900, "\\N \\. \\x00 %s $1 {}", "' ; -- /* */", "ﬁ ligature ǆ ① ½", "\u0001\u001f control", "é vs e\u0301"]
MARKER = "Porcupines were running happily through"   # searched for by its stems


class Writer:
    """Common ground of populate and mutate: the client, the expectations, and a seeded generator."""

    def __init__(self, client: Client, world: Expectations, tag: str, seed: str) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{0,19}", tag):
            raise SystemExit(f"--tag {tag}: lower-case letters and digits, starting with a letter")
        self.client, self.world, self.tag = client, world, tag
        self.random = random.Random(f"{seed}/{tag}")
        self.transaction = 0
        self.skipped: list[str] = []

    # -- calls

    def call(self, user: User | None, method: str, path: str, body: Json = None) -> Json:
        return self.client.call(method, path, body, user.token if user else None)

    @contextlib.contextmanager
    def optional(self, what: str) -> Iterator[None]:
        """Features that a version of Synapse may lack: noted, not fatal."""
        try:
            yield
        except ApiError as error:
            self.skipped.append(f"{what}: {error}")

    @property
    def admin(self) -> User:
        return self.world.users[self.world.admin]

    def key(self) -> str:
        """32 bytes that look like a public key."""
        return base64.b64encode(self.random.randbytes(32)).decode().rstrip("=")

    # -- users

    def register(self, name: str, displayname: str | None = None, is_admin: bool = False) -> User:
        """Make an account by the shared secret, under the name NAME.TAG."""
        localpart, password = f"{name}.{self.tag}", f"first password of {name}.{self.tag}"
        nonce = self.client.call("GET", admin("v1", "register"))["nonce"]
        mac = hmac.new(SHARED_SECRET.encode(), digestmod=hashlib.sha1)
        mac.update("\0".join([nonce, localpart, password, "admin" if is_admin else "notadmin"]).encode())
        answer = self.client.call("POST", admin("v1", "register"), {
            "nonce": nonce, "username": localpart, "password": password, "displayname": displayname or localpart,
            "admin": is_admin, "mac": mac.hexdigest()})
        self.world.server_name = answer["home_server"]
        user = User(answer["user_id"], password, is_admin, displayname or localpart)
        user.sessions[answer["device_id"]] = Session(answer["access_token"])
        self.world.users[localpart] = user
        return user

    def register_guest(self) -> None:
        answer = self.client.call("POST", v3("register") + "?kind=guest", {})
        self.world.last_guest = max(self.world.last_guest, int(answer["user_id"][1:].split(":")[0]))

    def log_in(self, user: User, device: str, refreshable: bool = False) -> Session:
        answer = self.client.call("POST", v3("login"), {
            "type": "m.login.password", "identifier": {"type": "m.id.user", "user": user.localpart},
            "password": user.password, "device_id": device, "refresh_token": refreshable})
        token = "" if refreshable else answer["access_token"]
        user.sessions[device] = Session(token, answer.get("refresh_token", ""))
        return user.sessions[device]

    def rotate(self, session: Session) -> None:
        """Use a refresh token, and the access token it gives: that kills the refresh token used before."""
        answer = self.client.call("POST", v3("refresh"), {"refresh_token": session.refresh_token})
        session.dead_refresh_tokens = [*session.dead_refresh_tokens, session.refresh_token][-3:]
        session.refresh_token = answer["refresh_token"]
        self.client.call("GET", v3("account", "whoami"), token=answer["access_token"])

    def with_password(self, user: User, method: str, path: str, body: Json) -> Json:
        """A call that asks for the password again (user-interactive authentication)."""
        try:
            return self.call(user, method, path, body)
        except ApiError as error:
            if error.status != 401 or "session" not in error.body:
                raise
            session = error.body["session"]
        return self.call(user, method, path, {**body, "auth": {
            "type": "m.login.password", "session": session, "password": user.password,
            "identifier": {"type": "m.id.user", "user": user.localpart}}})

    def deactivate(self, user: User) -> None:
        """Deactivate and erase by the admin API, and wait until the account has left its rooms."""
        self.call(self.admin, "POST", admin("v1", "deactivate", user.user_id), {"erase": True})
        self.close(user)
        path = admin("v1", "users", user.user_id, "joined_rooms")
        wait_for(f"{user.user_id} to leave its rooms", lambda: not self.call(self.admin, "GET", path)["joined_rooms"])
        for room in self.world.rooms.values():
            room.members = [name for name in room.members if name != user.localpart]

    def close(self, user: User) -> None:
        user.is_closed = True
        self.hide_name(user)
        user.old_passwords.append(user.password)
        for session in user.sessions.values():
            session.is_alive = False

    def hide_name(self, user: User) -> None:
        """The directory no longer finds this user by the name of before."""
        for users in self.world.directory.values():
            with contextlib.suppress(ValueError):
                users.remove(user.user_id)

    def upload_keys(self, user: User, device: str, count: int) -> None:
        """Device keys, one-time keys and a fallback key of one session."""
        session = user.sessions[device]
        first = self.random.randrange(1 << 40)
        self.client.call("POST", v3("keys", "upload"), {
            "device_keys": {"user_id": user.user_id, "device_id": device, "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
                            "keys": {f"curve25519:{device}": self.key(), f"ed25519:{device}": self.key()}, "signatures": {}},
            "one_time_keys": {f"signed_curve25519:{first + i:X}": {"key": self.key(), "signatures": {}} for i in range(count)},
            "fallback_keys": {"signed_curve25519:FB": {"key": self.key(), "fallback": True, "signatures": {}}},
        }, session.token)
        session.one_time_keys += count

    def claim_key(self, claimer: User, owner: User, device: str) -> None:
        answer = self.call(claimer, "POST", v3("keys", "claim"),
                           {"one_time_keys": {owner.user_id: {device: "signed_curve25519"}}})
        key_id = next(iter(answer["one_time_keys"][owner.user_id][device]))
        if not key_id.endswith(":FB"):
            owner.sessions[device].one_time_keys -= 1

    def send_to_device(self, sender: User, receiver: User, device: str, count: int) -> None:
        for _ in range(count):
            self.call(sender, "PUT", v3("sendToDevice", "m.kit", self.next_transaction()),
                      {"messages": {receiver.user_id: {device: {"text": self.sentence()}}}})
        receiver.sessions[device].waiting_to_device += count

    def read_to_device(self, session: Session) -> None:
        """Sync twice: the second sync tells the server that the first arrived, so that it deletes."""
        first = self.client.call("GET", v3("sync") + "?timeout=0&set_presence=offline", token=session.token)
        self.client.call("GET", v3("sync") + "?timeout=0&set_presence=offline&since=" + quote(first["next_batch"], safe=""),
                         token=session.token)
        session.waiting_to_device = 0

    # -- rooms

    def next_transaction(self) -> str:
        self.transaction += 1
        return f"{self.tag}.{self.transaction}"

    def create_room(self, creator: User, name: str, members: list[User], **options: Json) -> str:
        room: str = self.call(creator, "POST", v3("createRoom"), {"name": name, **options})["room_id"]
        self.world.rooms[room] = Room(name, creator.localpart, [creator.localpart])
        for user in members:
            self.join(user, room)
        if "room_alias_name" in options:
            self.world.aliases[f"#{options['room_alias_name']}:{self.world.server_name}"] = room
        return room

    def join(self, user: User, room: str) -> None:
        with contextlib.suppress(ApiError):   # public rooms need no invitation
            self.call(self.world.users[self.world.rooms[room].creator], "POST", v3("rooms", room, "invite"),
                      {"user_id": user.user_id})
        self.call(user, "POST", v3("rooms", room, "join"), {})
        self.world.rooms[room].members.append(user.localpart)

    def leave(self, user: User, room: str, forget: bool = False) -> None:
        self.call(user, "POST", v3("rooms", room, "leave"), {})
        self.world.rooms[room].members.remove(user.localpart)
        if forget:
            self.call(user, "POST", v3("rooms", room, "forget"), {})
            self.world.rooms[room].forgotten_by.append(user.localpart)

    def send(self, sender: User, room: str, content: Json, kind: str = "m.room.message", query: str = "") -> str:
        path = v3("rooms", room, "send", kind, self.next_transaction()) + query
        return str(self.call(sender, "PUT", path, content).get("event_id", ""))

    def say(self, sender: User, room: str, body: str, **extra: Json) -> str:
        """Send a text message that will be looked at by itself later."""
        event = self.send(sender, room, {"msgtype": "m.text", "body": body, **extra})
        self.world.events[event] = Event(room, sender.localpart, body)
        return event

    def redact(self, user: User, room: str, event: str) -> None:
        self.call(user, "PUT", v3("rooms", room, "redact", event, self.next_transaction()), {"reason": "kit é"})
        if event in self.world.events:
            self.world.events[event].fate = "redacted"

    def set_state(self, user: User, room: str, kind: str, content: Json, state_key: str = "") -> None:
        path = "/".join([v3("rooms", room, "state", kind), quote(state_key, safe="")])
        self.call(user, "PUT", path, content)

    def sentence(self) -> str:
        if self.random.random() < 0.1:
            return self.random.choice(ODDITIES)
        return " ".join(self.random.choices(WORDS, k=self.random.randint(3, 14)))

    def member(self, room: str) -> User:
        """A random member of the room who can still speak."""
        users = [self.world.users[name] for name in self.world.rooms[room].members]
        return self.random.choice([u for u in users if not u.is_closed and not u.is_mute])

    def chatter(self, rooms: list[str], count: int) -> None:
        """`count` events of mixed kinds, spread over the rooms."""
        recent: dict[str, list[str]] = {room: [] for room in rooms}
        for n in range(count):
            room = self.random.choice(rooms)
            sender, before = self.member(room), recent[room]
            before.append(self.one_event(sender, room, before[-1] if before else None, n))
            del before[:-20]
            if n % 10 == 0:
                self.read_up_to(self.member(room), room, before[-1])
            if n % 25 == 0 and len(before) > 5:
                self.redact(self.world.users[self.world.rooms[room].creator], room, before.pop(0))

    def one_event(self, sender: User, room: str, previous: str | None, number: int) -> str:
        """One event: mostly text, sometimes something else. Returns the event that the next one may refer to."""
        dice, text = self.random.random(), self.sentence()
        content: Json = {"msgtype": "m.text", "body": text}
        if previous and dice < 0.08:
            relation = {"rel_type": "m.annotation", "event_id": previous, "key": f"👍{number}"}
            return self.send(sender, room, {"m.relates_to": relation}, "m.reaction") and previous
        if previous and dice < 0.16:
            thread = {"rel_type": "m.thread", "event_id": previous}
            return self.send(sender, room, {**content, "m.relates_to": thread}) and previous
        if previous and dice < 0.20:
            edit = {"m.new_content": content, "m.relates_to": {"rel_type": "m.replace", "event_id": previous}}
            return self.send(sender, room, {**content, **edit}) and previous
        if dice < 0.24:
            content["m.mentions"] = {"user_ids": [self.member(room).user_id]}
        elif dice < 0.27:
            content |= {"format": "org.matrix.custom.html", "formatted_body": f"<b>{text}</b>"}
        elif dice < 0.29:
            content |= {"msgtype": "m.image", "url": f"mxc://{self.world.server_name}/nothing{number}", "info": {"w": 1}}
        elif dice < 0.30:
            creator = self.world.users[self.world.rooms[room].creator]
            self.set_state(creator, room, "m.room.topic", {"topic": text})
        return self.send(sender, room, content)

    def read_up_to(self, user: User, room: str, event: str) -> None:
        kind = self.random.choice(["m.read", "m.read.private"])
        self.call(user, "POST", v3("rooms", room, "receipt", kind, event), {})
        if self.random.random() < 0.3:
            self.call(user, "POST", v3("rooms", room, "read_markers"), {"m.fully_read": event})

    # -- the rest

    def upload(self, user: User, data: bytes, content_type: str, filename: str) -> str:
        headers = {"Content-Type": content_type, "Authorization": f"Bearer {user.token}"}
        path = "/_matrix/media/v3/upload?filename=" + quote(filename)
        status, answer = self.client.send("POST", path, data, headers)
        if status != 200:
            raise ApiError("POST", path, status, json.loads(answer))
        uri: str = json.loads(answer)["content_uri"]
        self.world.media[uri] = Media(user.localpart, content_type, hashlib.sha256(data).hexdigest())
        return uri

    def set_account_data(self, user: User, kind: str, content: Json) -> None:
        self.call(user, "PUT", v3("user", user.user_id, "account_data", kind), content)

    def add_filter(self, user: User, content: Json) -> None:
        answer = self.call(user, "POST", v3("user", user.user_id, "filter"), content)
        user.filters[answer["filter_id"]] = content

    def set_pusher(self, user: User, pushkey: str, kind: str | None = "http") -> None:
        self.call(user, "POST", v3("pushers", "set"), {
            "kind": kind, "app_id": "kit.é", "pushkey": pushkey, "app_display_name": "kit", "device_display_name": "Gerät",
            "lang": "en", "data": {"url": "http://127.0.0.1:9/_matrix/push/v1/notify", "format": "event_id_only"}})
        if kind is None:
            user.pushkeys.remove(pushkey)
        else:
            user.pushkeys.append(pushkey)

    def sliding_sync(self, user: User, rounds: int) -> None:
        path, position = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0", ""
        for _ in range(rounds):
            answer = self.call(user, "POST", path + (f"&pos={quote(position, safe='')}" if position else ""), {
                "conn_id": "kit", "extensions": {"to_device": {"enabled": False}, "e2ee": {"enabled": True}},
                "lists": {"all": {"ranges": [[0, 20]], "timeline_limit": 3,
                                  "required_state": [["m.room.name", ""], ["m.room.member", "$LAZY"]]}}})
            position = answer["pos"]

    def mark(self, user: User, room: str) -> None:
        """A message that only this tag's search finds, by the stems of its words."""
        word = f"zq{self.tag}"
        event = self.say(user, room, f"{MARKER} {word} forests")
        self.world.searches.append(Search(user.localpart, f"porcupine run {word}", [event]))

    def go_offline(self, user: User, others: list[User], rooms: list[str]) -> None:
        """Remember where `user` stopped reading, then let things happen that a later sync must bring."""
        device = next(iter(user.sessions))
        self.read_to_device(user.sessions[device])
        sync = self.call(user, "GET", v3("sync") + "?timeout=0&set_presence=offline")
        missed = CatchUp(user.localpart, sync["next_batch"])
        for room in rooms:
            speakers = [o for o in others if o.localpart in self.world.rooms[room].members]
            missed.events[room] = [self.say(s, room, f"while you were away {self.sentence()}") for s in speakers * 2]
        self.set_account_data(user, f"kit.missed.{self.tag}", {"n": self.random.randrange(1 << 30)})
        missed.account_data = [f"kit.missed.{self.tag}"]
        self.send_to_device(others[0], user, device, 3)
        missed.to_device = 3
        self.world.catch_up = missed

    def finish(self, step: str) -> None:
        """Wait until the server has caught up with itself, then record what it says."""
        newest = self.world.live_users()[-1]
        canary = self.world.users[self.world.canaries[0]]
        wait_for(f"the user directory to know {newest.user_id}", lambda: newest.user_id in search_directory(
            self.client, canary.token, newest.localpart))
        self.world.steps.append(step)
        self.world.synapse = self.client.call("GET", admin("v1", "server_version"), token=self.admin.token)["server_version"]
        time.sleep(2)   # receipts are written a moment after the request was answered
        self.note_censored()
        self.world.facts = observe(self.client, self.world)
        for note in self.skipped:
            print("not supported here:", note, file=sys.stderr)

    def note_censored(self) -> None:
        """Some minutes after a redaction the server also erases the content from its database."""
        for event_id, event in self.world.events.items():
            if event.fate == "redacted" and not event.is_censored:
                with contextlib.suppress(ApiError):
                    found = self.call(self.admin, "GET", admin("v1", "fetch_event", event_id))["event"]
                    event.is_censored = not found["content"]


def wait_for(what: str, is_done: Callable[[], Json]) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not is_done():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {SETTLE_SECONDS} s for {what}")
        time.sleep(0.5)


def picture(width: int, height: int, generator: random.Random) -> bytes:
    """A small PNG: a gradient in two random colours."""
    red, blue = generator.randrange(256), generator.randrange(256)
    rows = b"".join(b"\0" + b"".join(bytes((red, (x * 255) // width, (blue + y) % 256)) for x in range(width))
                    for y in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
