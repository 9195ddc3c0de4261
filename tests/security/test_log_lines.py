"""What the log is given by the libraries, at their chattiest, and what is taken out of it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.contract_kit import node_on
from harness.openstack_stub import Answer, Stub
from harness.sampling import every
from security import planted
from security.bench import Bench
from security.planted import APPLICATION_SECRET, NODE_PASSWORD, NODE_TOKEN, found, logged

from bot.ops.redact import HIDDEN, Redactor
from kws_core.nodes import Node
from kws_core.nodes.values import Address, ServerSpec
from kws_core.values import Size

OF_THE_NODE = (NODE_PASSWORD, NODE_TOKEN, APPLICATION_SECRET)
HASH = "$6$rounds=5000$abcdefgh$0123456789abcdefghijklmnopqrstuvwxyz"
SPEC = ServerSpec("kws-1", "web", "debian-12", Size("small", 1, 512, 5), f"#cloud-config\n# {HASH}\n")
ADDRESS = Address("p1", "a1", "203.0.113.9")
echo = {"error": {"message": f"Bad token {NODE_TOKEN}", "code": 401}}
FAULTS = [
    ("POST", "/servers", Answer(401, echo)), ("POST", "/servers", Answer(403, echo)),
    ("POST", "/servers", Answer(500, "<html>oops</html>")), ("POST", "/servers", Answer(202, '{"server": {"id"')),
    ("POST", "/servers", Answer(202, ["no", "object"])), ("POST", "/auth/tokens", Answer(401, {"error": {"code": 401}})),
    ("POST", "/auth/tokens", Answer(500, "oops")), ("GET", "/servers/detail", Answer(401, echo)),
    ("GET", "/images", Answer(200, '{"images": [')),
]  # fmt: skip
USER = "username: u, password: p"
LOGINS = {
    "password": f"username: u, password: {NODE_PASSWORD}",
    "application credential": f"application_credential_id: a1, application_credential_secret: {APPLICATION_SECRET}",
}


@pytest.fixture(params=LOGINS)
def stub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A node whose login and token can be recognised."""
    server = Stub()
    server.token = NODE_TOKEN
    real = server.clouds_yaml

    def clouds(folder: Path) -> Path:
        path = real(folder)
        told = path.read_text().replace(USER, LOGINS[request.param])
        if request.param != "password":
            told = told.replace("region_name", "auth_type: v3applicationcredential\n    region_name").replace(
                ", project_name: p, user_domain_name: D, project_domain_name: D", ""
            )
        path.write_text(told)
        return path

    monkeypatch.setattr(server, "clouds_yaml", clouds)
    yield server
    server.close()


def everything(node: Node) -> list[str]:
    """Every call once; what each error says, with its traceback."""
    said = []
    calls: list[Callable[[], object]] = [
        node.ping, node.images, node.capacity, node.cidrs, node.machines,
        lambda: node.ensure_server(SPEC, ADDRESS), lambda: node.release("kws-1"),
    ]  # fmt: skip
    for call in calls:
        try:
            said.append(repr(call()))
        except Exception as error:
            said.append("".join(traceback.format_exception(error)))
            logging.getLogger("kws_core.reconcile.reconciler").error("it failed", exc_info=error)
    return said


@pytest.mark.parametrize("number", every(9, [(number,) for number in range(len(FAULTS))]))
def test_a_node_whose_login_or_answer_fails(
    stub: Stub, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        logged("json", everything=True) as log,
        node_on(stub, tmp_path, monkeypatch, read_timeout=0.5) as node,
    ):
        stub.on(*FAULTS[number][:2], *[FAULTS[number][2]] * 3)
        said = everything(node)
    assert stub.requests, "it was asked"
    assert len(log[-1]) > 2000, "the libraries were chatty"
    assert found([*OF_THE_NODE, HASH], log[-1]) == []
    assert found([NODE_PASSWORD, APPLICATION_SECRET], "\n".join(said)) == []


def test_the_tokens_of_slack_are_in_no_line_of_any_library(make_module_bench: Callable[..., Bench]) -> None:
    bench = make_module_bench()
    own = bench.service.environment.model_copy(update={"signing_secret": planted.SIGNING_SECRET}).secrets()
    with logged("pretty", everything=True, secrets=own) as log:
        bench.send(bench.command(bench.person("mina"), "help"))
        bench.workspace.faults.fail("users.info", status=500)
        bench.send(bench.command(bench.person("joon"), "help"))
        logging.getLogger("else").warning("a line with %s and %s", *[s for s in own if s])
    assert "users.info" in log[-1] and HIDDEN in log[-1]
    assert found([bench.workspace.bot_token, planted.SIGNING_SECRET], log[-1]) == []


SECRET_LINES = [
    "X-Auth-Token: {}", "'X-Subject-Token': '{}'", '{{"password": "{}"}}', "password={}", "adminPass: {}",
    '{{\\"password\\": \\"{}\\"}}', "application_credential_secret: {}", "Authorization: Bearer {}",
    "postgresql+psycopg://kws:{}@db/kws", "wss://wss-primary.slack.com/link/?ticket={}&app_id=A1",
    "https://hooks.slack.com/commands/T1/2/{}", "SLACK_SIGNING_SECRET={}", "plain_text_passwd: {}",
]  # fmt: skip
BY_SHAPE = [
    "xoxb-1234-5678-abcdef", "xoxe.xoxp-1-abc", "xapp-1-A0-12-abcdef", NODE_TOKEN, HASH, planted.PRIVATE,
    planted.PRIVATE.replace("\n", "\\n"), "-----BEGIN RSA PRIVATE KEY-----\nMIIcut off",
]  # fmt: skip


def test_what_looks_like_a_secret_is_hidden() -> None:
    hide = Redactor()
    for line in SECRET_LINES:
        assert "S3cretV4lue" not in hide(line.format("S3cretV4lue")), line
    for secret in BY_SHAPE:
        assert hide(f"a {secret}") == f"a {HIDDEN}", secret
    assert found([planted.PRIVATE_BYTES], hide(planted.PRIVATE)) == []


def test_what_is_no_secret_stays() -> None:
    lines = (
        "ref 1a2b3c4d: form of U0MINA0001 failed", "rental abc web01: requested -> building", "password_simple",
        "GET http://127.0.0.1:5000/v3 used request id req-1", "the password is too short", "mina@lab.example:22",
        "no node has the secret sauce", 'File "kws_core/forms/passwords.py", line 70, in check_password',
    )  # fmt: skip
    for line in lines:
        assert Redactor(["", "p", "short"])(line) == line
