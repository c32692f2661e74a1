"""A database that takes encrypted connections alone, and what is said where one cannot be had."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Iterator

import pytest
import trustme

from lab import Lab
from lab.cluster import Cluster

FLOW = """
from kitaru import checkpoint, flow

@checkpoint
def step(i: int) -> int:
    return i

@flow
def main() -> int:
    return step(1) + step(2)
"""


class Encrypted(Cluster):
    """With a certificate for a name, which only whoever believes its authority can check."""

    def __init__(self, name: str = "localhost") -> None:
        self.name = name
        super().__init__("fsync=off", "ssl=on", "ssl_cert_file=server.pem", "ssl_key_file=server.key")

    def start(self) -> None:
        authority, data = trustme.CA(), self.folder / "data"
        made = authority.issue_cert(self.name)
        self.authority = str(self.folder / "authority.pem")
        authority.cert_pem.write_to_path(self.authority)
        made.private_key_pem.write_to_path(data / "server.key")
        (data / "server.pem").write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))
        (data / "server.key").chmod(0o600)
        (data / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
        if os.geteuid() == 0:
            for file in ("server.key", "server.pem"):
                shutil.chown(data / file, "postgres", "postgres")
            self.folder.chmod(0o711)
        super().start()

    def at(self, host: str, *words: str) -> str:
        return f"postgres://kitaru:secret@{host}:{self.port}/postgres?" + "&".join(words)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Encrypted]:
    made = Encrypted()
    yield made
    made.remove()


def test_all_of_a_flow_is_encrypted(lab: Lab, cluster: Encrypted) -> None:
    lab.write("agent.py", FLOW)
    store = cluster.at("localhost", "sslmode=verify-full", f"sslrootcert={cluster.authority}", "schema=whole")
    lab.kitaru("run", "agent.py:main", KITARU_STORE=store).ok()
    told = lab.kitaru("executions", "list", "--output", "json", KITARU_STORE=store).ok().json
    assert [one["status"] for one in told["items"]] == ["completed"]
    # The database takes nothing else: that it was written there says that all of it came encrypted.
    assert "add ?sslmode=verify-full" in _refused(lab, cluster.at("localhost", "sslmode=disable"))


def _refused(lab: Lab, store: str) -> str:
    told = lab.kitaru("executions", "list", KITARU_STORE=store, KITARU_PATIENCE="5")
    assert told.code != 0 and "Traceback" not in told.err and "secret" not in told.err, told.err
    assert len(told.err.strip().splitlines()) <= 2, told.err
    return told.err


@pytest.mark.timeout(60)
def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(lab: Lab, cluster: Encrypted) -> None:
    assert "certificate" in _refused(lab, cluster.at("localhost", "sslmode=verify-full"))
    other = lab.folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    assert "certificate" in _refused(lab, cluster.at("localhost", "sslmode=verify-full", f"sslrootcert={other}"))


@pytest.mark.timeout(60)
def test_a_certificate_for_another_name_is_refused(lab: Lab) -> None:
    elsewhere = Encrypted("db.example")
    try:
        words = ("sslmode=verify-full", f"sslrootcert={elsewhere.authority}")
        assert "certificate" in _refused(lab, elsewhere.at("localhost", *words))
    finally:
        elsewhere.remove()


@pytest.mark.timeout(60)
def test_a_database_without_encryption_is_not_spoken_to_in_the_clear(lab: Lab) -> None:
    plain = Cluster("fsync=off")
    try:
        address = plain.address("plain")
        assert "TLS" in _refused(lab, f"{address}&sslmode=verify-full")
        assert plain.query("public", "SELECT count(*) FROM pg_namespace WHERE nspname = 'plain'") == [(0,)]
    finally:
        plain.remove()


def test_a_file_that_is_no_certificate_is_named(lab: Lab) -> None:
    wrong = pathlib.Path(lab.folder) / "wrong.pem"
    wrong.write_text("no certificate")
    told = _refused(lab, f"postgres://kitaru:secret@localhost/postgres?sslrootcert={wrong}")
    assert "wrong.pem" in told and "error[usage]" in told
