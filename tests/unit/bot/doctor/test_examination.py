"""``kws doctor``: what it says of Slack and the database, in two languages, and what a script gets of it."""

from __future__ import annotations

import ast
import json
import re
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from harness.commands import GOOD, kws
from harness.world import make_config

from bot.doctor import examination, slack
from bot.doctor.messages import DATABASE, GENERAL, SLACK, WEB, advises, says
from bot.doctor.node_messages import NODE
from bot.slack.manifest import BOT_SCOPES
from bot.text.i18n import Plural, Texts
from kws_core.config import Config, parse_config
from kws_core.database.checks import filesystem_of, store_findings
from kws_core.errors import ConfigError
from kws_core.findings import Finding, Result, Wanted
from kws_core.nodes.fake.node import FakeNode
from kws_core.values import Kind, Size
from slack_workspace import Workspace
from slack_workspace.people import UserGroup

ROOT = Path(__file__).parents[4]
WORDS = {**GENERAL, **SLACK, **DATABASE, **WEB, **NODE}


def codes(findings: Any, result: Result = Result.FAIL) -> list[str]:
    return [finding.code for finding in findings if finding.result is result]


@pytest.fixture(scope="module")
def workspace() -> Iterator[Workspace]:
    """Slack, where the bot has exactly the scopes of the manifest."""
    with Workspace(scopes=BOT_SCOPES) as workspace:
        workspace.add_group(UserGroup("S0EMPTY001", "nobody"))
        workspace.add_group(UserGroup("S0ADMINS01", "admins", ["U0MINA0001"]))
        yield workspace


@pytest.fixture
def ask(workspace: Workspace) -> Callable[..., list[Finding]]:
    """What is found of Slack; keywords are of [kws], ``env`` replaces variables."""

    def examine(env: dict[str, str] | None = None, **kws: Any) -> list[Finding]:
        variables = {
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "SLACK_API_URL": workspace.api_url,
        }
        config = make_config(1)
        config = config.model_copy(update={"kws": config.kws.model_copy(update=kws)})
        return list(slack.findings(variables | (env or {}), config, lambda: datetime.now(UTC)))

    return examine


def test_a_good_app(ask: Callable[..., list[Finding]], workspace: Workspace) -> None:
    found = ask(admins=("U0ADMIN001", "S0ADMINS01"), admin_channel="C0LABADMIN")
    assert {finding.result for finding in found} == {Result.OK}
    assert codes(found, Result.OK) == ["slack_login", "scopes", "clock", "socket_mode", "admins", "channel"]
    assert workspace.channel_messages("C0LABADMIN") == [], "nobody sees that the doctor was there"
    assert workspace.state.scheduled == {}
    assert workspace.connections == 0, "a connection would take its share of what people do"


@pytest.mark.parametrize(
    ("env", "kws", "code"),
    [
        ({"SLACK_BOT_TOKEN": ""}, {}, "bot_token_missing"),
        ({"SLACK_BOT_TOKEN": "xapp-swapped"}, {}, "environment_wrong"),
        ({"SLACK_BOT_TOKEN": "xoxb-revoked"}, {}, "bot_token_refused"),
        ({"SLACK_APP_TOKEN": ""}, {}, "no_way_in"),
        ({"SLACK_APP_TOKEN": "xapp-revoked"}, {}, "app_token_refused"),
        ({}, {"admins": ("U0NOBODY01",)}, "admin_unknown"),
        ({}, {"admins": ("S0NOBODY01",)}, "admin_unknown"),
        ({}, {"admins": ("S0EMPTY001",)}, "admin_group_empty"),
        ({}, {"admins": ("U0GUEST001",)}, "admin_no_member"),
        ({}, {"admin_channel": "C0NOWHERE1"}, "channel_unknown"),
    ],
)
def test_one_thing_is_wrong(
    ask: Callable[..., list[Finding]], env: dict[str, str], kws: dict[str, Any], code: str
) -> None:
    assert codes(ask(env, **kws)) == [code]


def test_http_mode_needs_no_app_token(ask: Callable[..., list[Finding]]) -> None:
    found = ask({"SLACK_APP_TOKEN": "", "SLACK_SIGNING_SECRET": "s"})
    assert codes(found) == []
    assert "request_urls" in codes(found, Result.OK)


def test_trouble_at_slack_itself(ask: Callable[..., list[Finding]], workspace: Workspace) -> None:
    workspace.faults.fail("apps.connections.open", error="missing_scope")
    assert codes(ask()) == ["app_token_scope"]
    workspace.faults.fail("auth.test", status=503)
    assert codes(ask()) == ["slack_silent"]
    workspace.faults.fail("bots.info", error="account_inactive")
    workspace.faults.fail("chat.deleteScheduledMessage", error="internal_error")
    assert codes(ask(admin_channel="C0LABADMIN")) == ["slack_refuses"]
    workspace.faults.clear()
    workspace.state.scheduled.clear()
    workspace.faults.fail("auth.test", drop_before=True)
    assert codes(ask()) == ["slack_silent"]
    workspace.faults.fail("chat.scheduleMessage", error="restricted_action")
    assert codes(ask(admin_channel="C0LABADMIN")) == ["channel_refused"]


