"""Credentials files as people write them: which one counts, and what is said of one that can't be used."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.openstack_stub import write_clouds
from openstack.config import loader

from kws_core.config import Config, parse_config
from kws_core.errors import ConfigError, NodeDown, Refusal
from kws_core.nodes.pool import Pool

GOOD = """\
clouds:
  a:
    auth:
      auth_url: http://127.0.0.1:9/v3
      username: u
      password: p4ss-planted
      project_name: p
      user_domain_name: D
      project_domain_name: D
"""
Write = Callable[[str], Pool]


def config_of(*clouds: str) -> Config:
    nodes = "".join(
        f'[[nodes]]\nname = "n{number}"\ncloud = "{cloud}"\nvcpus = 1\nram_mb = 512\ndisk_gb = 5\n'
        for number, cloud in enumerate(clouds, 1)
    )
    return parse_config("[sizes]\ns = { vcpus = 1, ram_mb = 64, disk_gb = 1 }\n" + nodes)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What $OS_CLIENT_CONFIG_FILE names."""
    found = tmp_path / "lab.yaml"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(found))
    return found


def problems_of(pool: Pool) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        pool.check()
    return raised.value.problems


def auth(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def below(*lines: str) -> str:
    """Of the entry itself, beside auth."""
    return GOOD + "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        # from the field
        (auth("username: u", "username: u\n      verify: false"), 6, "auth has no option verify: move it out of auth"),
        (auth("project_name: p", "project_name: 0001"), 7, "YAML reads project_name: 0001 as 1; quote it"),
        (auth("p4ss-planted", "01234567"), 6, "YAML reads password as another value; quote it"),
        # of the same kind
        (auth("username: u", "usernme: u"), 5, "auth has no option usernme: did you mean username?"),
        (auth("username: u", "username: u\n      region_name: R"), 6, "auth has no option region_name: move it out of auth"),
        (auth("username: u", "username: u\n      cacert: /x.pem"), 6, "auth has no option cacert: move it out of auth"),
        (auth("username: u", "username: u\n      colour: red"), 6, "auth has no option colour: remove it"),
        (auth("username: u", "username: u\n      tenant: x"), 6, "auth has no option tenant"),
        ("clouds:\n  a:\n", 2, "the entry is empty"),
        ("clouds:\n  a: admin\n", 2, "the entry is empty"),
        ("clouds:\n  a: [x]\n", 2, "the entry is empty"),
        ("clouds:\n  a:\n    auth:\n", 3, "auth must have keys below it"),
        ("clouds:\n  a:\n    auth: [auth_url, x]\n", 3, "auth must have keys below it"),
        ("clouds:\n  a:\n    auth: http://x\n", 3, "auth must have keys below it"),
        ("clouds:\n  a: {}\n", 2, "auth_url is missing under auth"),
        (auth("      auth_url: http://127.0.0.1:9/v3\n", ""), 3, "auth_url is missing under auth"),
        (auth("http://127.0.0.1:9/v3", "127.0.0.1:9/v3"), 4, "auth_url must begin with http"),
        (auth("      username: u\n", ""), 3, "username is missing under auth"),
        (auth("      password: p4ss-planted\n", ""), 3, "password is missing under auth"),
        (auth("p4ss-planted", ""), 6, "password under auth has no value"),
        (auth("p4ss-planted", "~"), 6, "password under auth has no value"),
        (auth("p4ss-planted", "''"), 3, "password is missing under auth"),
        (auth("p4ss-planted", "1.50"), 6, "YAML reads password as another value"),
        (auth("p4ss-planted", "yes"), 6, "YAML reads password as another value"),
        (auth("username: u", "username: 2026-12-24"), 5, "YAML reads username: 2026-12-24 as"),
        (auth("username: u", "username: no"), 5, "YAML reads username: no as false"),
        (auth("username: u", "username: 1_000"), 5, "YAML reads username: 1_000 as 1000"),
        (auth("project_name: p", "project_name: 12:30"), 7, "YAML reads project_name: 12:30 as 750"),
        (auth("username: u", "username: u\n      username: v"), 6, "username is a duplicate"),
        (GOOD + GOOD.partition("\n")[2], 10, "a is a duplicate"),
        (below("region_name: 01"), 10, "YAML reads region_name: 01 as 1"),
        (below("auth_type: nope"), 10, "unknown auth_type nope"),
        (below("auth_type: 5"), 10, "unknown auth_type 5"),
        (below("auth_type: v3applicationcredential"), 2, "application credential ID"),
        (below("cacert: /nope.pem"), 10, "cacert: no such file: /nope.pem"),
        (below("api_timeout: soon"), 2, "openstacksdk rejects it"),
        (below("networks: x"), 2, "openstacksdk rejects it"),
        (below("regions: [{a: 1}]"), 2, "openstacksdk rejects it"),
    ],
)  # fmt: skip
def test_an_entry_that_nobody_can_log_in_with(path: Path, text: str, line: int, words: str) -> None:
    path.write_text(text)
    pool = Pool(config_of("a"))
    found = problems_of(pool)
    assert len(found) == 1, found
    assert words in found[0]
    assert "planted" not in found[0]
    assert "01234567" not in found[0]
    assert f"{path}, line {line}, entry 'a': " in found[0]
    with pytest.raises(NodeDown) as down:  # no TypeError of the SDK's inside, and not a node that answers
        pool.nodes()["n1"].machines()
    assert (down.value.reason, down.value.detail) == (Refusal.AUTH, found[0])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("clouds:\n  a: auth: x\n", 2, "put each key on its own line"),
        ("clouds:\n\ta: 1\n", 2, "indent with spaces, not tabs"),
        ("clouds:\n  a:\n    password: @home\n", 3, "quote values"),
        ("clouds:\n  a:\n    password: *planted\n", 3, "quote values that start with *"),
        ("clouds:\n  a:\n    password: !planted\n", 3, "quote values that start with !"),
        ('clouds:\n  a:\n    password: "pl\\qanted"\n', 3, "use single quotes"),
        ("clouds:\n  a: 1\n b: 2\n", 3, "indent all keys"),
        ("clouds: [unclosed", 1, "invalid YAML"),
        ("clouds:\n  a: 'unclosed\n", 3, "invalid YAML"),
        ("clouds:\n  a: \x07\n", 2, "control character"),
        ("clouds:\n- a\n", 1, "must have an entry for each node"),
        ("clouds:\n", 1, "must have an entry for each node"),
        (GOOD + "clouds: {}\n", 10, "clouds is a duplicate"),
        ("clouds: 3\n", 1, "must have an entry for each node"),
        ("", 0, "is empty"),
        ("# nothing yet\n", 0, "is empty"),
        ("- clouds\n", 0, "has no keys"),
        ("clouds:\n  a: 2026-13-45\n", 0, "quote dates and numbers"),
        ("cache: x\n" + GOOD, 0, "openstacksdk rejects it"),
    ],
)
def test_a_file_that_can_not_be_read(path: Path, text: str, line: int, words: str) -> None:
    path.write_text(text)
    pool = Pool(config_of("a"))
    found = problems_of(pool)
    assert len(found) == 1, found
    assert words in found[0]
    assert "planted" not in found[0]
    assert found[0].startswith(f"{path}, line {line}" if line else str(path))
    assert pool.unusable() == {"n1": found[0]}
    with pytest.raises(NodeDown):
        pool.nodes()["n1"].machines()


