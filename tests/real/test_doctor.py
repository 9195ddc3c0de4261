"""``kws doctor`` as its users run it, on the lab: what is well, and twelve planted faults, each named.

Nothing of the lab itself is spoilt: faults are in files of the test or in projects that it makes and removes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from own_project import INTERNAL, OwnProject, own_project

from bot.slack.manifest import BOT_SCOPES
from slack_workspace import Workspace

pytestmark = pytest.mark.openstack

TOML = """
[kws]
admins = ["U0ADMIN001"]
admin_channel = "C0LABADMIN"
[sizes]
{size}
"""
NODE = """
[[nodes]]
name = "{name}"
cloud = "{name}"
kinds = {kinds}
vcpus = 2
ram_mb = 1024
disk_gb = 2
"""
TINY = "tiny = { vcpus = 1, ram_mb = 512, disk_gb = 1 }"  # the lab has a flavor of it: m1.tiny
ODD = "odd = { vcpus = 1, ram_mb = 640, disk_gb = 2 }"  # and none of this
MARGIN = 5.0  # seconds for the start of Python and its end
LIMIT = 60


class Doctor:
    """``kws doctor`` in a folder of its own. ``nodes``: name → its entry in clouds.yaml."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self.folder = folder
        self.workspace = workspace
        self.environment: dict[str, str] = {}
        self.told: dict[tuple[str, str], dict[str, Any]] = {}
        self.seconds = 0.0
        self.printed = ""

    def __call__(
        self, nodes: dict[str, Any], size: str = TINY, database: str = "kws.db", **kinds: str
    ) -> tuple[int, set[tuple[str, str]]]:
        """The exit code, and (section, code) of all that has to be put right."""
        sections = [NODE.format(name=name, kinds=kinds.get(name, '["server"]')) for name in nodes]
        (self.folder / "nodes.toml").write_text(TOML.format(size=size) + "".join(sections))
        clouds = self.folder / "clouds.yaml"
        clouds.touch(0o600)
        clouds.write_text(yaml.safe_dump({"clouds": nodes}))
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("OS_", "LANG", "LC_"))
            },
            "OS_CLIENT_CONFIG_FILE": str(clouds),
            "KWS_DATABASE_URL": f"sqlite:///{self.folder}/{database}",
            "SLACK_BOT_TOKEN": self.workspace.bot_token,
            "SLACK_APP_TOKEN": self.workspace.app_token,
            "SLACK_API_URL": self.workspace.api_url,
        }
        started = time.monotonic()
        done = self.run("--json", "--limit", str(LIMIT))
        self.seconds = time.monotonic() - started
        self.printed = done.stdout + done.stderr
        told = json.loads(done.stdout)
        assert told["exit"] == done.returncode
        self.told = {
            (section["name"], finding["code"]): finding
            for section in told["sections"]
            for finding in section["findings"]
        }
        failed = {key for key, finding in self.told.items() if finding["result"] == "fail"}
        return done.returncode, failed

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """``kws doctor …`` once more, with the same files."""
        return subprocess.run(
            [sys.executable, "-m", "bot", "doctor", *words], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, timeout=LIMIT + 30, check=False,
        )  # fmt: skip


@pytest.fixture
def slack() -> Iterator[Workspace]:
    """A workspace that grants the manifest's scopes and no other."""
    with Workspace(scopes=BOT_SCOPES) as workspace:
        yield workspace


@pytest.fixture
def doctor(tmp_path: Path, slack: Workspace) -> Doctor:
    return Doctor(tmp_path, slack)


@pytest.fixture
def home(clouds: dict[str, Any]) -> dict[str, Any]:
    """An entry for clouds.yaml: the admin of node1."""
    return entry(clouds["node1"])


@pytest.fixture
def project(clouds: dict[str, Any]) -> Iterator[OwnProject]:
    """A project on node2 as docs/how-to/prepare-a-node.md makes one, with a member's application credential."""
    with own_project(clouds["node2"]) as made:
        yield made


@pytest.fixture
def reader(clouds: dict[str, Any]) -> Iterator[OwnProject]:
    """One more, whose application credential may only read."""
    with own_project(clouds["node2"], ("reader",), wired=False) as made:
        yield made


def entry(cloud: Any) -> dict[str, Any]:
    return {"auth": dict(cloud.config.get_auth_args()), "region_name": cloud.config.region_name}


def changed(cloud: dict[str, Any], **auth: Any) -> dict[str, Any]:
    return {**cloud, "auth": {**cloud["auth"], **auth}}


def plant(admin: Any, project: OwnProject) -> None:
    """Spoils the project: its router forgets the internal network, and no floating IP is left to it."""
    (router,) = admin.network.routers(project_id=project.id)
    (network,) = admin.network.networks(project_id=project.id, name=INTERNAL)
    (subnet,) = admin.network.subnets(network_id=network.id)
    admin.network.remove_interface_from_router(router, subnet_id=subnet.id)
    admin.network.update_quota(project.id, floating_ips=0)


def test_a_lab_that_is_well_and_one_with_twelve_faults(
    clouds: dict[str, Any], doctor: Doctor, home: dict[str, Any], project: OwnProject, reader: OwnProject
) -> None:
    code, failed = doctor({"home": home, "member": project.cloud})
    assert (code, failed) == (0, set()), doctor.printed
    assert {("home", "hardware"), ("member", "role_member"), ("member", "router")} <= set(doctor.told)
    print(f"a good lab: {doctor.seconds:.1f} s")

    plant(clouds["node2"], project)
    doctor.workspace.parts.scopes = frozenset(BOT_SCOPES) - {"files:write"}
    doctor.workspace.state.channel("C0LABADMIN").members.remove(doctor.workspace.state.bot_user)
    demo = {**changed(home, username="demo", project_name="demo"), "region_name": "Seoul"}
    nodes = {
        "home": home,
        "twin": home,
        "password": changed(home, password="wrong"),
        "address": changed(home, auth_url="http://127.0.1.1:9/v3"),
        "region": demo,
        "reader": reader.cloud,
        "member": project.cloud,
    }
    code, failed = doctor(nodes, size=ODD, database="none/kws.db", member='["server", "container"]')
    print(f"with twelve faults: {doctor.seconds:.1f} s")
    assert failed == {
        ("slack", "scopes_missing"),
        ("slack", "channel_not_member"),
        ("database", "database_folder_missing"),
        ("twin", "same_project"),
        ("password", "login_refused"),
        ("address", "node_nobody_listens"),
        ("region", "region_wrong"),
        ("reader", "role_too_small"),
        ("member", "router_without_interface"),
        ("member", "quota_used_up"),
        ("member", "flavors_missing"),
        ("member", "containers_missing"),
    }, doctor.printed
    assert code == 1
    assert doctor.seconds < LIMIT + MARGIN
    assert doctor.told["member", "quota_used_up"]["data"]["quota"] == "floating-ips"
    assert "openstack flavor create" in doctor.told["member", "flavors_missing"]["advice"]
    assert all(doctor.told[key]["advice"] for key in failed)
    assert not any(
        made.cloud["auth"]["application_credential_secret"] in doctor.printed for made in (project, reader)
    )
    korean = doctor.run("member", "--lang", "ko")
    assert korean.returncode == 1
    assert korean.stdout.count("FAIL ") == 4
    assert "할당량 floating-ips(0)에 여유가 없어" in korean.stdout
