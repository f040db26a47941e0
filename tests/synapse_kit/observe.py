"""What a server says of itself, in a form that does not depend on its database."""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote

from .client import ApiError, Client, Json, admin, v3
from .expectations import Expectations, User

CHECK_DEVICE = "KITCHECK"   # every login that `check` makes uses this device


def search_directory(client: Client, token: str, term: str) -> list[str]:
    answer = client.call("POST", v3("user_directory", "search"), {"search_term": term, "limit": 50}, token)
    return sorted(result["user_id"] for result in answer["results"])


def observe(client: Client, world: Expectations, unreadable: list[str] | None = None) -> dict[str, Json]:
    """What the server says of itself and of every user and room, in a form that does not depend on its database.

    With a list for what can't be read, such parts are noted there and left out; without, they are an error.
    """
    facts: dict[str, Json] = {}

    def take(of_what: str, read: Callable[[], dict[str, Json]]) -> None:
        try:
            facts.update({f"{fact}{of_what}": value for fact, value in read().items()})
        except (ApiError, KeyError) as error:
            if unreadable is None:
                raise
            unreadable.append(f"{type(error).__name__}{of_what}: {error}")

    take("", lambda: observe_server(client, world))
    for name, user in world.users.items():
        if name not in world.canaries:
            take(f" of {name}", lambda: observe_user(client, world, user))
    for room in world.live_rooms():
        take(f" of {room}", lambda: observe_room(client, world, room))
    return facts


def observe_server(client: Client, world: Expectations) -> dict[str, Json]:
    """What concerns no single user or room."""
    token = world.users[world.admin].token

    def ask(*parts: str) -> Json:
        return client.call("GET", admin(*parts) + "?limit=1000", token=token)

    used = ask("v1", "statistics", "users", "media")["users"]
    public = client.call("GET", v3("publicRooms"), token=token)["chunk"]
    return {
        "registration tokens": sorted(ask("v1", "registration_tokens")["registration_tokens"], key=lambda t: str(t["token"])),
        "event reports": ask("v1", "event_reports")["event_reports"],
        "media used": sorted([u["user_id"], u["media_count"], u["media_length"]] for u in used
                             if u["user_id"][1:].split(":")[0] not in world.canaries),
        "public rooms": sorted(public, key=lambda room: str(room["room_id"])),
    }


def observe_user(client: Client, world: Expectations, user: User) -> dict[str, Json]:
    token = world.users[world.admin].token

    def ask(*parts: str) -> Json:
        return client.call("GET", admin(*parts), token=token)

    account = ask("v2", "users", user.user_id)
    account.pop("last_seen_ts", None)
    devices = ask("v2", "users", user.user_id, "devices")["devices"]
    pushers = ask("v1", "users", user.user_id, "pushers")["pushers"]
    account_data = ask("v1", "users", user.user_id, "accountdata")["account_data"]
    live = world.live_rooms()   # a server may still have the data of a purged room in a cache
    account_data["rooms"] = {room: data for room, data in account_data["rooms"].items() if room in live}
    facts: dict[str, Json] = {
        "account": account,
        "devices": sorted([d["device_id"], d["display_name"]] for d in devices if d["device_id"] != CHECK_DEVICE),
        "account data": account_data,
        "joined rooms": sorted(ask("v1", "users", user.user_id, "joined_rooms")["joined_rooms"]),
        "pushers": sorted([p["app_id"], p["pushkey"], p["kind"]] for p in pushers),
    }
    if not user.is_closed:
        facts["profile"] = client.call("GET", v3("profile", user.user_id))
        rules = client.call("GET", v3("pushrules") + "/", token=user.token)["global"]
        facts["push rules"] = {kind: [r for r in of_kind if not r["default"]] for kind, of_kind in rules.items()}
        facts["receipts seen"] = observe_receipts(client, user.token)
    return facts


def observe_receipts(client: Client, token: str) -> Json:
    """The receipts that a first sync shows. (Its unread counts come from a cache that forgets: no fact.)"""
    query = "?timeout=0&set_presence=offline&filter=" + quote(json.dumps({"room": {"timeline": {"limit": 1}}}))
    rooms = client.call("GET", v3("sync") + query, token=token).get("rooms", {}).get("join", {})
    return {room: event["content"] for room, data in rooms.items() for event in data["ephemeral"]["events"]
            if event["type"] == "m.receipt"}


def observe_room(client: Client, world: Expectations, room: str) -> dict[str, Json]:
    token = world.users[world.admin].token
    details = client.call("GET", admin("v1", "rooms", room), token=token)
    details.pop("joined_local_devices")   # `check` adds some by logging in
    state = client.call("GET", admin("v1", "rooms", room, "state"), token=token)["state"]
    return {
        "details": details,
        "state": sorted([e["type"], e["state_key"], digest(e["content"])] for e in state),
        "timeline": timeline(client, token, room),
    }


def history(client: Client, token: str, room: str) -> Iterator[Json]:
    """All events that the room's history shows, newest first."""
    path, since = admin("v1", "rooms", room, "messages") + "?dir=b&limit=500", ""
    while True:
        page = client.call("GET", path + (f"&from={quote(since, safe='')}" if since else ""), token=token)
        yield from page["chunk"]
        since = page.get("end", "")
        if not since or not page["chunk"]:
            return


def timeline(client: Client, token: str, room: str) -> Json:
    """The number of events in a room's history, and a digest of all of them in order."""
    count, running = 0, hashlib.sha256()
    for event in history(client, token, room):
        running.update(digest([event["event_id"], event["type"], event["sender"], event["content"]]).encode())
        count += 1
    return {"events": count, "sha256": running.hexdigest()}


def digest(value: Json) -> str:
    """A short name for a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
