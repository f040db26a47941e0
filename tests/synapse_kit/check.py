"""Ask a server for every expectation; one TAP line each."""
from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from .client import ApiError, Client, Json, admin, segments, v3
from .expectations import CatchUp, Event, Expectations, Media, Room, Search, Session, User
from .observe import CHECK_DEVICE, observe, search_directory


class Failed(Exception):
    """An expectation does not hold."""


def require(condition: bool, message: str) -> None:
    if not condition:
        raise Failed(message)


def require_equal(found: Json, wanted: Json) -> None:
    if found != wanted:
        raise Failed(difference(found, wanted))


def difference(found: Json, wanted: Json, where: str = "") -> str:
    """The first place where two JSON values differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(set(found) | set(wanted)):
            if found.get(key) != wanted.get(key) or (key in found) != (key in wanted):
                return difference(found.get(key), wanted.get(key), f"{where}.{key}")
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for n, (a, b) in enumerate(zip(found, wanted)):
            if a != b:
                return difference(a, b, f"{where}[{n}]")
    shown = [json.dumps(value, ensure_ascii=False, sort_keys=True) for value in (found, wanted)]
    return f"{where or 'value'} is {shown[0][:300]}, expected {shown[1][:300]}"


Test = tuple[str, Callable[[], Json]]   # what must hold, and what raises unless it does


class Check:
    """Every expectation is one TAP line. Streams are tried first, while nothing was written since the start.

    The groups are generators of (name, test); each test runs before its generator goes on, so tests may use loop variables.
    """

    def __init__(self, client: Client, world: Expectations, log: Path | None) -> None:
        self.client, self.world, self.log = client, world, log
        self.number = 0
        self.failures: list[str] = []

    def run(self) -> bool:
        for group in (self.streams, self.catch_up, self.facts, self.users, self.rooms, self.events, self.media,
                      self.searches, self.log_file):
            for name, test in group():
                self.one(name, test)
        print(f"1..{self.number}")
        return not self.failures

    def one(self, name: str, test: Callable[[], Json]) -> None:
        self.number += 1
        try:
            test()
        except (Failed, ApiError, KeyError, IndexError) as error:
            self.failures.append(name)
            print(f"not ok {self.number} - {name}\n  # " + f"{type(error).__name__}: {error}".replace("\n", "\n  # "))
        else:
            print(f"ok {self.number} - {name}")

    def ask(self, method: str, path: str, body: Json = None, user: User | None = None) -> Json:
        return self.client.call(method, path, body, (user or self.world.users[self.world.admin]).token)

    def refused(self, call: Callable[[], Json], *statuses: int) -> None:
        """The call must be answered with one of these statuses."""
        try:
            answer = call()
        except ApiError as error:
            require(error.status in statuses, f"{error}, expected {statuses}")
        else:
            raise Failed(f"succeeded with {json.dumps(answer)[:200]}, expected {statuses}")

    # -- does the server go on where it stopped?

    def streams(self) -> Iterator[Test]:
        """The first new row of every stream must be seen by a client that had read everything before."""
        reader, writer = (self.world.users[name] for name in self.world.canaries)
        room, stamp = self.world.playground, f"{time.time():.6f}"
        sync = v3("sync") + "?timeout=0&set_presence=offline"
        since = self.ask("GET", sync, user=reader)["next_batch"]
        latest: list[str] = []

        def news() -> Json:
            nonlocal since
            answer = self.ask("GET", f"{sync}&since={quote(since, safe='')}", user=reader)
            since = answer["next_batch"]
            return answer

        def message() -> None:
            path = v3("rooms", room, "send", "m.room.message", stamp)
            latest.append(self.ask("PUT", path, {"msgtype": "m.text", "body": stamp}, writer)["event_id"])
            events = news().get("rooms", {}).get("join", {}).get(room, {}).get("timeline", {}).get("events", [])
            require_equal([e["event_id"] for e in events], latest)

        def receipt() -> None:
            self.ask("POST", v3("rooms", room, "receipt", "m.read", latest[0]), {}, writer)
            ephemeral = news()["rooms"]["join"][room]["ephemeral"]["events"]
            require(any(latest[0] in e["content"] for e in ephemeral if e["type"] == "m.receipt"), "no receipt in sync")

        def account_data() -> None:
            self.ask("PUT", v3("user", reader.user_id, "account_data", "kit.check"), {"at": stamp}, reader)
            found = [e["content"] for e in news().get("account_data", {}).get("events", []) if e["type"] == "kit.check"]
            require_equal(found, [{"at": stamp}])

        def to_device() -> None:
            self.ask("PUT", v3("sendToDevice", "m.kit", stamp), {"messages": {reader.user_id: {"*": {"at": stamp}}}}, writer)
            found = [e["content"] for e in news().get("to_device", {}).get("events", [])]
            require({"at": stamp} in found, f"to-device events are {found}")

        def device_list() -> None:
            device = next(iter(writer.sessions))
            self.ask("POST", v3("keys", "upload"), {"device_keys": {
                "user_id": writer.user_id, "device_id": device, "algorithms": [], "signatures": {},
                "keys": {f"ed25519:{device}": base64.b64encode(hashlib.sha256(stamp.encode()).digest()).decode()}}}, writer)
            require(writer.user_id in news().get("device_lists", {}).get("changed", []), "no device list change in sync")

        def push_rule() -> None:
            self.ask("PUT", v3("pushrules", "global", "content", "kitcheck"), {"actions": [], "pattern": stamp}, reader)
            types = [e["type"] for e in news().get("account_data", {}).get("events", [])]
            require("m.push_rules" in types, f"account data in sync is {types}")

        def presence() -> None:
            self.ask("PUT", v3("presence", writer.user_id, "status"), {"presence": "online", "status_msg": stamp}, writer)
            found = [e["content"].get("status_msg") for e in news().get("presence", {}).get("events", [])]
            require(stamp in found, f"status messages in sync are {found}")

        yield "a new message reaches a client that was up to date", message
        yield "a new receipt reaches a client that was up to date", receipt
        yield "new account data reaches a client that was up to date", account_data
        yield "a new to-device message reaches a client that was up to date", to_device
        yield "a changed device list reaches a client that was up to date", device_list
        yield "a new push rule reaches a client that was up to date", push_rule
        yield "a new presence status reaches a client that was up to date", presence
        yield "a guest gets the next number", self.guest
        yield "a pusher can be set", lambda: self.new_pusher(reader, stamp)
        yield "a room can be made and joined", lambda: self.new_room(reader, writer, stamp)
        yield "sliding sync begins and goes on", lambda: self.new_sliding_sync(reader)
        yield "a file can be uploaded, quarantined and downloaded", lambda: self.new_media(reader, stamp)

    def guest(self) -> None:
        user_id = self.client.call("POST", v3("register") + "?kind=guest", {})["user_id"]
        number = int(user_id[1:].split(":")[0])
        require(self.world.last_guest < number <= self.world.last_guest + 100,
                f"guest number is {number}, the last one was {self.world.last_guest}")

    def new_pusher(self, user: User, stamp: str) -> None:
        self.ask("POST", v3("pushers", "set"), {
            "kind": "http", "app_id": "kit.check", "pushkey": stamp, "app_display_name": "", "device_display_name": "",
            "lang": "en", "data": {"url": "http://127.0.0.1:9/_matrix/push/v1/notify"}}, user)
        keys = [p["pushkey"] for p in self.ask("GET", v3("pushers"), user=user)["pushers"]]
        require(stamp in keys, f"push keys are {keys}")

    def new_room(self, creator: User, guest: User, stamp: str) -> None:
        room = self.ask("POST", v3("createRoom"), {"name": stamp, "preset": "public_chat"}, creator)["room_id"]
        self.ask("POST", v3("rooms", room, "join"), {}, guest)
        state = self.ask("GET", v3("rooms", room, "state"), user=guest)
        require_equal([e["content"] for e in state if e["type"] == "m.room.name"], [{"name": stamp}])
        members = [e for e in state if e["type"] == "m.room.member" and e["content"]["membership"] == "join"]
        require_equal(sorted(e["state_key"] for e in members), sorted([creator.user_id, guest.user_id]))

    def new_sliding_sync(self, user: User) -> None:
        path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync?timeout=0"
        body = {"conn_id": "kitcheck", "lists": {"all": {"ranges": [[0, 9]], "timeline_limit": 1, "required_state": []}}}
        first = self.ask("POST", path, body, user)
        require(self.world.playground in first["rooms"], f"rooms are {list(first['rooms'])}")
        self.ask("POST", f"{path}&pos={quote(first['pos'], safe='')}", body, user)

    def new_media(self, user: User, stamp: str) -> None:
        headers = {"Content-Type": "text/plain", "Authorization": f"Bearer {user.token}"}
        status, answer = self.client.send("POST", "/_matrix/media/v3/upload", stamp.encode(), headers)
        require(status == 200, f"upload: {status} {answer[:200]!r}")
        uri = json.loads(answer)["content_uri"]
        require_equal(self.download(user, uri)[0], 200)
        self.ask("POST", admin("v1", "media", "quarantine", *uri[6:].split("/")), {})
        require_equal(self.download(user, uri)[0], 404)

    def catch_up(self) -> Iterator[Test]:
        if self.world.catch_up is None:
            return
        missed: CatchUp = self.world.catch_up
        user = self.world.users[missed.user]
        query = f"?timeout=0&set_presence=offline&since={quote(missed.since, safe='')}&filter=" + quote(
            json.dumps({"room": {"timeline": {"limit": 100, "types": ["m.room.message"]}}}))
        answer: list[Json] = []

        def events() -> None:
            answer.append(self.ask("GET", v3("sync") + query, user=user))
            joined = answer[0].get("rooms", {}).get("join", {})
            for room, wanted in missed.events.items():
                require_equal([e["event_id"] for e in joined[room]["timeline"]["events"]][:len(wanted)], wanted)

        def account_data() -> None:
            types = [e["type"] for e in answer[0]["account_data"]["events"]]
            require(set(missed.account_data) <= set(types), f"account data in sync is {types}")

        yield f"sync of {missed.user} from the old token brings the messages missed", events
        yield f"sync of {missed.user} from the old token brings the account data missed", account_data
        yield f"sync of {missed.user} from the old token brings the to-device messages missed", lambda: require_equal(
            len(answer[0]["to_device"]["events"]), missed.to_device)

    # -- does the server know what it knew?

    def facts(self) -> Iterator[Test]:
        unreadable: list[str] = []
        found = observe(self.client, self.world, unreadable)
        yield "what the server says of its users and rooms can be read", lambda: require(not unreadable, "\n".join(unreadable))
        for name, wanted in self.world.facts.items():
            yield name, lambda: require_equal(found.get(name), wanted)

    def users(self) -> Iterator[Test]:
        for name, user in self.world.users.items():
            if not user.is_closed:
                yield f"{name} logs in with the right password", lambda: self.log_in(user, user.password)
            for password in user.old_passwords:
                yield f"{name} can't log in with the password {password!r}", lambda: self.refused(
                    lambda: self.log_in(user, password), 401, 403)
            for device, session in user.sessions.items():
                yield from self.session(name, user, device, session)
            if user.is_closed:
                continue
            for filter_id, content in user.filters.items():
                yield f"filter {filter_id} of {name}", lambda: require_equal(
                    self.ask("GET", v3("user", user.user_id, "filter", filter_id), user=user), content)
            yield f"display name of {name}", lambda: require_equal(
                self.ask("GET", v3("profile", user.user_id, "displayname"))["displayname"], user.displayname)
            yield f"push keys of {name}", lambda: self.push_keys(user)

    def session(self, name: str, user: User, device: str, session: Session) -> Iterator[Test]:
        if session.token and session.is_alive:
            yield f"{device} of {name} is still logged in", lambda: require_equal(
                self.client.call("GET", v3("account", "whoami"), token=session.token)["device_id"], device)
        elif session.token:
            yield f"{device} of {name} is logged out", lambda: self.refused(
                lambda: self.client.call("GET", v3("account", "whoami"), token=session.token), 401, 403)
        if session.refresh_token and session.is_alive:
            yield f"{device} of {name} gets a new access token", lambda: require(
                "access_token" in self.refresh(session.refresh_token), "no access token")
        for number, token in enumerate(session.dead_refresh_tokens):
            yield f"{device} of {name}: used refresh token {number} is dead", lambda: self.refused(
                lambda: self.refresh(token), 401, 403)
        if session.one_time_keys and session.is_alive and name not in self.world.canaries:
            yield f"{device} of {name} has {session.one_time_keys} one-time keys", lambda: require_equal(
                self.key_count(session), session.one_time_keys)
        is_catching_up = self.world.catch_up is not None and name == self.world.catch_up.user
        if session.token and session.is_alive and name not in self.world.canaries and not is_catching_up:
            yield f"{device} of {name} has {session.waiting_to_device} to-device messages", lambda: require_equal(
                self.waiting(session), session.waiting_to_device)

    def key_count(self, session: Session) -> int:
        answer = self.client.call("POST", v3("keys", "upload"), {}, session.token)
        return int(answer["one_time_key_counts"].get("signed_curve25519", 0))

    def waiting(self, session: Session) -> int:
        """How many to-device messages a first sync brings; as it is not continued, they stay."""
        answer = self.client.call("GET", v3("sync") + "?timeout=0&set_presence=offline", token=session.token)
        return len(answer.get("to_device", {}).get("events", []))

    def push_keys(self, user: User) -> None:
        pushers = self.ask("GET", v3("pushers"), user=user)["pushers"]
        require_equal(sorted(p["pushkey"] for p in pushers if p["app_id"] == "kit.é"), sorted(user.pushkeys))

    def log_in(self, user: User, password: str) -> Json:
        return self.client.call("POST", v3("login"), {
            "type": "m.login.password", "identifier": {"type": "m.id.user", "user": user.localpart},
            "password": password, "device_id": CHECK_DEVICE})

    def refresh(self, token: str) -> Json:
        return self.client.call("POST", v3("refresh"), {"refresh_token": token})

    def rooms(self) -> Iterator[Test]:
        for room_id, room in self.world.rooms.items():
            if room.fate == "purged":
                yield f"purged room {room_id} is unknown", lambda: self.refused(
                    lambda: self.ask("GET", admin("v1", "rooms", room_id)), 404)
            elif room.fate == "shut":
                yield f"shut room {room_id} is empty", lambda: require_equal(
                    self.ask("GET", admin("v1", "rooms", room_id))["joined_local_members"], 0)
            elif room_id != self.world.playground:
                yield f"members of {room_id}", lambda: self.members(room_id, room)
            if room.fate != "live":
                yield f"room {room_id} is blocked", lambda: require_equal(
                    self.ask("GET", admin("v1", "rooms", room_id, "block"))["block"], True)
            for name in room.forgotten_by:
                user = self.world.users[name]
                if not user.is_closed and room.fate == "live":
                    yield f"{name} has forgotten {room_id}", lambda: self.refused(
                        lambda: self.ask("GET", v3("rooms", room_id, "messages") + "?dir=b", user=user), 403, 404)
        for alias, target in self.world.aliases.items():
            if target is None:
                yield f"alias {alias} is gone", lambda: self.refused(
                    lambda: self.ask("GET", v3("directory", "room", alias)), 404)
            else:
                yield f"alias {alias}", lambda: require_equal(
                    self.ask("GET", v3("directory", "room", alias))["room_id"], target)

    def members(self, room_id: str, room: Room) -> None:
        found = self.ask("GET", admin("v1", "rooms", room_id, "members"))["members"]
        require_equal(sorted(found), sorted(f"@{name}:{self.world.server_name}" for name in room.members))

    def events(self) -> Iterator[Test]:
        for event_id, event in self.world.events.items():
            path = admin("v1", "fetch_event", event_id)
            if event.fate == "shown":
                yield f"event {event_id} says {event.body[:30]!r}", lambda: require_equal(
                    self.ask("GET", path)["event"]["content"].get("body"), event.body)
            elif event.fate == "gone":
                yield f"event {event_id} of a purged room or history is gone", lambda: self.refused(
                    lambda: self.ask("GET", path), 404)
            else:
                yield from self.redacted(event_id, event, path)

    def redacted(self, event_id: str, event: Event, path: str) -> Iterator[Test]:
        reader = self.world.users[self.world.rooms[event.room].creator]
        if self.world.rooms[event.room].fate == "live" and not reader.is_closed:
            yield f"redacted event {event_id} shows nothing", lambda: require_equal(
                self.ask("GET", v3("rooms", event.room, "event", event_id), user=reader)["content"], {})
        if event.is_censored:
            yield f"redacted event {event_id} is erased from the database", lambda: require_equal(
                self.ask("GET", path)["event"]["content"], {})

    def media(self) -> Iterator[Test]:
        user = self.world.users[self.world.admin]
        for uri, media in self.world.media.items():
            if media.fate == "kept":
                yield f"{uri} can be downloaded", lambda: self.kept(user, uri, media)
            else:
                yield f"{uri} is {media.fate}", lambda: require_equal(self.download(user, uri)[0], 404)
            if media.fate == "kept" and media.content_type == "image/png":
                yield f"{uri} has a thumbnail", lambda: require_equal(
                    self.download(user, uri, "thumbnail", "?width=32&height=32&method=crop")[0], 200)

    def kept(self, user: User, uri: str, media: Media) -> None:
        status, data = self.download(user, uri)
        require_equal(status, 200)
        require_equal(hashlib.sha256(data).hexdigest(), media.sha256)

    def download(self, user: User, uri: str, what: str = "download", query: str = "") -> tuple[int, bytes]:
        path = f"/_matrix/client/v1/media/{what}/" + segments(tuple(uri[6:].split("/"))) + query
        return self.client.send("GET", path, None, {"Authorization": f"Bearer {user.token}"})

    def searches(self) -> Iterator[Test]:
        for search in self.world.searches:
            if not self.world.users[search.user].is_closed:
                yield f"{search.user} finds {search.term!r} in {len(search.events)} messages", lambda: self.search(search)
        token = self.world.users[self.world.canaries[0]].token   # nobody finds himself

        def directory(term: str, wanted: list[str]) -> None:
            found = search_directory(self.client, token, term)
            require(set(wanted) <= set(found), f"found {found}, expected {wanted} among them")

        for term, users in self.world.directory.items():
            if users:
                yield f"the user directory finds {term!r}", lambda: directory(term, users)
        for name, user in self.world.users.items():
            if user.is_closed:
                yield f"the user directory does not show {name}", lambda: require(
                    user.user_id not in search_directory(self.client, token, name), "it does")

    def search(self, search: Search) -> None:
        body = {"search_categories": {"room_events": {"search_term": search.term, "keys": ["content.body"]}}}
        found = self.ask("POST", v3("search"), body, self.world.users[search.user])["search_categories"]["room_events"]
        require_equal(sorted(r["result"]["event_id"] for r in found["results"]), sorted(search.events))

    # -- did the server complain?

    COMPLAINTS = re.compile(
        r"Postgres sequence|is behind table|gone backwards|IncorrectDatabaseSetup|psycopg2\.errors|UniqueViolation|"
        r"ForeignKeyViolation|NotNullViolation|IntegrityError|OperationalError|ProgrammingError|InternalError|"
        r" - (ERROR|CRITICAL) - ")

    def log_file(self) -> Iterator[Test]:
        if self.log is None:
            return
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if self.COMPLAINTS.search(line)]
        yield "the log has no complaint about the database", lambda: require(
            not lines, f"{len(lines)} lines:\n" + "\n".join(line[:250] for line in lines[:20]))
