"""Large values of a store in PostgreSQL in a folder, as programs, the command and a server's clients meet them."""

from __future__ import annotations

import pathlib
import random
import urllib.request

import pytest

from lab import Lab
from lab.cluster import shared
from server.served import serving

SIZE = 1_000_000
FLOW = f"""
import random
import kitaru
from kitaru import checkpoint, flow

@checkpoint
def picture(seed: int) -> bytes:
    return random.Random(seed).randbytes({SIZE})

@checkpoint
def look(data: bytes) -> int:
    return len(data)

@flow
def main(seed: int = 7) -> bytes:
    data = picture(seed)
    look(data)
    kitaru.save("picture", data)
    return data
"""


@pytest.fixture
def place(lab: Lab) -> pathlib.Path:
    made = lab.folder / "blobs"
    made.mkdir()
    lab.write("agent.py", FLOW)
    return made


@pytest.fixture
def store() -> str:
    return shared().address(shared().fresh())


def size(place: pathlib.Path) -> int:
    return sum(one.stat().st_size for one in place.rglob("*") if one.is_file())


def made(lab: Lab, store: str, place: pathlib.Path) -> str:
    """An execution whose result lies there."""
    told = lab.kitaru("run", "agent.py:main", "--output", "json", KITARU_STORE=store, KITARU_BLOBS=str(place)).ok()
    assert size(place) > SIZE
    return str(told.json["item"]["id"])


def test_they_lie_there_once_and_whoever_opens_the_store_finds_them(lab: Lab, place: pathlib.Path, store: str) -> None:
    exec_id = made(lab, store, place)
    # The same bytes, in base64, as two checkpoints' result and argument, as an artifact and as the flow's result.
    assert size(place) < 1.5 * SIZE
    source = f"import kitaru; print(hash(kitaru.KitaruClient().executions.get({exec_id!r}).result))"
    told = lab.python("-c", source, KITARU_STORE=store, PYTHONHASHSEED="0").ok()
    wanted = lab.python(
        "-c", f"import random; print(hash(random.Random(7).randbytes({SIZE})))", PYTHONHASHSEED="0"
    ).ok()
    assert told.out == wanted.out
    status = lab.kitaru("store", "status", KITARU_STORE=store).ok()
    assert str(place) in status.out
    assert lab.kitaru("store", "status", "--output", "json", KITARU_STORE=store).ok().json["item"]["blobs"]


def test_a_servers_clients_need_nothing(lab: Lab, place: pathlib.Path, store: str) -> None:
    exec_id = made(lab, store, place)
    with serving(lab, "server", store=store) as server:
        with urllib.request.urlopen(f"{server.url}/api/v1/executions/{exec_id}/downloads/picture", timeout=30) as sent:
            assert sent.read() == random.Random(7).randbytes(SIZE)
        source = f"import kitaru; print(len(kitaru.KitaruClient().executions.get({exec_id!r}).result))"
        assert lab.python("-c", source, KITARU_STORE=server.url).ok().out == f"{SIZE}\n"


def test_another_place_is_refused_and_one_that_is_away_is_said(lab: Lab, place: pathlib.Path, store: str) -> None:
    exec_id = made(lab, store, place)
    other = lab.folder / "other"
    other.mkdir()
    told = lab.kitaru("executions", "list", KITARU_STORE=store, KITARU_BLOBS=str(other))
    assert "error[other-blobs]" in told.err and "unset KITARU_BLOBS" in told.err, told.err
    away = place.rename(lab.folder / "away")
    source = f"import kitaru; kitaru.KitaruClient().executions.get({exec_id!r}).result"
    told = lab.python("-c", source, KITARU_STORE=store, KITARU_PATIENCE="1").ok(1)
    assert str(place) in told.err and "is it mounted?" in told.err, told.err
    away.rename(place)
    lab.python("-c", source, KITARU_STORE=store).ok()


def test_bytes_that_were_changed_are_no_value(lab: Lab, place: pathlib.Path, store: str) -> None:
    exec_id = made(lab, store, place)
    largest = max((one for one in place.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.chmod(0o600)
    largest.write_bytes(data)
    source = f"""
import kitaru
try:
    print("a value:", kitaru.KitaruClient().executions.get({exec_id!r}).result)
except kitaru.KitaruError as error:
    print(error.code)
"""
    assert lab.python("-c", source, KITARU_STORE=store).ok().out == "store-damaged\n"


def test_a_store_in_a_file_has_its_own(lab: Lab, place: pathlib.Path) -> None:
    told = lab.kitaru("executions", "list", KITARU_BLOBS=str(place)).ok(2)
    assert "error[usage]: KITARU_BLOBS=" in told.err and "in SQLite keeps its large values beside its file" in told.err
    assert not size(place)
