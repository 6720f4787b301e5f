"""A PostgreSQL server of the tests' own: on a free port of 127.0.0.1, with its data in a folder that is removed.

The programs are the system's (Debian: `apt-get install postgresql`). Without them the tests are skipped, unless
`ARCHBUILDER_TESTS_NEED_POSTGRESQL` is set.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

USER, PASSWORD = "tester", "a{b}%:@/c"  # what addresses, Optuna's templates and configparser treat in ways of their own
QUOTED = "a%7Bb%7D%25%3A%40%2Fc"
_SETTINGS = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "max_connections": "30",
}


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        programs: The folder of `pg_ctl`.
        data: The folder of its data.
        port: Its port on 127.0.0.1.
    """

    programs: Path
    data: Path
    port: int

    def url(self, database: str, password: str = QUOTED, port: int | None = None, host: str = "127.0.0.1") -> str:
        """Return the URL of a database."""
        return f"postgresql+psycopg://{USER}:{password}@{host}:{port or self.port}/{database}"

    def create(self, database: str) -> str:
        """Create an empty database; return its URL."""
        import psycopg  # noqa: PLC0415

        login = {"user": USER, "password": PASSWORD, "host": "127.0.0.1", "port": self.port, "dbname": "postgres"}
        with psycopg.connect(**login, autocommit=True) as connection:  # type: ignore[arg-type]
            connection.execute(f'CREATE DATABASE "{database}"'.encode())
        return self.url(database)

    def control(self, *arguments: str) -> None:
        """Run `pg_ctl`, such as with `restart`, `-m`, `immediate`."""
        _run([self.programs / "pg_ctl", "-D", self.data, "-s", "-w", "-l", self.data / "server.log", *arguments])


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, or None where it is not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    return max(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda path: int(path.parent.name),
        default=None,
    )


@contextmanager
def serving(network: str = "") -> Iterator[Server]:
    """Run a server; skip the test where PostgreSQL is not installed.

    Args:
        network: One that it listens to as well, such as `10.0.0.0/24`.
    """
    folder = programs()
    if folder is None:
        assert not os.environ.get("ARCHBUILDER_TESTS_NEED_POSTGRESQL"), "PostgreSQL is not installed"
        pytest.skip("PostgreSQL is not installed")
    home = Path(tempfile.mkdtemp(prefix="archbuilder-postgresql-"))
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            server = Server(folder, home / "data", probe.getsockname()[1])
        (home / "password").write_text(PASSWORD)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            for path in (home, home / "password"):
                shutil.chown(path, _other_user())
        login = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={home / 'password'}"]
        _run([folder / "initdb", "-D", server.data, *login, "-N", "--locale=C", "-E", "UTF8"])
        chosen = {**_SETTINGS, "port": server.port}
        if network:
            chosen["listen_addresses"] = "*"
            with (server.data / "pg_hba.conf").open("a") as file:
                file.write(f"host all all {network} scram-sha-256\n")
        settings = " ".join(f"-c {key}='{value}'" for key, value in chosen.items())
        server.control("-o", settings, "start")
        try:
            yield server
        finally:
            server.control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _other_user() -> str:
    import pwd  # noqa: PLC0415

    return "postgres" if any(user.pw_name == "postgres" for user in pwd.getpwall()) else "nobody"


def _run(command: Sequence[object]) -> None:
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["runuser", "-u", _other_user(), "--", *words]
    # Not a pipe, which the server would inherit and keep open.
    with tempfile.TemporaryFile("w+") as output:
        status = subprocess.run(words, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/", check=False)
        output.seek(0)
        assert status.returncode == 0, f"{' '.join(words)}: {output.read()}"
