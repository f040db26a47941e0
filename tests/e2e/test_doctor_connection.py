"""valise doctor and valise-replay on a server that does not let us in: each trouble made for real, and mended as printed."""
from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import programs
import standby
from conftest import Server, serving
from doctor import Findings, commands, follow_sql

SECRET = "s3cret-that-nobody-sees"


class Gate:
    """A server whose pg_hba.conf the tests write."""

    def __init__(self, server: Server) -> None:
        self.server = server
        with contextlib.closing(server.connect("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('hba_file')")
            self.file = Path(cursor.fetchone()[0])
        self.first = self.file.read_text()

    def loaded(self) -> object:
        """When the server read its configuration, as a new session sees it."""
        with contextlib.closing(self.server.connect("postgres")) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_conf_load_time()")
            return cursor.fetchone()

    def rules(self, *lines: str) -> None:
        """These lines alone, and the administrator by the socket."""
        before = self.loaded()
        self.file.write_text("local all postgres trust\n" + "".join(line + "\n" for line in lines))
        self.server.execute("postgres", "SELECT pg_reload_conf()")
        deadline = time.monotonic() + 60
        while self.loaded() == before:
            assert time.monotonic() < deadline, "the server does not read its configuration"
            time.sleep(0.01)

    def prepend(self, line: str) -> None:
        """As the advice says: above any other line that matches."""
        self.rules(line, *[old for old in self.file.read_text().splitlines() if old != "local all postgres trust"])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(VALISE_PG_SETTINGS="password_encryption = 'scram-sha-256'") as server:
        server.execute("postgres", f"CREATE ROLE syn LOGIN PASSWORD '{SECRET}'")
        server.execute("postgres", "CREATE DATABASE syn OWNER syn")
        yield server


@pytest.fixture
def gate(server: Server) -> Iterator[Gate]:
    gate = Gate(server)
    yield gate
    gate.file.write_text(gate.first)
    server.execute("postgres", "SELECT pg_reload_conf()")


def config(server: Server, folder: Path, **changes: object) -> Path:
    arguments = {"user": "syn", "password": SECRET, "dbname": "syn", "host": "127.0.0.1", "port": server.port} | changes
    path = folder / "homeserver.yaml"
    path.write_text("database: " + json.dumps({"name": "psycopg2", "args": {k: v for k, v in arguments.items() if v is not None}}))
    return path


def trouble(path: Path, name: str, *words: str, before: tuple[str, ...] = (), **options: object) -> dict[str, object]:
    """The doctor's only finding, which valise-replay says too; neither shows the password."""
    found = Findings("--postgres-config", path, before=before, **options)
    finding = found.one(name, "error", *words)
    assert [each["name"] for each in found.all] == [name]
    assert found.report["connected"] is False
    replay = programs.run(*before, programs.REPLAY, "--status", "--postgres-config", path, **options)
    assert replay.status == programs.DATABASE, replay
    assert finding["why"] in replay.error, (finding, replay.error)
    text = programs.run(*before, programs.VALISE, "doctor", "--postgres-config", path, **options)
    assert text.status == programs.REFUSED and f"error: {name}\n" in text.out, text
    assert SECRET not in found.done.out + found.done.error + text.out + text.error + replay.out + replay.error
    return finding


def test_the_way_in(server: Server, tmp_path: Path) -> None:
    assert Findings("--postgres-config", config(server, tmp_path)).report["connected"]


def test_a_wrong_password(server: Server, tmp_path: Path) -> None:
    finding = trouble(config(server, tmp_path, password="wrong"), "password-wrong", "password authentication failed")
    assert commands(finding, "sql") == ['\\password "syn"']
    path = config(server, tmp_path, password="wrong")
    server.execute("postgres", "ALTER ROLE syn PASSWORD 'wrong'")   # what \password does, with the prompt answered
    assert Findings("--postgres-config", path).report["connected"]
    server.execute("postgres", f"ALTER ROLE syn PASSWORD '{SECRET}'")


def test_no_password(server: Server, tmp_path: Path) -> None:
    trouble(config(server, tmp_path, password=None, passfile="/dev/null"), "password-missing", "no password supplied")


def test_a_port_where_nothing_listens(server: Server, tmp_path: Path) -> None:
    finding = trouble(config(server, tmp_path, port=1), "connection-refused", "refused")
    assert "pg_lsclusters" in commands(finding, "shell")


def test_no_socket(server: Server, tmp_path: Path) -> None:
    trouble(config(server, tmp_path, host=str(tmp_path)), "no-socket", str(tmp_path))


def test_an_unknown_host(server: Server, tmp_path: Path) -> None:
    trouble(config(server, tmp_path, host="no-such-host.invalid"), "host-unknown", "no-such-host.invalid")


def test_a_network_that_leads_nowhere(server: Server, tmp_path: Path) -> None:
    """A process in a network namespace of its own, which has no route at all."""
    alone = ("unshare", "--user", "--map-root-user", "--net")
    if programs.run(*alone, "true").status != 0:
        pytest.skip("network namespaces cannot be made here")
    trouble(config(server, tmp_path, host="192.0.2.1"), "host-unreachable", "Network is unreachable", before=alone)


def test_a_host_that_is_not_there(server: Server, tmp_path: Path) -> None:
    """In such a namespace with an address, and a route that says that there is none."""
    script = 'ip link set lo up && ip addr add 192.0.2.9/24 dev lo && ip route add unreachable 198.51.100.1 && "$@"'
    alone = ("unshare", "--user", "--map-root-user", "--net", "sh", "-c", script, "sh")
    if programs.run(*alone, "true").status != 0:
        pytest.skip("network namespaces with interfaces cannot be made here")
    trouble(config(server, tmp_path, host="198.51.100.1"), "host-unreachable", "No route to host", before=alone)


def listening(answer: Callable[[socket.socket], None]) -> tuple[socket.socket, int]:
    """Something that takes connections on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                answer(connection)
    threading.Thread(target=serve, daemon=True).start()
    return listener, listener.getsockname()[1]


def test_a_host_that_does_not_answer(server: Server, tmp_path: Path) -> None:
    kept = []
    listener, port = listening(kept.append)
    with listener:
        trouble(config(server, tmp_path, port=port, connect_timeout=2), "timeout", "timeout expired")


def test_something_else_on_the_port(server: Server, tmp_path: Path) -> None:
    def shout(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()
    listener, port = listening(shout)
    with listener:
        trouble(config(server, tmp_path, port=port), "not-postgresql")


def test_a_connection_that_is_closed(server: Server, tmp_path: Path) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(10000)
        connection.close()
    listener, port = listening(hang_up)
    with listener:
        trouble(config(server, tmp_path, port=port), "connection-closed", "closed the connection unexpectedly")


def test_a_server_that_is_starting() -> None:
    """A standby that takes no queries says what one says that is still recovering."""
    with serving(VALISE_PG_SETTINGS="hot_standby = on\n") as server, contextlib.ExitStack() as stack:
        try:
            dsn = stack.enter_context(standby.running(server, "hot_standby = off"))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no standby can be made here: {error}")
        finding = Findings("--dsn", f"{dsn} dbname=postgres").one("server-starting", "error", "57P03")
        assert "try again" in finding["why"]
        programs.fail(programs.DATABASE, [finding["why"]], programs.REPLAY, "--status", "--dsn", f"{dsn} dbname=postgres")


def test_a_service_that_is_not_there(server: Server, tmp_path: Path) -> None:
    services = tmp_path / "pg_service.conf"
    services.write_text(f"[there]\nhost={server.folder}\nport={server.port}\nuser={server.user}\ndbname=postgres\n")
    environment = os.environ | {"PGSERVICEFILE": str(services)}
    finding = Findings("--dsn", "service=missing", env=environment).one("service-missing", "error", '"missing"')
    assert "PGSERVICEFILE" in finding["why"]
    assert Findings("--dsn", "service=there", env=environment).report["connected"]


def test_what_has_no_name_of_its_own() -> None:
    """libpq has more reasons than we know; its words are shown."""
    Findings("--dsn", "host=a,b port=1,2,3").one("connection-failed", "error", "could not match 3 port numbers to 2 hosts")


def test_a_missing_database(server: Server, tmp_path: Path) -> None:
    path = config(server, tmp_path, dbname="not there's")
    finding = trouble(path, "database-missing", "does not exist")
    [line] = commands(finding, "shell")
    environment = {"PGHOST": server.folder, "PGPORT": str(server.port), "PGUSER": server.user}
    subprocess.run(["bash", "-c", line], env=dict(environment, PATH="/usr/bin:/bin"), check=True)
    assert Findings("--postgres-config", path).report["connected"]
    server.execute("postgres", """DROP DATABASE "not there's" """)


def test_a_missing_role(server: Server, tmp_path: Path) -> None:
    """By a socket that trusts; with passwords a server does not tell a missing role from a wrong password."""
    path = config(server, tmp_path, user="no body", host=server.folder, password=None)
    finding = trouble(path, "role-missing", "does not exist")
    [line] = commands(finding, "shell")
    environment = {"PGHOST": server.folder, "PGPORT": str(server.port), "PGUSER": server.user, "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-c", line.replace("--pwprompt ", "")], env=environment, check=True)
    assert Findings("--postgres-config", path).report["connected"]
    server.execute("postgres", 'DROP ROLE "no body"')


def test_a_role_that_may_not_log_in(server: Server, tmp_path: Path) -> None:
    server.execute("postgres", "ALTER ROLE syn NOLOGIN")
    finding = trouble(config(server, tmp_path), "role-no-login", "not permitted to log in")
    follow_sql(server.dsn("postgres"), finding)
    assert Findings("--postgres-config", config(server, tmp_path)).report["connected"]


@pytest.mark.parametrize("limit, lift, name", [
    ("ALTER ROLE syn CONNECTION LIMIT 0", "ALTER ROLE syn CONNECTION LIMIT -1", "role-connection-limit"),
    ("ALTER DATABASE syn CONNECTION LIMIT 0", "ALTER DATABASE syn CONNECTION LIMIT -1", "database-connection-limit"),
    ("ALTER DATABASE syn ALLOW_CONNECTIONS false", "ALTER DATABASE syn ALLOW_CONNECTIONS true", "database-closed"),
    ("REVOKE CONNECT ON DATABASE syn FROM PUBLIC, syn", "GRANT CONNECT ON DATABASE syn TO PUBLIC", "connect-privilege"),
])
def test_what_the_catalog_forbids(server: Server, tmp_path: Path, limit: str, lift: str, name: str) -> None:
    server.execute("postgres", limit)
    try:
        finding = trouble(config(server, tmp_path), name)
        follow_sql(server.dsn("postgres"), finding)
        assert Findings("--postgres-config", config(server, tmp_path)).report["connected"]
    finally:
        server.execute("postgres", lift)


def test_all_connections_in_use(server: Server, tmp_path: Path) -> None:
    held = []
    with contextlib.closing(server.connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
                       " - (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL)")
        left = cursor.fetchone()[0]
        try:
            held = [server.connect("postgres") for _ in range(left)]
            finding = trouble(config(server, tmp_path), "too-many-connections", "53300")
            assert any("max_connections" in line for line in commands(finding, "sql"))
        finally:
            for each in held:
                each.close()


# ------------------------------------------------------------------------------------------- pg_hba.conf


def hba_line(finding: dict[str, object]) -> str:
    [line] = commands(finding, "words")
    return line


def test_a_missing_line(server: Server, gate: Gate, tmp_path: Path) -> None:
    gate.rules("host other all 127.0.0.1/32 scram-sha-256")
    finding = trouble(config(server, tmp_path), "hba-missing", "no pg_hba.conf entry", "127.0.0.1")
    assert hba_line(finding) == 'host "syn" "syn" 127.0.0.1/32 scram-sha-256'
    gate.prepend(hba_line(finding))
    assert Findings("--postgres-config", config(server, tmp_path)).report["connected"]


def test_a_line_that_rejects(server: Server, gate: Gate, tmp_path: Path) -> None:
    gate.rules("host all all 127.0.0.1/32 reject", "host all all 127.0.0.1/32 scram-sha-256")
    finding = trouble(config(server, tmp_path), "hba-rejects", "rejects")
    gate.prepend(hba_line(finding))
    assert Findings("--postgres-config", config(server, tmp_path)).report["connected"]


def test_ident(server: Server, gate: Gate, tmp_path: Path) -> None:
    gate.rules("host all all 127.0.0.1/32 ident")
    finding = trouble(config(server, tmp_path), "ident-failed", "Ident authentication failed")
    gate.prepend(hba_line(finding))
    assert Findings("--postgres-config", config(server, tmp_path)).report["connected"]


def test_peer(server: Server, gate: Gate, tmp_path: Path) -> None:
    gate.rules("local all all peer")
    path = config(server, tmp_path, host=server.folder)
    finding = trouble(path, "peer-failed", "Peer authentication failed")
    assert hba_line(finding) == 'local "syn" "syn" scram-sha-256'
    gate.prepend(hba_line(finding))
    assert Findings("--postgres-config", path).report["connected"]


def test_a_method_that_fails_otherwise(server: Server, gate: Gate, tmp_path: Path) -> None:
    """LDAP, whose server is not there."""
    gate.rules("host all all 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport=1 ldapprefix=\"cn=\"")
    with contextlib.closing(server.connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(error, '; ') FROM pg_hba_file_rules")
        [(error,)] = cursor.fetchall()
    if error:
        pytest.skip(f"this server knows no LDAP: {error}")
    finding = trouble(config(server, tmp_path), "authentication-failed", "LDAP authentication failed")
    gate.prepend(hba_line(finding))
    assert Findings("--postgres-config", config(server, tmp_path)).report["connected"]


# ------------------------------------------------------------------------------------------- encryption


def test_encryption_that_the_server_has_not(server: Server, tmp_path: Path) -> None:
    finding = trouble(config(server, tmp_path, sslmode="require"), "ssl-unsupported", "does not support SSL")
    assert commands(finding, "sql") == ["ALTER SYSTEM SET ssl = on;"]
    assert Findings("--postgres-config", config(server, tmp_path, sslmode="prefer")).report["connected"]


def test_encryption_that_the_server_demands(tmp_path: Path) -> None:
    certificate, key = tmp_path / "server.crt", tmp_path / "server.key"
    if programs.run("openssl", "version").status != 0:
        pytest.skip("no openssl program to make a certificate with")
    programs.succeed("openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost",
                     "-out", certificate, "-keyout", key)
    with serving() as server:
        gate = Gate(server)
        folder = gate.file.parent
        for file in (certificate, key):
            (folder / file.name).write_bytes(file.read_bytes())
            (folder / file.name).chmod(0o600)
            owner = gate.file.stat()
            programs.succeed("chown", f"{owner.st_uid}:{owner.st_gid}", folder / file.name)
        server.execute("postgres", f"CREATE ROLE syn LOGIN PASSWORD '{SECRET}'")
        server.execute("postgres", "CREATE DATABASE syn OWNER syn")
        server.execute("postgres", "ALTER SYSTEM SET ssl = on")   # the mending of the finding above, with a certificate
        gate.rules("hostssl all all 127.0.0.1/32 scram-sha-256")
        finding = trouble(config(server, tmp_path, sslmode="disable"), "ssl-required", "no encryption")
        assert commands(finding, "words") == ["sslmode=require"]
        assert Findings("--postgres-config", config(server, tmp_path, sslmode="require")).report["connected"]
        trouble(config(server, tmp_path, sslmode="verify-full"), "ssl-root-certificate")
        other = tmp_path / "other.crt"
        programs.succeed("openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=other",
                         "-out", other, "-keyout", tmp_path / "other.key")
        trouble(config(server, tmp_path, sslmode="verify-full", sslrootcert=str(other)), "ssl-certificate")
        trouble(config(server, tmp_path, sslmode="verify-full", sslrootcert=str(certificate)), "ssl-host-name")


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        if programs.run("openssl", "version").status != 0:
            pytest.skip("no openssl program to make certificates with")
        self.folder = folder
        folder.mkdir()
        self.certificate, self.key = folder / "ca.crt", folder / "ca.key"
        programs.succeed("openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-newkey", "rsa:2048", "-subj", f"/CN={name}",
                         "-out", self.certificate, "-keyout", self.key)

    def issue(self, name: str) -> tuple[Path, Path]:
        """A certificate for this name, and its key."""
        certificate, key, request = (self.folder / f"{name}.{kind}" for kind in ("crt", "key", "csr"))
        programs.succeed("openssl", "req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", f"/CN={name}", "-out", request, "-keyout", key)
        programs.succeed("openssl", "x509", "-req", "-days", "2", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                         "-CAcreateserial", "-out", certificate)
        key.chmod(0o600)
        return certificate, key


def encrypt(server: Server, gate: Gate, authority: Authority) -> None:
    """Have the server encrypt, and know the authority of its clients."""
    folder, owner = gate.file.parent, gate.file.stat()
    certificate, key = authority.issue("localhost")
    for file, name in ((certificate, "server.crt"), (key, "server.key"), (authority.certificate, "root.crt")):
        (folder / name).write_bytes(file.read_bytes())
        (folder / name).chmod(0o600)
        programs.succeed("chown", f"{owner.st_uid}:{owner.st_gid}", folder / name)
    server.execute("postgres", "ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
    server.execute("postgres", "ALTER SYSTEM SET ssl = on")
    server.execute("postgres", f"CREATE ROLE syn LOGIN PASSWORD '{SECRET}'")
    server.execute("postgres", "CREATE DATABASE syn OWNER syn")


def test_client_certificates(tmp_path: Path) -> None:
    authority, stranger, impostor = (Authority(tmp_path / name, called) for name, called in (("a", "one"), ("b", "two"), ("c", "one")))
    with serving() as server:
        gate = Gate(server)
        encrypt(server, gate, authority)
        gate.rules("hostssl all all 127.0.0.1/32 cert")
        (certificate, key), (other, other_key), (foreign, foreign_key) = authority.issue("syn"), authority.issue("else"), stranger.issue("syn")

        def by(certificate: Path | None, key: Path | None) -> Path:
            return config(server, tmp_path, sslmode="require", sslcert=certificate and str(certificate), sslkey=key and str(key))

        nowhere = {"env": os.environ | {"HOME": str(tmp_path)}}   # nobody's ~/.postgresql
        trouble(by(None, None), "client-certificate", "certificate", **nowhere)
        trouble(by(other, other_key), "client-certificate", "certificate authentication failed")
        trouble(by(foreign, foreign_key), "client-certificate", "unknown ca")
        trouble(by(*impostor.issue("syn")), "client-certificate", "decrypt error")   # an authority of the same name
        finding = trouble(by(certificate, tmp_path / "missing.key"), "ssl-key", "private key")
        trouble(by(certificate, other_key), "ssl-key", "private key")
        key.chmod(0o644)
        finding = trouble(by(certificate, key), "ssl-key", "private key")
        assert "0600" in finding["why"]
        key.chmod(0o600)
        assert Findings("--postgres-config", by(certificate, key)).report["connected"]


def test_wrong_usage_is_no_finding(server: Server, tmp_path: Path) -> None:
    doctor = programs.VALISE, "doctor"
    programs.fail(programs.USAGE, ["exclude each other"], *doctor, "--dsn", "dbname=x", "--postgres-config", "y")
    programs.fail(programs.USAGE, ["does not understand the DSN"], *doctor, "--dsn", "nonsense")
    programs.fail(programs.USAGE, ["sslmode"], *doctor, "--dsn", "dbname=x sslmode=perhaps")
    programs.fail(programs.USAGE, ["--memory"], *doctor, "--dsn", "dbname=x", "--memory", "much")
    programs.fail(programs.USAGE, ["--owner"], *doctor, "--dsn", "dbname=x", "--owner", "x")
    programs.fail(programs.IO, ["nowhere.yaml"], *doctor, "--postgres-config", tmp_path / "nowhere.yaml")