@pytest.mark.parametrize("broken", ["gone", "folder", "latin-1", "utf-16", "two keys", "not allowed"])
def test_a_named_file_is_never_replaced_by_another(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    write_clouds(folder, a="http://127.0.0.1:9")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(loader, "CONFIG_FILES", [str(folder / "clouds.yaml")])
    if broken == "folder":
        path.mkdir()
    elif broken == "not allowed":
        path.write_text(GOOD)
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("root may read everything")
    elif broken != "gone":
        text = "clouds:\n  a: é: 1\n"
        path.write_bytes(text.encode({"two keys": "utf-8"}.get(broken, broken)))
    found = problems_of(Pool(config_of("a")))
    assert len(found) == 1
    assert found[0].startswith(str(path))


@pytest.mark.parametrize("text", ["clouds:\n  a: b: c\n", "", "- x\n"])
def test_the_first_file_of_the_search_path_is_not_replaced_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.delenv("OS_CLIENT_CONFIG_FILE", raising=False)
    first, second = tmp_path / "clouds.yaml", tmp_path / "other.yaml"
    first.write_text(text)
    second.write_text(GOOD)
    monkeypatch.setattr(loader, "CONFIG_FILES", ["/nowhere.yaml", str(first), str(second)])
    assert problems_of(Pool(config_of("a")))[0].startswith(str(first))


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        auth("p4ss-planted", "12345"),  # the SDK makes a text of it
        auth("p4ss-planted", "'01234567'"),
        auth("auth_url", "auth-url"),
        "x: &x {auth_url: 'http://h/v3', username: u, password: p}\nclouds:\n  a:\n    auth: {<<: *x, project_name: p}\n",
        "clouds:\n  a:\n    auth: {auth_url: 'http://h/v3', username: u, password: p}\n    verify: false\n",
        GOOD + "  b: null\n  c: {auth: {verify: 1}}\n",  # other entries are nobody's business
    ],
)
def test_what_can_be_used_is_used(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    assert Pool(config_of("a")).check() == []


def test_json_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clouds.json"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    path.write_text(
        '{"clouds": {"a": {\n\t"auth": {"auth_url": "http://h/v3", "username": "u", "password": "p"}}}}'
    )
    assert Pool(config_of("a")).check() == []
    path.write_text('{"clouds": {"a": {\n"auth": }}}')
    assert problems_of(Pool(config_of("a"))) == [f"{path}, line 2: invalid JSON (Expecting value)"]


