"""nodes.toml and the environment: every mistake at once, each with its path, and no secret in sight."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_core.config import load_config, load_environment, parse_config
from kws_core.errors import ConfigError
from kws_core.nodes.registry import DRIVERS

NODE = '[[nodes]]\nname = "node1"\ncloud = "node1"\nvcpus = 6\nram_mb = 6144\ndisk_gb = 80\n'
SIZES = "[sizes]\nsmall = { vcpus = 1, ram_mb = 512, disk_gb = 5 }\n"
GOOD = SIZES + NODE
TOKENS = {"SLACK_BOT_TOKEN": "xoxb-secret-1", "SLACK_APP_TOKEN": "xapp-secret-2"}


def problems(text: str) -> list[str]:
    """What is wrong with it, without the file's name."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "nodes.toml")
    assert all(problem.startswith("nodes.toml: ") for problem in caught.value.problems)
    return [problem.removeprefix("nodes.toml: ") for problem in caught.value.problems]


def test_the_shipped_example_is_good() -> None:
    assert load_config(Path(__file__).parents[2] / "nodes.toml").nodes


def test_what_is_left_out_has_a_default() -> None:
    config = parse_config(GOOD)
    assert (config.kws.timezone, config.kws.locale) == ("Asia/Seoul", "ko")
    assert config.policy.warn_days == (7, 3, 1)
    assert config.openstack.ready_check == "ssh"
    assert config.nodes[0].max_builds == 2


def test_every_mistake_is_told_at_once_with_its_path() -> None:
    text = (
        '[kws]\nlocale = "fr"\ntimezone = "Mars/Base"\nadmins = ["me"]\ncolour = 1\n'
        '[policy]\nopen_ports = [80, 70000]\ndefault_days = "x"\n'
        "[sizes]\nsmall = { vcpus = 0, ram_mb = 512, disk_gb = 5 }\n"
        + NODE
        + '[[nodes]]\nname = "node2"\nvcpus = true\nram_mb = 1\ndisk_gb = 80\nkinds = ["vm"]\n'
    )
    found = problems(text)
    paths = {problem.split(":")[0] for problem in found}
    assert paths == {
        "kws", "kws.locale", "kws.timezone", "kws.admins[0]", "policy.open_ports[1]", "policy.default_days",
        "sizes.small.vcpus", "nodes[1].cloud", "nodes[1].vcpus", "nodes[1].ram_mb", "nodes[1].kinds",
    }  # fmt: skip
    assert "kws: unknown key 'colour'" in found
    assert "nodes[1].cloud: missing" in found


def test_an_unknown_driver_is_told_with_those_that_there_are() -> None:
    (problem,) = problems(GOOD + 'driver = "magic"\n')
    assert problem.startswith("nodes[0].driver: input should be ")
    assert problem.endswith("(found 'magic')")
    assert all(repr(name) in problem for name in DRIVERS)


def test_only_openstack_needs_a_cloud() -> None:
    without = "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith("cloud"))
    assert problems(without) == ["nodes[0].cloud: missing"]
    assert parse_config(without + 'driver = "fake"\n').nodes[0].driver == "fake"


@pytest.mark.parametrize("section", ["kws", "policy", "openstack", "sizes.small", "nodes[0]", ""])
def test_an_unknown_key_is_refused_wherever_it_is(section: str) -> None:
    text = {
        "kws": "[kws]\nnope = 1\n" + GOOD,
        "policy": "[policy]\nnope = 1\n" + GOOD,
        "openstack": "[openstack]\nnope = 1\n" + GOOD,
        "sizes.small": GOOD.replace("vcpus = 1,", "vcpus = 1, nope = 1,"),
        "nodes[0]": GOOD + "nope = 1\n",
        "": "nope = 1\n" + GOOD,
    }[section]
    assert problems(text) == [f"{section}: unknown key 'nope'" if section else "unknown key 'nope'"]


