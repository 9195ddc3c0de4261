"""What a person writes about a container."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kws_core.errors import UserError
from kws_core.forms.container import (
    check_image_name,
    in_shell,
    parse_command,
    parse_environment,
)


def code_of(call: Any, text: str) -> tuple[str, dict[str, Any]]:
    with pytest.raises(UserError) as caught:
        call(text)
    return caught.value.code, caught.value.data


def outcome(call: Any, text: str) -> tuple[Any, str]:
    """What is taken, or the code of the refusal."""
    try:
        return call(text), ""
    except UserError as error:
        return None, error.code


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("  \n", ()),
        ("nginx -g 'daemon off;'", ("nginx", "-g", "daemon off;")),
        ("sh -c 'echo $HOME && ls'", ("sh", "-c", "echo $HOME && ls")),
        ("echo a # b", ("echo", "a", "#", "b")),
        ("echo 안녕 ''", ("echo", "안녕", "")),
        ("a\nb", ("a", "b")),
        ('["php", "-S", "0.0.0.0:80"]', ("php", "-S", "0.0.0.0:80")),
        (' [ "sh", "-c", "a && b > c" ] ', ("sh", "-c", "a && b > c")),
        ("[]", ()),
        ("grep 'a|b' \"x > y\"", ("grep", "a|b", "x > y")),
        ("curl http://a/?b=1&c=2", ("curl", "http://a/?b=1&c=2")),
        ("pip install a>=2", ("pip", "install", "a>=2")),
        ("echo it\\'s", ("echo", "it's")),
        ('sh -c "echo $HOME"', ("sh", "-c", "echo $HOME")),
        ("node --max=2 app.js", ("node", "--max=2", "app.js")),
    ],
)
def test_commands(text: str, words: tuple[str, ...]) -> None:
    assert parse_command(text) == words


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("echo 'a", "command_quotes"),
        ('echo "a', "command_quotes"),
        ("echo \\", "command_quotes"),
        ("a\0b", "command_character"),
        ("a\ud800", "command_character"),
        ("가" * 1366, "command_long"),
    ],
)
def test_bad_commands(text: str, code: str) -> None:
    assert code_of(parse_command, text)[0] == code


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("echo $HOME", "$HOME"), ("a `b`", "`"), ("a 2>&1", "2>&"), ("a && b", "&&"), ("a | b", "|"), ("a > file", ">"), ("a >> file", ">>"), ("a; b", ";"),
        ("a || b", "||"),
        ("sleep 5 &", "&"), ("sort < in", "<"), ("echo 'a' && b", "&&"), ("cd /x&&ls", "&&"),
    ],
)  # fmt: skip
def test_what_only_a_shell_understands_is_offered_to_one(text: str, sign: str) -> None:
    code, data = code_of(parse_command, text)
    assert (code, data["sign"]) == ("command_shell", sign)
    assert parse_command(data["right"]) == ("sh", "-c", text)


@pytest.mark.parametrize("text", ['["a", 5]', "['a']", "[a, b]", '["a",]', '[["a"]]'])
def test_a_list_that_is_no_json(text: str) -> None:
    assert code_of(parse_command, text)[0] == "command_json"


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("docker pull nginx", "nginx"), ("docker run nginx:1.27", "nginx:1.27"), ("sudo docker pull a/b", "a/b"),
        ("podman pull quay.io/a/b:c", "quay.io/a/b:c"), ("$ docker image pull redis", "redis"),
        ("docker run -d -p 80:80 nginx", "nginx"),
    ],
)  # fmt: skip
def test_a_command_line_has_the_name_in_it(text: str, right: str) -> None:
    assert code_of(check_image_name, text) == ("image_name_command", {"right": right})


@pytest.mark.parametrize("name", ["redis", "x:alpine", "ghcr.io/a/b:1", "localhost:5000/a", "a/b"])
def test_a_digest_is_refused_since_the_node_would_drop_it(name: str) -> None:
    code, data = code_of(check_image_name, name + "@sha256:" + "0a" * 32)
    assert (code, data["right"]) == ("image_name_digest", check_image_name(name))


@pytest.mark.parametrize("name", ["discovery.type", "my-name", "xpack.security.enabled", "1A", "가", "a/b"])
def test_names_of_variables_as_docker_takes_them(name: str) -> None:
    assert parse_environment(f"{name}=1") == {name: "1"}


def test_a_variable_a_line() -> None:
    text = '# settings\nNAME=value\n\n  _x1=a=b\r\nEMPTY=\nQ=as "it" is \n   # more\n'
    assert parse_environment(text) == {"NAME": "value", "_x1": "a=b", "EMPTY": "", "Q": 'as "it" is '}


@pytest.mark.parametrize(
    ("text", "code", "data"),
    [
        ("A=1\n\nB", "environment_no_equals", {"line": 3, "text": "B"}),
        ("=1", "environment_name", {"line": 1, "name": ""}),
        ("export A=1", "environment_name", {"name": "export A"}),
        ("#\nA =1", "environment_name", {"line": 2}),
        ("A\tB=1", "environment_name", {}),
        ('A=1\nB="x y"', "environment_quotes", {"line": 2, "name": "B"}),
        ("A='x'", "environment_quotes", {"line": 1}),
        ("A=1\nA=2", "environment_twice", {"line": 2, "name": "A"}),
        ("A=\0", "environment_character", {}),
        ("A=\ud83d", "environment_character", {}),
        ("A=" + "x" * 8191, "environment_long", {"size": 8193, "limit": 8192}),
        ("\n".join(f"V{i}=" for i in range(65)), "environment_many", {"count": 65, "most": 64}),
    ],
)
def test_bad_environments(text: str, code: str, data: dict[str, Any]) -> None:
    found = code_of(parse_environment, text)
    assert found[0] == code
    assert found[1] | data == found[1]


DIGEST = "@sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nginx", "nginx:latest"),
        (" nginx:1.27 ", "nginx:1.27"),
        ("library/nginx", "library/nginx:latest"),
        ("docker.io/library/nginx:1.27-alpine", "docker.io/library/nginx:1.27-alpine"),
        ("127.0.0.1:15500/library/nginx", "127.0.0.1:15500/library/nginx:latest"),
        ("localhost/a__b-c.d", "localhost/a__b-c.d:latest"),
        ("[fd00::1]:5000/a:b", "[fd00::1]:5000/a:b"),
        ("Registry.Example.com/a", "Registry.Example.com/a:latest"),
        ("host:5000", "host:5000"),  # as Docker has it: image host, tag 5000
    ],
)
def test_image_names(text: str, name: str) -> None:
    assert check_image_name(text) == name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "image_missing"),
        ("  ", "image_missing"),
        ("https://example.org/nginx", "image_name_url"),
        ("Nginx", "image_name_case"),
        ("library/NginX:1", "image_name_case"),
        ("nginx" + DIGEST, "image_name_digest"),
        ("nginx:", "container_image_invalid"),
        ("nginx@", "container_image_invalid"),
        ("nginx@sha256:00", "container_image_invalid"),
        ("nginx@md5:" + "0" * 32, "container_image_invalid"),
        ("nginx:-a", "container_image_invalid"),
        ("nginx:" + "a" * 129, "container_image_invalid"),
        ("a//b", "container_image_invalid"),
        ("/a", "container_image_invalid"),
        ("a/", "container_image_invalid"),
        ("-a", "container_image_invalid"),
        ("a..b", "container_image_invalid"),
        ("a___b", "container_image_invalid"),
        ("a:b:c", "container_image_invalid"),
        (":5000/a", "container_image_invalid"),
        ("a/b:c/d", "container_image_invalid"),
        ("엔진엑스", "container_image_invalid"),
        ("nginx\nx", "container_image_invalid"),
        ("0a" * 32, "container_image_invalid"),
        ("a" * 249, "image_name_long"),
        ("a" * 5000, "image_name_long"),
    ],
)
def test_bad_image_names(text: str, code: str) -> None:
    assert code_of(check_image_name, text)[0] == code


def test_the_lower_case_is_offered() -> None:
    assert code_of(check_image_name, "ghcr.io/Me/App:V1")[1]["right"] == "ghcr.io/me/app:V1"


_chars = st.characters(exclude_categories=("Cs",), exclude_characters="\0")


@given(st.lists(st.text(_chars)))
def test_command_format_is_the_inverse(words: list[str]) -> None:
    text = shlex.join(words)
    assume(len(text.encode()) <= 4096 and not text.startswith("["))
    assert parse_command(text) == tuple(words)


_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True)
_values = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r\n\"'"))


def environment_text(variables: dict[str, str]) -> str:
    return "\n".join(f"{name}={value}" for name, value in variables.items())


@given(st.dictionaries(_names, _values, max_size=64))
def test_environment_format_is_the_inverse(variables: dict[str, str]) -> None:
    text = environment_text(variables)
    assume(len(text.encode()) <= 8192)
    assert parse_environment(text) == variables


@given(st.text() | st.text("aA1 ='\"\\\n\r#=/:@.-_[]\x85\u2028\ud800\0", max_size=40))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    for call, inverse in ((parse_command, shlex.join), (parse_environment, environment_text)):
        parsed, code = outcome(call, text)
        if parsed is None:
            assert code.startswith(("command_", "environment_"))
        else:
            again = inverse(parsed)  # type: ignore[operator]
            assert len(again.encode()) > 4096 or call(again) == parsed


@given(st.text() | st.text("aA1:/@.-_[] \n", max_size=20))
def test_any_image_name_is_a_reference_or_refused(text: str) -> None:
    name, code = outcome(check_image_name, text)
    if name is None:
        assert code.startswith(("image_", "container_image_"))
    else:
        assert re.fullmatch(r"[\x21-\x7e]{1,255}", name)
        assert check_image_name(name) == name
        assert ":" in name and "@" not in name


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("docker run --name x -p 80:80 nginx:1 nginx -g daemon", "nginx:1"),
        ("docker run -dit --restart=always -e A=b -v /a:/b quay.io/x/y sh", "quay.io/x/y"),
        ("podman create --network host redis", "redis"),
        ("FROM nginx:1.27", "nginx:1.27"),
        ("image: bitnami/redis", "bitnami/redis"),
        ('"nginx"', "nginx"),
        ("`nginx:1`", "nginx:1"),
        ("docker://nginx", "nginx"),
        ("https://hub.docker.com/_/nginx", "nginx"),
        ("https://hub.docker.com/_/nginx/tags", "nginx"),
        ("hub.docker.com/r/bitnami/redis?x=1", "bitnami/redis"),
    ],
)
def test_where_the_name_stands_is_told(text: str, right: str) -> None:
    with pytest.raises(UserError, match="image_name_command") as refused:
        check_image_name(text)
    assert refused.value.data["right"] == right
    assert check_image_name(right)


def test_a_name_that_only_looks_like_a_line() -> None:
    assert check_image_name("image:nginx") == "image:nginx"
    assert check_image_name("from/nginx") == "from/nginx:latest"


@pytest.mark.parametrize("text", ["A=1 run", "  PORT=80 node x.js", "A= b", "A='x y' b", "_x=1 y"])
def test_an_assignment_before_the_command_needs_a_shell(text: str) -> None:
    with pytest.raises(UserError, match="command_shell") as refused:
        parse_command(text)
    assert parse_command(refused.value.data["right"]) == ("sh", "-c", text.strip())


@pytest.mark.parametrize(
    "text", ["a && b", "echo $HOME", "a 'b c' | d", "sh -c 'a && b'", "bash -c x", "it's"]
)
def test_what_a_shell_is_to_run_is_given_to_one_once(text: str) -> None:
    words = parse_command(in_shell(text))
    assert words[1:2] == ("-c",)
    assert parse_command(in_shell(in_shell(text))) == words
    assert text in (words[2], text if words[:2] in (("sh", "-c"), ("bash", "-c")) else "")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\n    "])
def test_a_line_that_goes_on_in_the_next(ends: str) -> None:
    assert parse_command(f"serve \\{ends}--port 80 \\{ends}-v") == ("serve", "--port", "80", "-v")
