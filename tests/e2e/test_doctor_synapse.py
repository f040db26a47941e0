"""valise doctor on a database that a real Synapse prepared: what would keep Synapse from starting, or make it lose messages."""
from __future__ import annotations

import contextlib
from pathlib import Path

import psycopg2
import pytest

import homeserver
import programs
from conftest import Database
from doctor import Findings, commands, follow_sql
from prepared import target, template  # noqa: F401 (fixtures)
from synapse_kit.configuration import Installation


@pytest.fixture
def server(target: Database, synapse: Installation, tmp_path: Path) -> homeserver.Homeserver:
    return homeserver.on_postgres(synapse, tmp_path / "synapse", target)


def look(server: homeserver.Homeserver, target: Database, *options: str) -> Findings:
    target.settle()
    found = Findings("--postgres-config", server.config, *options)
    assert not found.of("not-examined"), found.done
    return found


def asserts(target: Database) -> list[str]:
    """What Synapse itself checks when it starts."""
    out = programs.succeed("psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", target.dsn, "-f", homeserver.ASSERTS).out
    target.settle()
    return out.splitlines()


def test_a_prepared_database_is_well(server: homeserver.Homeserver, target: Database) -> None:
    found = look(server, target, "--deep")
    assert found.report["application"] == "Matrix Synapse"
    for name in ("profile", "sequences", "collation", "ctype", "encoding", "server-version", "application-check", "server-name",
                 "background-updates", "port-db-leftover", "table-unlogged", "keepalives-client", "connections"):
        found.well(name)
    # of the throwaway server, whose role is no superuser, and of Synapse's own doing
    assert {each["name"] for each in found.all if each["severity"] in ("error", "warning")} <= {"setting-fsync", "statistics-missing"}, found.done
    assert len(found.of("constraint-not-valid")) == 3


@pytest.mark.parametrize("change, sequence, words", [
    ("INSERT INTO stream_positions VALUES ('events', 'master', 50)", "events_stream_seq", "stream_positions"),
    ("INSERT INTO stream_positions VALUES ('to_device', 'master', 7)", "device_inbox_sequence", "stream_positions"),
    ("INSERT INTO stream_positions VALUES ('backfill', 'master', -9)", "events_backfill_stream_seq", "stream_positions"),
    ("INSERT INTO deleted_pushers VALUES (33, 'a', 'p', '@u:x')", "pushers_sequence", "deleted_pushers.stream_id"),
    ("INSERT INTO state_groups VALUES (12, '!r:x', '$e')", "state_group_id_seq", "state_groups.id"),
    ("INSERT INTO users (name, creation_ts) VALUES ('@4711:localhost:8800', 1)", "user_id_seq", ""),
], ids=["events", "to_device", "backfill", "two sources", "counter", "guests"])
def test_sequences_behind(server: homeserver.Homeserver, target: Database, change: str, sequence: str, words: str) -> None:
    target.execute(change)
    finding = look(server, target).one("sequence-behind", "error", f'"public"."{sequence}"', words)
    fixed = look(server, target, "--fix", "sequences")
    assert fixed.report["fixed"] == commands(finding, "sql")
    fixed.well("sequences")
    assert asserts(target) == []


def test_what_the_port_script_leaves(server: homeserver.Homeserver, target: Database) -> None:
    """It restarts a sequence at max + 1, not called: Synapse takes the value as used, and then gives it out."""
    target.execute("ALTER SEQUENCE events_stream_seq RESTART WITH 279; ALTER SEQUENCE receipts_sequence RESTART WITH 5;"
                   "INSERT INTO stream_positions VALUES ('receipts', 'master', 8)")
    found = look(server, target)
    finding = found.one("sequence-not-called", "warning", "events_stream_seq", "279")
    follow_sql(target.dsn, finding)
    follow_sql(target.dsn, found.one("sequence-behind", "error", "receipts_sequence"))
    look(server, target).well("sequences")
    assert target.query("SELECT last_value, is_called FROM events_stream_seq") == [(279, True)]
    assert target.query("SELECT last_value, is_called FROM receipts_sequence") == [(8, True)]
    assert asserts(target) == []


def test_synapse_starts_on_what_was_mended(server: homeserver.Homeserver, target: Database) -> None:
    target.execute("INSERT INTO stream_positions VALUES ('to_device', 'master', 7)")
    with pytest.raises(SystemExit), server.running():
        pass
    assert "is inconsistent with" in server.log.read_text(errors="replace")
    # Synapse's role owns the database, and is enough
    look(server, target, "--fix", "sequences").well("sequences")
    server.log.unlink()
    with server.running() as client:
        assert client
    assert "is inconsistent with" not in server.log.read_text(errors="replace")


def test_a_missing_sequence(server: homeserver.Homeserver, target: Database) -> None:
    target.execute("DROP SEQUENCE receipts_sequence")
    look(server, target).one("sequence-missing", "error", "receipts_sequence")


def test_pending_background_updates(server: homeserver.Homeserver, target: Database) -> None:
    target.execute("INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('some_update', '{}', 1)")
    finding = look(server, target).one("background-updates", "error", "some_update")
    assert "update_synapse_database" in commands(finding, "words")[0]
    target.execute("DELETE FROM background_updates")
    look(server, target).well("background-updates")


def test_a_left_over_of_the_port_script(server: homeserver.Homeserver, target: Database) -> None:
    target.execute("CREATE TABLE port_from_sqlite3 (table_name text, forward_rowid bigint, backward_rowid bigint)")
    look(server, target).one("port-db-leftover", "error", "public.port_from_sqlite3")


def test_another_schema_version(server: homeserver.Homeserver, target: Database) -> None:
    target.execute("UPDATE schema_version SET version = 95")
    look(server, target).one("application-version", "notice", "95", "94")


def test_accounts_of_another_server(server: homeserver.Homeserver, target: Database) -> None:
    target.execute("INSERT INTO users (name, creation_ts) VALUES ('@alice:elsewhere.example', 1)")
    look(server, target).one("server-name", "error", "elsewhere.example", homeserver.SERVER_NAME)


def test_a_check_of_the_profile(server: homeserver.Homeserver, target: Database) -> None:
    target.execute("DELETE FROM appservice_stream_position")
    look(server, target).one("application-check", "warning", "appservice_stream_position")


def test_it_is_stopped_by_a_running_synapse(server: homeserver.Homeserver, target: Database) -> None:
    with contextlib.closing(psycopg2.connect(target.dsn, application_name="synapse")):
        Findings("--postgres-config", server.config).one("sessions", "notice", "1 other", "postgres")
        programs.fail(programs.REFUSED, ["other sessions", "homeserver"], programs.VALISE, "doctor", "--postgres-config", server.config,
                      "--fix", "sequences")
