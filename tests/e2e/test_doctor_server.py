"""valise doctor's findings about a server: settings, age, slots, keepalives, memory; made for real on servers of their own."""
from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

import programs
from conftest import Server, serving
from doctor import Findings, as_owner, commands, follow_sql

DURABLE = "fsync = on\n"   # the throwaway server has it off


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    settings = DURABLE + "max_prepared_transactions = 5\nwal_level = logical\nautovacuum_freeze_max_age = 100000\n"
    with serving(VALISE_PG_SETTINGS=settings) as server:
        yield server


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    name = server.create()
    yield name
    server.drop(name)


def execute(server: Server, name: str, statement: str) -> None:
    server.execute(name, statement)
    server.settle(name)


def look(server: Server, name: str, *options: str) -> Findings:
    server.settle(name)
    return Findings("--dsn", server.dsn(name), *options)


def reset(server: Server) -> None:
    server.execute("postgres", "ALTER SYSTEM RESET ALL")
    server.execute("postgres", "SELECT pg_reload_conf()")


def test_nothing_serious_is_status_0(server: Server, name: str) -> None:
    found = look(server, name)
    assert found.status == 0, found.done
    found.well("server-version")
    text = programs.succeed(programs.VALISE, "doctor", "--dsn", server.dsn(name)).out
    assert "0 errors" in text and "ok: " in text and max(map(len, text.splitlines())) < 120


@pytest.mark.parametrize("setting, bad, severity", [
    ("fsync", "off", "error"), ("full_page_writes", "off", "error"), ("zero_damaged_pages", "on", "error"),
    ("ignore_checksum_failure", "on", "error"), ("autovacuum", "off", "warning"), ("track_counts", "off", "warning"),
    ("synchronous_commit", "off", "notice"),
])
def test_dangerous_settings(server: Server, name: str, setting: str, bad: str, severity: str) -> None:
    server.execute("postgres", f"ALTER SYSTEM SET {setting} = {bad}")
    server.execute("postgres", "SELECT pg_reload_conf()")
    try:
        finding = wait_for(server, name, f"setting-{setting}", severity)
        follow_sql(server.dsn("postgres"), finding)
        wait_for(server, name, f"setting-{setting}", None)
    finally:
        reset(server)


def wait_for(server: Server, name: str, finding: str, severity: str | None) -> dict[str, object]:
    """A reload takes a moment."""
    for _ in range(100):
        found = look(server, name)
        if severity is None and not found.of(finding):
            return {}
        if severity is not None and found.of(finding):
            return found.one(finding, severity)
    raise AssertionError(found.done)


def test_checksums(server: Server, name: str) -> None:
    finding = look(server, name).one("setting-data_checksums", "notice")
    assert "pg_checksums" in commands(finding, "shell")[0]


def test_a_restart_that_is_due(server: Server, name: str) -> None:
    server.execute("postgres", "ALTER SYSTEM SET max_connections = 33")
    server.execute("postgres", "SELECT pg_reload_conf()")
    try:
        wait_for(server, name, "restart-pending", "notice")
    finally:
        reset(server)


def test_transactions_that_are_read_only(server: Server, name: str) -> None:
    server.execute("postgres", "CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only = on")
    try:
        dsn = server.dsn(name).replace("user=postgres", "user=reader")
        finding = Findings("--dsn", dsn).one("read-only", "error")
        follow_sql(server.dsn(name), finding)
        Findings("--dsn", dsn).well("writable")
    finally:
        server.settle(name)
        server.execute("postgres", "DROP ROLE reader")


@pytest.mark.parametrize("where", ["DATABASE {name}", "ROLE odd", "ROLE odd IN DATABASE {name}", None])
def test_sessions_as_a_replicas(server: Server, name: str, where: str | None) -> None:
    server.execute("postgres", "CREATE ROLE odd LOGIN SUPERUSER")
    dsn = server.dsn(name).replace("user=postgres", "user=odd")
    try:
        Findings("--dsn", dsn).well("session-replica")
        if where is None:
            finding = Findings("--dsn", f"{dsn} options='-c session_replication_role=replica'").one("session-replica", "error")
            assert "PGOPTIONS" in commands(finding, "words")[0]
            return
        server.execute("postgres", f"ALTER {where.format(name=name)} SET session_replication_role = replica")
        follow_sql(server.dsn(name), Findings("--dsn", dsn).one("session-replica", "error"))
        Findings("--dsn", dsn).well("session-replica")
    finally:
        server.settle(name)
        server.execute("postgres", "DROP ROLE odd")