def test_the_bot_is_not_in_the_channel_and_an_admin_has_left() -> None:
    config = parse_config(GOOD + '[kws]\nadmins = ["U0JOON0001"]\nadmin_channel = "C0GENERAL1"\n')
    with Workspace(scopes={*BOT_SCOPES} - {"users:read"} | {"team:read"}) as workspace:
        workspace.state.channel("C0GENERAL1").members.remove(workspace.state.bot_user)
        env = {"SLACK_BOT_TOKEN": workspace.bot_token, "SLACK_APP_TOKEN": workspace.app_token}
        env["SLACK_API_URL"] = workspace.api_url

        def look() -> list[Finding]:
            return list(slack.findings(env, config, lambda: datetime.now(UTC)))

        found = look()
        assert codes(found) == ["scopes_missing", "channel_not_member"]
        assert found[1].data == {"scopes": "users:read"}
        assert "admins" not in codes(found, Result.OK), "nobody could be asked"
        assert codes(found, Result.NOTE) == ["scopes_extra"]
        workspace.parts.scopes = frozenset(BOT_SCOPES)
        workspace.deactivate("joon")
        workspace.state.bot_id = "B0OTHER001"
        assert codes(look()) == ["admin_left", "channel_not_member"]
        env["SLACK_APP_TOKEN"] = workspace.parts.app_token = "xapp-1-A0OTHERAPP1-secret"
        assert "two_apps" in codes(look())
        ahead = slack.findings(env, config, lambda: datetime.now(UTC) - timedelta(hours=1))
        assert "clock_off" in codes(ahead)


# -- the database


def test_a_database_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    assert codes(store_findings(f"sqlite:///{tmp_path}/kws.db"), Result.OK) == ["database_new"]
    assert list(tmp_path.iterdir()) == []
    assert codes(store_findings(f"sqlite:///{tmp_path}/none/kws.db")) == ["database_folder_missing"]
    assert codes(store_findings("mysql+nodriver://u:secret@localhost/kws")) == ["database_url"]


def test_a_good_database_is_left_as_it_is(empty_database: Path) -> None:
    before = empty_database.read_bytes()
    assert codes(store_findings(f"sqlite:///{empty_database}"), Result.OK) == [
        "database",
        "database_writable",
    ]
    tables = sqlite3.connect(empty_database).execute("select name from sqlite_master").fetchall()
    assert ("kws_doctor",) not in tables
    assert empty_database.read_bytes() == before


def test_databases_of_other_versions(tmp_path: Path) -> None:
    path = tmp_path / "kws.db"
    with sqlite3.connect(path) as database:
        database.execute("create table alembic_version (version_num text)")
        database.execute("insert into alembic_version values ('0001')")
    found = list(store_findings(f"sqlite:///{path}"))
    assert codes(found, Result.NOTE) == ["database_older"] and codes(found) == []
    with sqlite3.connect(path) as database:
        database.execute("update alembic_version set version_num = '9999'")
    assert codes(store_findings(f"sqlite:///{path}")) == ["database_newer"]
    path.write_text("this is no database")
    assert codes(store_findings(f"sqlite:///{path}")) == ["database_silent"]


