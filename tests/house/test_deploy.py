"""What stands in ``deploy/`` starts what it says: each command line is one that kitaru takes, and whole.

Not here: bringing it up, which needs a container runtime, a cluster or systemd.
"""

from __future__ import annotations

import pathlib
import re
import shlex
import subprocess
from typing import Any

import pytest
import yaml

from lab import KITARU, Lab

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def kubernetes() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))


def commands() -> dict[str, list[str]]:
    """Each command line of kitaru, by where it stands."""
    found = {}
    for name, service in compose()["services"].items():
        if service.get("image") == "kitaru":
            found[f"compose {name}"] = service["command"]
    for one in kubernetes():
        for container in one["spec"].get("template", {}).get("spec", {}).get("containers", ()):
            found[f"kubernetes {container['name']}"] = container["args"]
    for unit in DEPLOY.glob("*.service"):
        (line,) = re.findall("^ExecStart=(.*)$", unit.read_text(), re.M)
        found[unit.name] = shlex.split(line)[1:]
    return found


def test_there_is_one_for_each_way() -> None:
    assert sorted(commands()) == [
        "compose server",
        "compose worker",
        "kitaru-worker@.service",
        "kitaru.service",
        "kubernetes server",
        "kubernetes worker",
    ]


@pytest.mark.parametrize("name", commands())
def test_a_command_line_starts_what_it_says(tmp_path: pathlib.Path, name: str) -> None:
    lab = Lab(tmp_path, store="local")
    argv = [word.replace("%i", "default").replace("${KITARU_HOST:?}", "kitaru.example") for word in commands()[name]]
    lab.kitaru("tokens", "create", "me", "--scope", "admin").ok()
    if argv[0] != "worker":
        argv += ["--port", "0"]
    process = subprocess.Popen(
        [KITARU, *argv], env=lab.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, process.communicate(timeout=30)
        assert ("carries executions" if argv[0] == "worker" else "http://") in said
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_a_cluster_finds_what_it_is_told() -> None:
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for one in kubernetes():
        assert one["metadata"]["namespace"] == "kitaru"
        by_kind.setdefault(one["kind"], []).append(one)
    pods = {one["spec"]["template"]["metadata"]["labels"]["app"]: one for one in by_kind["Deployment"]}
    for label, one in pods.items():
        assert one["spec"]["selector"]["matchLabels"]["app"] == label
    (service,), (ingress,) = by_kind["Service"], by_kind["Ingress"]
    server = pods[service["spec"]["selector"]["app"]]["spec"]["template"]["spec"]["containers"][0]
    assert [port["name"] for port in server["ports"]] == [service["spec"]["ports"][0]["targetPort"]]
    (rule,) = ingress["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] == service["metadata"]["name"]
    allowed = server["args"][server["args"].index("--allow-host") + 1]
    assert rule["host"] == allowed
    for probe in ("readinessProbe", "livenessProbe"):
        (header,) = server[probe]["httpGet"]["httpHeaders"]
        assert header == {"name": "Host", "value": allowed}


def test_a_composition_names_what_is_there() -> None:
    found = compose()
    assert set(found["volumes"]) == {"postgres", "caddy"}
    assert "@postgres/" in found["services"]["worker"]["environment"]["KITARU_STORE"]
    assert (DEPLOY / ".." / found["services"]["worker"]["build"]["dockerfile"]).resolve().is_file()
    assert found["services"]["edge"]["command"][-1] == "server:7733"