def test_a_standby() -> None:
    with serving(VALISE_PG_SETTINGS=DURABLE + "hot_standby = on\n") as server:
        data = Path(server.folder) / "data"
        with contextlib.closing(server.connect("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_read_file('postmaster.opts')")
            pg_ctl = Path(cursor.fetchone()[0].split()[0]).parent / "pg_ctl"
        restart = [str(pg_ctl), "-D", str(data), "-l", f"{server.folder}/log", "-m", "fast", "-w", "restart"]
        (data / "standby.signal").touch()
        subprocess.run(restart, check=True, stdout=subprocess.DEVNULL, cwd="/", **as_owner())
        finding = Findings("--dsn", server.dsn("postgres")).one("standby", "error")
        assert "primary" in commands(finding, "words")[0]
        (data / "standby.signal").unlink()
        subprocess.run(restart, check=True, stdout=subprocess.DEVNULL, cwd="/", **as_owner())
        Findings("--dsn", server.dsn("postgres")).well("writable")


def test_prepared_transactions(server: Server, name: str) -> None:
    execute(server, name, "CREATE TABLE t (a integer)")
    with contextlib.closing(psycopg2.connect(server.dsn(name))) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
        cursor.execute("PREPARE TRANSACTION 'it''s left'")
        connection.rollback()
    finding = look(server, name).one("prepared-transaction", "warning", "'it''s left'", name)
    follow_sql(server.dsn(name), finding)
    look(server, name).well("prepared-transaction")


def test_replication_slots(server: Server, name: str) -> None:
    execute(server, name, "SELECT pg_create_physical_replication_slot('left_over', true)")
    finding = look(server, name).one("replication-slot", "warning", "'left_over'", "not in use")
    follow_sql(server.dsn(name), finding)
    look(server, name).well("replication-slot")


def test_wraparound(server: Server, name: str) -> None:
    """100000 transactions are the least that a server can be told to worry about; a prepared one keeps them from being frozen."""
    server.execute("postgres", "ALTER SYSTEM SET autovacuum = off")
    execute(server, name, "CREATE TABLE t (a integer)")
    with contextlib.closing(psycopg2.connect(server.dsn(name))) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (1)")
        cursor.execute("PREPARE TRANSACTION 'holds'")
        connection.rollback()
    execute(server, name, "DO $$ BEGIN FOR i IN 1..110000 LOOP BEGIN INSERT INTO t VALUES (i); EXCEPTION WHEN division_by_zero THEN END;"
                          " IF i % 5000 = 0 THEN DELETE FROM t; END IF; END LOOP; END $$")
    found = look(server, name)
    finding = found.one("wraparound", "warning", "transaction ids", "100000")
    follow_sql(server.dsn(name), found.one("prepared-transaction", "warning"))
    follow_sql(server.dsn(name), finding)
    look(server, name).well("wraparound")
    reset(server)


# ------------------------------------------------------------------------------- connections, keepalives


def config(server: Server, name: str, folder: Path, **changes: object) -> Path:
    arguments = {"user": server.user, "password": server.password, "dbname": name, "host": "127.0.0.1", "port": server.port} | changes
    path = folder / "homeserver.yaml"
    path.write_text("database: " + json.dumps({"name": "psycopg2", "args": arguments}) + "\n")
    return path


def test_more_connections_than_there_are(server: Server, name: str, tmp_path: Path) -> None:
    path = config(server, name, tmp_path, cp_max=200)
    finding = Findings("--postgres-config", path).one("connections", "error", "cp_max asks for 200", "60")
    assert any("max_connections" in line for line in commands(finding, "sql"))
    Findings("--postgres-config", config(server, name, tmp_path, cp_max=20)).well("connections")
    server.execute("postgres", f"CREATE ROLE few LOGIN CONNECTION LIMIT 7 PASSWORD 'x'; GRANT ALL ON DATABASE {name} TO few")
    path = config(server, name, tmp_path, cp_max=10, user="few", password="x")
    finding = Findings("--postgres-config", path).one("connections", "error", "may have 7")
    follow_sql(server.dsn(name), {"mend": finding["mend"][:2]})
    Findings("--postgres-config", path).well("connections")
    server.execute("postgres", f"REVOKE ALL ON DATABASE {name} FROM few")
    server.execute("postgres", "DROP ROLE few")


def test_keepalives(server: Server, name: str, tmp_path: Path) -> None:
    server.settle(name)
    found = Findings("--postgres-config", config(server, name, tmp_path))
    finding = found.one("keepalives-client", "warning", "keepalives_idle")
    [words] = commands(finding, "words")
    changes = {key: int(value) for key, value in
               (part.split(": ") for part in words.split("them): ")[1].split(" notice")[0].split(", "))}
    assert set(changes) == {"keepalives_idle", "keepalives_interval", "keepalives_count"}
    Findings("--postgres-config", config(server, name, tmp_path, **changes)).well("keepalives-client")
    Findings("--postgres-config", config(server, name, tmp_path, keepalives=0)).one("keepalives-client", "warning", "off")
    try:
        follow_sql(server.dsn("postgres"), found.one("keepalives-server", "notice", "tcp_keepalives_idle"))
        Findings("--postgres-config", config(server, name, tmp_path)).well("keepalives-server")
    finally:
        reset(server)
    look(server, name).well("keepalives-client")   # a local socket


# ------------------------------------------------------------------------------------------- memory, disk


def test_tuning(server: Server, name: str) -> None:
    found = look(server, name, "--memory", "64GB")
    after = commands(found.one("tuning", "notice", "64 GB", "shared_buffers is 256MB, better 16GB (restart)"), "sql")
    load = commands(found.one("tuning-load", "notice", "max_wal_size is 4GB, better 32GB"), "sql")
    assert "ALTER SYSTEM SET effective_cache_size = '48GB';" in after and "ALTER SYSTEM SET maintenance_work_mem = '2GB';" in load
    assert "shared_buffers" in commands(found.of("tuning")[0], "words")[-1]   # what needs a restart
    try:
        for lines in (load, after):
            follow_sql(server.dsn("postgres"), {"mend": [{"kind": "sql", "text": line} for line in lines if "shared_buffers" not in line]})
        with contextlib.closing(server.connect("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL AND sourcefile LIKE '%auto.conf'")
            assert cursor.fetchone() == (0,)
        for _ in range(100):
            found = look(server, name, "--memory", "64GB")
            if "better" not in found.of("tuning")[0]["what"].replace("shared_buffers is 256MB, better 16GB", ""):
                break
        assert found.one("tuning", "notice")["what"].count("better") == 1, "only what needs a restart is left"
    finally:
        reset(server)


def test_little_memory(server: Server, name: str) -> None:
    found = look(server, name, "--memory", "512 MB")
    assert "shared_buffers is" not in found.of("tuning")[0]["what"], "256MB is half of it, and bearable"
    assert "shared_buffers is 256MB, better 128MB" in look(server, name, "--memory", "400MB").of("tuning")[0]["what"]


@pytest.mark.parametrize("memory", ["0", "x", "-1", "12XB", "99999999999999999999TB", ""])
def test_a_size_that_is_none(memory: str) -> None:
    programs.fail(programs.USAGE, ["--memory"], programs.VALISE, "doctor", "--dsn", "dbname=x", "--memory", memory)


def test_the_disk(server: Server, name: str, tmp_path: Path) -> None:
    found = look(server, name)
    assert found.of("disk"), found.done
    server.execute("postgres", "CREATE ROLE nobody_special LOGIN")
    try:
        Findings("--dsn", server.dsn(name).replace("user=postgres", "user=nobody_special")).one("disk-unknown", "notice", "data_directory")
        server.settle(name)
        server.execute("postgres", "GRANT pg_read_all_settings TO nobody_special")
        assert Findings("--dsn", server.dsn(name).replace("user=postgres", "user=nobody_special")).of("disk")
    finally:
        server.settle(name)
        server.execute("postgres", "DROP ROLE nobody_special")


def test_a_full_disk(name: str, server: Server) -> None:
    """A data folder on a small file system of its own."""
    with contextlib.ExitStack() as stack:
        folder = Path(subprocess.run(["mktemp", "-d", "/tmp/valise-small.XXXXXX"], capture_output=True, text=True, check=True).stdout.strip())
        stack.callback(lambda: subprocess.run(["rmdir", str(folder)], check=False))
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m,mode=1777", "tmpfs", str(folder)], capture_output=True).returncode != 0:
            pytest.skip("mounting a small file system is not allowed here")
        stack.callback(lambda: subprocess.run(["umount", str(folder)], check=False))
        small = stack.enter_context(serving(VALISE_PG_SETTINGS=DURABLE + "min_wal_size = 32MB\nmax_wal_size = 32MB\n", VALISE_PG_PARENT=str(folder)))
        assert small.folder.startswith(str(folder))
        Findings("--dsn", small.dsn("postgres")).well("disk")
        filler = folder / "filler"
        size = 120 * 2**20
        while size > 2**20:
            with contextlib.suppress(OSError), filler.open("ab") as file:
                file.write(b"\0" * 2**20)
                size -= 2**20
                continue
            break
        Findings("--dsn", small.dsn("postgres")).one("disk", "warning", "free")
        filler.unlink()
        Findings("--dsn", small.dsn("postgres")).well("disk")


def forward(connection: socket.socket, port: int) -> None:
    """Carry bytes between a client and the server, until one of them ends."""
    carry(connection, socket.create_connection(("127.0.0.1", port)))


def carry(connection: socket.socket, there: socket.socket) -> None:
    with connection, there, contextlib.suppress(OSError):
        while True:
            for side in select.select([connection, there], [], [])[0]:
                data = side.recv(65536)
                if not data:
                    return
                (there if side is connection else connection).sendall(data)


def test_a_socket_that_is_forwarded(server: Server, name: str, tmp_path: Path) -> None:
    """As ssh does it: to a socket here, or from a socket there. Whose memory and disk it is cannot be told."""
    there = f"{server.folder}/.s.PGSQL.{server.port}"
    with contextlib.ExitStack() as stack:
        ways = []
        for family, address in ((socket.AF_UNIX, str(tmp_path / ".s.PGSQL.5432")), (socket.AF_INET, ("127.0.0.1", 0))):
            listener = stack.enter_context(socket.socket(family))
            listener.bind(address)
            listener.listen()
            threading.Thread(target=serve_socket, args=(listener, there), daemon=True).start()
            ways.append(f"host={tmp_path} port=5432" if family == socket.AF_UNIX else f"host=127.0.0.1 port={listener.getsockname()[1]}")
        for way in ways:
            found = Findings("--dsn", f"{way} user={server.user} dbname={name}")
            found.one("disk-unknown", "notice", "another host")
            found.one("memory-unknown", "notice")
    found = look(server, name)   # the socket itself
    assert found.of("disk") and not found.of("memory-unknown")


def serve_socket(listener: socket.socket, path: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            there = socket.socket(socket.AF_UNIX)
            connection = listener.accept()[0]
            there.connect(path)
            threading.Thread(target=carry, args=(connection, there), daemon=True).start()


def test_the_host_behind_a_tunnel_is_not_guessed_at(server: Server, name: str, tmp_path: Path) -> None:
    found = Findings("--postgres-config", config(server, name, tmp_path))
    assert found.of("disk") and found.of("tuning") and not found.of("memory-unknown")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    forward(listener.accept()[0], server.port)
        threading.Thread(target=serve, daemon=True).start()
        path = config(server, name, tmp_path, port=listener.getsockname()[1])
        found = Findings("--postgres-config", path)
        found.one("disk-unknown", "notice", "another host")
        finding = found.one("memory-unknown", "notice")
        assert "--memory 16GB" in commands(finding, "words")[0]
        assert Findings("--postgres-config", path, "--memory", "16GB").of("tuning")