@pytest.mark.parametrize("value", ['"6"', "6.0", "true", "-1", "0", "[6]", "2026-12-01"])
def test_a_number_is_a_whole_positive_number_and_nothing_else(value: str) -> None:
    assert [p.split(":")[0] for p in problems(GOOD.replace("vcpus = 6", f"vcpus = {value}"))] == [
        "nodes[0].vcpus"
    ]


@pytest.mark.parametrize("key", ["name", "cloud"])
def test_two_nodes_with_the_same_name_or_cloud_are_refused(key: str) -> None:
    second = NODE.replace("node1", "node2").replace(f'{key} = "node2"', f'{key} = "node1"')
    (problem,) = problems(GOOD + second)
    assert f"same {key}" in problem
    assert "node1" in problem


def test_duplicates_are_told_together_with_everything_else() -> None:
    found = problems("[kws]\nlocale = 'fr'\n" + GOOD + NODE)
    assert len([problem for problem in found if "same" in problem]) == 2
    assert len(found) == 3


def test_the_default_may_not_be_longer_than_the_most() -> None:
    assert problems("[policy]\ndefault_days = 30\nmax_days = 7\n" + GOOD) == [
        "policy: default_days is more than max_days"
    ]


def test_no_nodes_and_no_sizes_are_told() -> None:
    assert problems("") == ["sizes: missing", "nodes: missing"]
    assert [p.split(":")[0] for p in problems("nodes = []\n[sizes]\n")] == ["sizes", "nodes"]