def test_the_password_may_stand_in_secure_yaml(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secure = tmp_path / "secure.yaml"
    monkeypatch.setattr(loader, "SECURE_FILES", [str(secure)])
    path.write_text(auth("p4ss-planted", ""))
    secure.write_text("clouds: {a: {auth: {password: p}}}\n")
    assert Pool(config_of("a")).check() == []
    secure.write_text("clouds: {a: {auth: {password: 007}}}\n")
    assert problems_of(Pool(config_of("a"))) == [
        f"nodes.n1.cloud: {secure}, line 1, entry 'a': YAML reads password as another value; quote it"
    ]
    secure.write_text("clouds: [\n")
    assert problems_of(Pool(config_of("a")))[0].startswith(str(secure))


def test_one_unusable_entry_leaves_the_other_nodes_alone(path: Path) -> None:
    second = GOOD.partition("\n")[2].replace("  a:", "  b:")
    path.write_text(auth("username: u", "verify: false") + second)
    pool = Pool(config_of("a", "b"))
    assert [line.partition(":")[0] for line in pool.check()] == ["nodes.n1.cloud"]
    assert list(pool.unusable()) == ["n1"]
    with pytest.raises(NodeDown) as silent:
        pool.nodes()["n2"].machines()  # nothing listens there: it was asked
    assert silent.value.reason is Refusal.DOWN
    pool.close()


def test_a_number_as_the_name_of_an_entry(path: Path) -> None:
    path.write_text(GOOD.replace("  a:", "  1:"))
    assert problems_of(Pool(config_of("1"))) == [f"nodes.n1.cloud: quote the entry's name in {path}: '1':"]


def test_who_mends_the_file_need_not_start_anew(path: Path) -> None:
    path.write_text(auth("username: u", "verify: false"))
    pool = Pool(config_of("a"))
    assert list(pool.unusable()) == ["n1"]
    path.write_text(GOOD)
    assert pool.check() == []
    path.write_text("clouds:\n  a: b: c\n")
    assert list(pool.unusable()) == ["n1"]
    path.write_text(GOOD)
    assert pool.check() == []


def test_the_reason_stays_while_the_node_is_not_asked(path: Path) -> None:
    path.write_text(auth("username: u", "verify: false"))
    node = Pool(config_of("a")).nodes()["n1"]
    for _ in range(4):  # the breaker is open behind the second
        with pytest.raises(NodeDown) as down:
            node.ping()
        assert down.value.reason == Refusal.AUTH
        assert "auth has no option verify" in down.value.detail