def test_a_file_on_a_network(tmp_path: Path, empty_database: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nnas:/home {empty_database.parent} nfs4 rw 0 0\n")
    assert filesystem_of(Path("/etc/kws.db"), mounts) == "ext4"
    assert codes(store_findings(f"sqlite:///{empty_database}", mounts)) == ["database_on_network"]


def test_a_postgresql_that_does_not_answer() -> None:
    pytest.importorskip("psycopg")
    found = list(store_findings("postgresql+psycopg://kws:planted-secret@127.0.0.1:9/kws"))
    assert codes(found) == ["database_silent"]
    assert "planted-secret" not in str(found)


# -- the whole


def test_every_code_has_its_words_and_every_word_its_code() -> None:
    calls = [
        (call.func.id, call.args[0])
        for path in [*ROOT.glob("bot/doctor/*.py"), *ROOT.glob("kws_core/**/*.py")]
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.args
    ]
    kinds = ("ok", "note", "fail")
    used = {
        (name, str(code.value)) for name, code in calls if name in kinds and isinstance(code, ast.Constant)
    }
    tables = [*slack.REFUSALS.values(), "app_token_scope", "app_token_refused"]
    causes = ["node_unknown_host", "node_tls", "node_nobody_listens"]
    used |= {("fail", code) for code in [*tables, *causes]}
    assert {code for _, code in used} == set(WORDS)
    for result, code in used:
        assert bool(WORDS[code][1]) == (result != "ok"), f"{code}: what to do"


def test_korean_and_english_fill_the_same_blanks() -> None:
    class Blanks(dict[str, object]):
        def __missing__(self, key: str) -> object:
            return f"<{key}>"

    for code, words in WORDS.items():
        said = [one for word in words for one in ([word] if isinstance(word, str) else word[:2])]
        blanks: dict[str, object] = {
            name: f"<{name}>" for one in said for name in re.findall(r"{(\w+)}", one)
        }
        blanks |= {word.by: 2 for word in words if isinstance(word, Plural)}
        blanks |= dict.fromkeys(("free_mb", "ram_mb", "disk_gb", "seconds"), 2)
        finding = Finding(code, Result.FAIL, blanks)
        for texts in (Texts("en"), Texts("ko")):
            assert says(finding, texts) and "{" not in says(finding, texts) + advises(finding, texts)


def test_what_is_printed_and_the_exit_codes(tmp_path: Path, workspace: Workspace) -> None:
    tokens = {"SLACK_BOT_TOKEN": workspace.bot_token, "SLACK_APP_TOKEN": workspace.app_token}
    tokens["SLACK_API_URL"] = workspace.api_url
    (tmp_path / "nodes.toml").write_text(GOOD + '[kws]\nadmins = ["U0ADMIN001"]\n')
    good = kws(tmp_path, "doctor", "configuration", "slack", "database", **tokens)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "  ok   Admins: U0ADMIN001.\n" in good.stdout
    assert "\x1b" not in good.stdout, "no colours in a pipe"
    korean = kws(tmp_path, "doctor", "node1", LANG="ko_KR.UTF-8", **tokens)
    assert korean.returncode == 2, "clouds.yaml has no such entry"
    assert "FAIL KWS가 로그인할 수 없습니다" in korean.stdout
    assert "→ nodes.toml의" in korean.stdout
    (tmp_path / "nodes.toml").write_text(GOOD + "[kws]\nadmins = []\ncolour = 1\n")
    wrong = kws(tmp_path, "doctor", "--json", **tokens)
    told = json.loads(wrong.stdout)
    assert wrong.returncode == told["exit"] == 2
    assert [section["name"] for section in told["sections"]] == ["configuration", "slack", "database"]
    assert "unknown key 'colour'" in told["sections"][0]["findings"][0]["text"]


def test_a_section_that_there_is_not(tmp_path: Path) -> None:
    (tmp_path / "nodes.toml").write_text(GOOD)
    with pytest.raises(ConfigError, match="Available: configuration, slack, database, node1"):
        list(examination.examine(tmp_path / "nodes.toml", {}, only=["nonsense"]))


@pytest.fixture
def silent_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """Three nodes that take connections and never answer."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    auth = "username: u, password: p, project_name: p, user_domain_name: D, project_domain_name: D"
    clouds = "clouds:\n"
    for number, listener in enumerate(listeners, 1):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v3"
        clouds += f"  node{number}: {{auth: {{auth_url: '{url}', {auth}}}}}\n"
    (tmp_path / "clouds.yaml").write_text(clouds)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    yield make_config(3)
    for listener in listeners:
        listener.close()


def test_silent_nodes_delay_nobody(
    silent_nodes: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "load_config", lambda path: silent_nodes)
    env = {"KWS_DATABASE_URL": f"sqlite:///{tmp_path}/kws.db"}
    seen = {}
    for name, findings in examination.examine(None, env, limit=0.8):
        seen[name] = codes(findings)
    assert seen["database"] == [], "was looked at meanwhile"
    assert [seen[f"node{number}"] for number in (1, 2, 3)] == [["out_of_time"]] * 3, (
        "a node's own time limit is 10 s"
    )


@pytest.mark.parametrize(
    ("largest", "nowhere"),
    [((2, 2), ["large, wide"]), ((2, 8), []), ((8, 8), [])],
    ids=["no node", "one node", "all nodes"],
)
def test_sizes_that_no_node_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, largest: tuple[int, ...], nowhere: list[str]
) -> None:
    sizes = (Size("small", 1, 512, 5), Size("wide", 4, 512, 5), Size("large", 8, 1024, 5))

    def plan(*_: object) -> list[examination.Section]:
        sections = [examination.Section("database", lambda: iter(()))]
        for number, most in enumerate(largest, 1):
            node = FakeNode(f"node{number}")
            node.largest = Size("most", most, 8192, 100)
            wanted = Wanted((Kind.SERVER,), sizes, 8, 8192, 100)
            look = partial(node.diagnose, wanted)
            sections.append(examination.Section(node.name, look, lends_servers=True))
        return sections

    monkeypatch.setattr(examination, "plan", plan)
    found = [finding for _, findings in examination.examine(None, {}) for finding in findings]
    assert [finding.data["sizes"] for finding in found if finding.code == "sizes_nowhere"] == nowhere
    assert len([one for one in found if one.code == "sizes_too_large"]) == largest.count(2)
    assert examination.exit_code(found) == bool(nowhere)
    found = [one for _, findings in examination.examine(None, {}, only=["node1"]) for one in findings]
    assert "sizes_nowhere" not in [finding.code for finding in found], "the others were not asked"


def test_a_bug_in_a_check_is_a_reference_not_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Iterator[Finding]:
        yield Finding("database_writable", Result.OK)
        raise ZeroDivisionError("oops")

    section = examination.Section("database", broken)
    section.start()
    found = section.wait(time.monotonic() + 5, 5)
    assert [finding.code for finding in found] == ["database_writable", "check_broken"]
    assert str(found[1].data["ref"]) in caplog.text