@pytest.mark.parametrize("text", ["[kws", "a = ", "\x00", "[kws]\n[kws]\n"])
def test_what_is_not_toml_is_told(text: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith("invalid TOML")


@given(st.text())
def test_no_text_whatever_gives_anything_but_a_config_error(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_config(text)


@pytest.mark.parametrize("zone", ["", "../../etc/passwd", "/etc/passwd", "Seoul", "a b", "ASIA/SEOUL\\u0000"])
def test_a_time_zone_that_is_none_is_told(zone: str) -> None:
    (problem,) = problems(f'[kws]\ntimezone = "{zone}"\n' + GOOD)
    assert problem.startswith("kws.timezone: unknown time zone")


@pytest.mark.parametrize("zone", ["Asia", "America/Argentina"])
def test_a_folder_of_time_zones_is_no_time_zone(zone: str) -> None:
    (problem,) = problems(f'[kws]\ntimezone = "{zone}"\n' + GOOD)
    assert problem.startswith("kws.timezone: unknown time zone")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        load_config(tmp_path / "nodes.toml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\xc3\x28"])
def test_a_file_that_is_no_text_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "nodes.toml").write_bytes(content)
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        load_config(tmp_path / "nodes.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(tmp_path)


def test_the_path_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab.toml").write_text(GOOD)
    monkeypatch.setenv("KWS_CONFIG", str(tmp_path / "lab.toml"))
    assert load_config().nodes[0].name == "node1"


def test_tokens_are_read_and_stay_out_of_repr() -> None:
    environment = load_environment(
        {**TOKENS, "SLACK_SIGNING_SECRET": "secret-3", "KWS_DATABASE_URL": "postgresql://u:secret-4@h/d"}
    )
    assert environment.bot_token == "xoxb-secret-1"
    assert "secret" not in repr(environment) + str(environment)


def test_every_missing_variable_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_environment({"KWS_LOG_FORMAT": "xml"})
    assert [p.split(":")[0] for p in caught.value.problems] == [
        "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "KWS_LOG_FORMAT",
    ]  # fmt: skip


def test_http_mode_needs_the_signing_secret_and_no_app_token() -> None:
    with pytest.raises(ConfigError) as caught:
        load_environment({"SLACK_BOT_TOKEN": "xoxb-1"}, http=True)
    assert [p.split(":")[0] for p in caught.value.problems] == ["SLACK_SIGNING_SECRET"]
    assert load_environment({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s"}, http=True)


def test_a_token_of_the_wrong_kind_is_told_without_telling_it() -> None:
    with pytest.raises(ConfigError) as caught:
        load_environment({"SLACK_BOT_TOKEN": "xapp-secret-1", "SLACK_APP_TOKEN": "xoxb-secret-2"})
    assert len(caught.value.problems) == 2
    assert "secret" not in str(caught.value)


def test_the_api_url_ends_with_a_slash() -> None:
    assert load_environment({**TOKENS, "SLACK_API_URL": "http://h/api"}).slack_api_url == "http://h/api/"


WEB = '[web]\ndomain = "lab.example"\nproxy = ["192.0.2.10"]\nopen_to = ["10.0.0.0/8"]\n'


def test_without_web_there_are_no_names_and_with_it_they_have_defaults() -> None:
    assert parse_config(GOOD).web is None
    web = parse_config(WEB + GOOD).web
    assert web is not None
    assert (web.tls, web.everybody, web.by_default) == ("internal", False, True)
    assert "www" in web.reserved
    assert web.address("web01") == "https://web01.lab.example"
    assert web.model_copy(update={"https_port": 8443}).address("a") == "https://a.lab.example:8443"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ('domain = "localhost"', "web.domain"),
        ('domain = "Lab.example"', "web.domain"),
        ('domain = "*.lab.example"', "web.domain"),
        ('domain = "실습.example"', "web.domain"),
        ('admin = "unix//run/caddy.sock"', "web.admin"),
        ('admin = "http://u:p@127.0.0.1:2019"', "web.admin"),
        ("proxy = []", "web.proxy"),
        ('proxy = ["caddy.lab.example"]', "web.proxy"),
        ('open_to = ["10.0.0.1/8"]', "web.open_to"),
        ('tls = "none"', "web.tls"),
        ('ask = "0.0.0.0:8702"', "web.ask"),
        ('reserved = ["Mail"]', "web.reserved[0]"),
        ("https_port = 0", "web.https_port"),
        ("http_port = 443", "web"),
        ("open_to = []", "web"),
        ('tls = "files"', "web"),
        ('certificate = "/etc/lab.pem"', "web"),
        ("colour = 1", "web"),
    ],
)
def test_a_mistake_in_web_is_told_with_its_path(line: str, path: str) -> None:
    key = line.split(" ", maxsplit=1)[0]
    lines = [one for one in WEB.splitlines() if not one.startswith(f"{key} ")]
    (problem,) = problems("\n".join([*lines, line, GOOD]))
    assert problem.split(":")[0] == path


@pytest.mark.parametrize(
    ("quiet", "problem"),
    [
        ("from = 2026-12-24\nto = 2026-12-23", "'to' is before 'from'"),
        ("from = 2026-12-24\nto = 2028-12-23", "longer than 366 days"),
        ("from = 2026-12-24", "policy.quiet[0].to: missing"),
        ('from = "soon"\nto = 2026-12-23', "policy.quiet[0].from"),
    ],
)
def test_quiet_days_that_make_no_sense(quiet: str, problem: str) -> None:
    (found,) = problems(f"{GOOD}\n[[policy.quiet]]\n{quiet}\n")
    assert problem in found


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_byte_order_mark_is_passed_over(tmp_path: Path, ends: str) -> None:
    text = (Path(__file__).parents[2] / "nodes.toml").read_text(encoding="utf-8")
    path = tmp_path / "nodes.toml"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", ends).encode())
    assert load_config(path) == parse_config(text)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-32", "cp949", "latin-1"])
def test_another_encoding_is_told(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "nodes.toml"
    path.write_bytes(("# 연구실\n" if codec != "latin-1" else "# é\n").encode(codec))
    with pytest.raises(ConfigError, match=r"nodes\.toml: (can't be read: not UTF-8 text|invalid TOML)"):
        load_config(path)
