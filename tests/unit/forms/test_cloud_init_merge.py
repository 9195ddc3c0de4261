"""The person's cloud-config: read, checked, and merged with ours into one document."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from kws_core.errors import UserError
from kws_core.forms import boot_script, cloud_init
from kws_core.forms.cloud_init import (
    MAX_CLOUD_INIT,
    MAX_USER_DATA,
    merge,
    parse_cloud_init,
    user_data,
)
from kws_core.forms.cloud_init_keys import KNOWN, REFUSED

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKws mina@lab"
HASH = "$6$saltsalt$0123456789abcdef"


def document(text: str = "", login: str = "student", **access: Any) -> dict[str, Any]:
    """What cloud-init reads when ``text`` was in the form."""
    access = access or {"public_key": KEY}
    data = user_data("r123", "web01", login, **access, extra=parse_cloud_init(text, login))
    assert data.startswith("#cloud-config\n")
    assert len(data.encode()) <= MAX_USER_DATA
    loaded = yaml.safe_load(data)
    assert isinstance(loaded, dict)
    return loaded


def users(text: str = "", **access: Any) -> dict[str, dict[str, Any]]:
    found = [entry for entry in document(text, **access)["users"] if entry != "default"]
    assert found[0]["name"] == "student"
    return {entry["name"]: entry for entry in found if isinstance(entry, dict)}


def outcome(text: str) -> tuple[dict[str, Any], str]:
    """What is taken, or the code of the refusal."""
    try:
        return parse_cloud_init(text), ""
    except UserError as error:
        return {}, error.code


def refused(text: str) -> tuple[str, dict[str, Any]]:
    with pytest.raises(UserError) as caught:
        parse_cloud_init(text)
    return caught.value.code, caught.value.data


# -- ours


def test_a_key_lets_in_and_no_password_does() -> None:
    config = document()
    assert config["ssh_pwauth"] is False
    assert "chpasswd" not in config
    assert config["users"][1]["ssh_authorized_keys"] == [KEY]
    assert config["users"][1]["lock_passwd"] is True
    assert config == yaml.safe_load(user_data("r123", "web01", "student", KEY))


def test_a_password_is_given_as_a_hash_twice_and_does_not_expire() -> None:
    config = document(public_key=None, password_hash=HASH)
    user = config["users"][1]
    assert user["lock_passwd"] is False
    assert user["hashed_passwd"] == HASH
    assert "ssh_authorized_keys" not in user
    assert config["ssh_pwauth"] is True
    entry = {"name": "student", "password": HASH, "type": "hash"}
    old = f"{entry['name']}:{entry['password']}"
    assert config["chpasswd"] == {"expire": False, "users": [entry], "list": [old]}


def test_a_key_and_a_password_together() -> None:
    user = users(public_key=KEY, password_hash=HASH)["student"]
    assert user["ssh_authorized_keys"] == [KEY]
    assert user["hashed_passwd"] == HASH


# -- what is taken


@pytest.mark.parametrize(
    "text", ["", "  \n\n", "# only a remark", "#cloud-config", "\ufeff#cloud-config\n", "---\n"]
)
def test_nothing(text: str) -> None:
    assert parse_cloud_init(text) == {}


def test_a_common_one() -> None:
    text = """#cloud-config
package_update: true
packages: [nginx, 'python3-pip']
timezone: Asia/Seoul
write_files:
- path: /etc/motd
  permissions: '0644'
  content: |
    안녕 {{ hostname }} 🙂
      ## template: jinja
runcmd:
- [systemctl, enable, --now, nginx]
- echo hi > /root/hi
"""
    config = document(text)
    assert config["packages"] == ["nginx", "python3-pip"]
    assert config["write_files"][1]["permissions"] == "0644"
    assert config["write_files"][1]["content"] == "안녕 {{ hostname }} 🙂\n  ## template: jinja\n"
    assert config["runcmd"][1] == "echo hi > /root/hi"
    assert config["hostname"] == "web01"


def test_windows_line_ends() -> None:
    assert parse_cloud_init("#cloud-config\r\npackages:\r\n- nginx\r\n") == {"packages": ["nginx"]}


def test_dates_stay_text() -> None:
    text = "users:\n- name: mina\n  expiredate: 2027-01-01\n"
    assert users(text)["mina"]["expiredate"] == "2027-01-01"


def test_no_template_gets_to_the_front() -> None:
    data = user_data("r1", "web01", "student", KEY, extra={"## template: jinja": 1, "packages": ["{{ x }}"]})
    assert data.splitlines()[0] == "#cloud-config"
    assert not any(line.startswith("## template") for line in data.splitlines())
    assert "{{ x }}" in data


def test_other_users_come_behind_the_login() -> None:
    found = document(f"users:\n- name: mina\n  hashed_passwd: {HASH}\n- default\n- joon\n")["users"]
    assert [entry["name"] for entry in found] == ["student", "mina", "joon"], (
        "and not as default, who is last"
    )
    assert document("users: [default]")["users"][0] == "default", "with nobody else the image's groups stay"


def test_the_login_stays_ours() -> None:
    text = """users:
- name: student
  gecos: Mina
  groups: [docker, video]
  primary_group: lab
  sudo: ALL
  lock_passwd: false
"""
    user = users(text)["student"]
    assert user == {
        "name": "student",
        "primary_group": "lab",
        "groups": ["student", "docker", "video", "lab"],
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "lock_passwd": True,
        "ssh_authorized_keys": [KEY],
        "gecos": "Mina",
    }


def test_keys_are_added_to_ours() -> None:
    text = f"users:\n- name: student\n  ssh_authorized_keys: ['{KEY}', ssh-rsa BBBB]\n"
    assert users(text)["student"]["ssh_authorized_keys"] == [KEY, "ssh-rsa BBBB"]
    assert users(text, public_key=None, password_hash=HASH)["student"]["ssh_authorized_keys"] == [
        KEY,
        "ssh-rsa BBBB",
    ]


def test_without_other_users_the_images_user_stays() -> None:
    for text in ("", "users: []", "users: [{name: student, groups: docker}]"):
        assert document(text)["users"][0] == "default"


# -- the owner gets in whatever else is wrong


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("groups: [{student: [root, sys]}]", {}),
        ("groups: 'docker, student'", {}),
        ("users: [default, {name: ada, groups: student}]", {"ada": ["student", "ada"]}),
        ("users: [{name: deploy, primary_group: docker}]", {"deploy": ["docker"]}),
        ("users: [staff]", {"staff": ["staff"]}),  # a group of that name is in the image
        ("users: [{name: ada, groups: ada}]", {"ada": ["ada"]}),
        ("groups: [ada]\nusers: [{name: ada, uid: 2000}]", {"ada": ["ada"]}),
        ("users: [{name: ada, uid: 2000, groups: 'docker, ada'}, bob]", {"ada": ["docker", "ada"], "bob": ["bob"]}),
    ],
)  # fmt: skip
def test_no_group_stops_a_user_from_being_made(text: str, made: dict[str, list[str]]) -> None:
    found = users(text)
    assert found["student"]["primary_group"] == "student" and "student" in found["student"]["groups"]
    assert {name: fields["groups"] for name, fields in found.items() if name != "student"} == made
    assert all(fields["primary_group"] in fields["groups"] for fields in found.values())


def test_a_number_of_ones_own_is_taken_before_useradd_chooses_one() -> None:
    assert list(users("users: [bob, {name: ada, uid: 1001}]")) == ["student", "ada", "bob"]
    assert "primary_group" not in users("users: [{name: ada, uid: 2000}]")["ada"], (
        "its group has that number too"
    )


def test_without_the_images_user_the_keys_are_the_logins_own() -> None:
    text = "ssh_authorized_keys: [ssh-rsa BBBB]\nssh_import_id: ['gh:mina']\n"
    assert document(text)["ssh_authorized_keys"] == ["ssh-rsa BBBB"]
    config = document(text + "users: [ada]")
    assert config["users"][0]["ssh_authorized_keys"] == [KEY, "ssh-rsa BBBB"]
    assert (config["users"][0]["ssh_import_id"], "ssh_import_id" in config) == (["gh:mina"], False)
    assert "adm" in config["users"][0]["groups"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ("shell: bash", "cloud_init_user_path"),
        ("homedir: srv/ada", "cloud_init_user_path"),
        ("homedir: /srv/../etc", "cloud_init_user_path"),
        ("uid: 0", "cloud_init_user_uid"),
        ("uid: 1000", "cloud_init_user_uid"),
        ("uid: -5", "cloud_init_user_uid"),
        ("uid: '70000'", "cloud_init_user_uid"),
        ("uid: ada", "cloud_init_user_uid"),
        ("inactive: soon", "cloud_init_user_days"),
        ("inactive: '-2'", "cloud_init_user_days"),
        ("expiredate: tomorrow", "cloud_init_user_day"),
        ("expiredate: 2027-02-30", "cloud_init_user_day"),
        ("selinux_user: staff_u", "cloud_init_user_field"),
        ("create_groups: false", "cloud_init_user_field"),
        ("sudo: true", "cloud_init_user_sudo"),
        ("sudo: ALL", "cloud_init_user_sudo"),
        ("sudo: ['ALL=(ALL) ALL', NOPASSWD]", "cloud_init_user_sudo"),
        ("primary_group: 'a b'", "cloud_init_value"),
    ],
)
def test_what_useradd_refuses_is_refused_at_the_field(fields: str, code: str) -> None:
    assert refused(f"users: [default, {{name: ada, {fields}}}]")[0] == code


def test_two_users_cannot_have_one_number() -> None:
    assert refused("users: [{name: a, uid: 2000}, {name: b, uid: '2000'}]")[1]["key"] == "users.b.uid"


@pytest.mark.parametrize(
    "field", ["shell: /bin/zsh", "uid: 2000", "homedir: /srv", "no_create_home: true", "system: true"]
)
def test_what_would_change_the_login_is_refused(field: str) -> None:
    with pytest.raises(UserError, match="cloud_init_user_login"):
        parse_cloud_init(f"users: [{{name: debian, {field}}}]", "debian")


def test_the_login_may_be_written_as_people_write_it() -> None:
    text = "users: [{name: student, primary_group: adm, sudo: ALL, shell: /bin/bash}]"
    assert users(text)["student"]["primary_group"] == "adm"


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "//etc/./group", "/etc/shadow", "/etc/login.defs", "/etc/nologin", "/etc/passwd.lock"],
)
def test_the_servers_list_of_users_is_not_written_over(path: str) -> None:
    assert refused(f"write_files: [{{path: {path}, content: x}}]")[0] == "cloud_init_account_file"


# -- what YAML or cloud-init reads otherwise than people


@pytest.mark.parametrize(
    "owner", ["www-data", "www-data:www-data", "root:docker", ":git", "ada:root", "1000:1000"]
)
def test_a_file_of_another_owner_waits_for_them(owner: str) -> None:
    files = document(
        f"write_files: [{{path: /etc/a, owner: '{owner}', content: x}}, {{path: /etc/b, owner: root}}]"
    )
    assert [entry.get("defer") for entry in files["write_files"]] == [None, True, None]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("runcmd: [echo a, true]", "cloud_init_command"),
        ("runcmd: [false]", "cloud_init_command"),
        ("bootcmd: [5]", "cloud_init_command"),
        ("runcmd: [1.5]", "cloud_init_command"),
        ("runcmd: [[systemctl, enable, true]]", "cloud_init_command"),
        ("runcmd: [[echo, yes]]", "cloud_init_read_as"),
        ("write_files: [{path: /a, owner: 33}]", "cloud_init_owner"),
        ("write_files: [{path: /a, content: 5}]", "cloud_init_content"),
        ("write_files: [{path: /a, content: {a: b}}]", "cloud_init_content"),
        ("write_files: [{path: /a, content: no}]", "cloud_init_read_as"),
        ("snap: {commands: {on: x}}", "cloud_init_key"),
        ("users: [{name: ada}, {groups: docker}]", "cloud_init_user_nameless"),
        ("apt_sources: [{source: 'ppa:a/b'}]", "cloud_init_replaced"),
        ("apt_proxy: http://a", "cloud_init_replaced"),
        ("users: [{name: a, ssh-authorized-keys: [x]}]", "cloud_init_replaced"),
    ],
)
def test_what_would_stop_the_rest_is_refused(text: str, code: str) -> None:
    assert refused(text)[0] == code


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2122:22", "127342"),
        ("010", "8"),
        ("0x1f", "31"),
        ("3.10", "3.1"),
        ("1_000", "1000"),
        ("+5", "5"),
        ("0b11", "3"),
    ],
)
def test_a_number_that_yaml_reads_otherwise_is_told(value: str, read: str) -> None:
    wanted = {"line": 2, "text": value, "read": read}
    for text in (f"\nswap: {{size: {value}}}", f"\npackages: [[nginx, {value}]]"):
        assert refused(text) == ("cloud_init_read_as", wanted)
    assert parse_cloud_init(f"packages: [[nginx, '{value}']]") == {"packages": [["nginx", value]]}


@pytest.mark.parametrize("word", ["no", "yes", "on", "off", "NO"])
def test_yes_and_no_among_texts_are_told(word: str) -> None:
    for text in (f"packages: [{word}]", f"keyboard: {{layout: {word}}}", f"runcmd: [[echo, {word}]]"):
        assert refused(text)[0] == "cloud_init_read_as"
    assert parse_cloud_init("package_update: yes\napt: {preserve_sources_list: no}")["package_update"] is True


def test_keys_that_are_numbers_keep_their_order() -> None:
    config = parse_cloud_init("snap: {commands: {2: b, 1: a, 10: c}}")
    assert config["snap"]["commands"] == {"01": "a", "02": "b", "10": "c"}
    assert list(parse_cloud_init("snap: {commands: {00: a, 01: b}}")["snap"]["commands"]) == ["00", "01"]
    assert refused("snap: {commands: {1: a, 01: b}}")[0] == "cloud_init_twice"


@pytest.mark.parametrize("written", ["0644", "644", "'0644'", "'644'"])
def test_permissions_are_octal_however_they_are_written(written: str) -> None:
    (entry,) = parse_cloud_init(f"write_files: [{{path: /a, permissions: {written}}}]")["write_files"]
    assert int(entry["permissions"], 8) == 0o644


DROP_IN = "write_files: [{path: /etc/ssh/sshd_config.d/a.conf, content: '%s'}]"


@pytest.mark.parametrize(
    "text",
    [
        DROP_IN % "Port 2222",
        DROP_IN % "AllowUsers ada",
        DROP_IN % "DenyUsers student",
        DROP_IN % "PubkeyAuthentication no",
        "runcmd: ['echo \"Port 2222\" >> /etc/ssh/sshd_config']",
        "runcmd: [[sed, -i, 's/^#Port 22/Port 2222/', /etc/ssh/sshd_config]]",
        "bootcmd: ['echo AllowUsers ada > /etc/ssh/sshd_config.d/x.conf']",
    ],
)
def test_settings_of_sshd_that_shut_the_login_out_are_told_and_can_be_kept(text: str) -> None:
    with pytest.raises(UserError, match="cloud_init_sshd"):
        parse_cloud_init(text, "student")
    assert parse_cloud_init(text + "\n# keep sshd\n", "student")


CLOSED = [
    "runcmd: [ufw --force enable]", "runcmd: ['ufw allow 80 && ufw enable']", "runcmd: [systemctl disable --now ssh]",
    "runcmd: [[systemctl, stop, sshd]]", "runcmd: [service ssh stop]", "runcmd: [apt-get purge -y openssh-server]",
    "bootcmd: [iptables -P INPUT DROP]", "runcmd: [userdel -r student]", "runcmd: [passwd -l student]",
    "runcmd: [usermod -L student]", "runcmd: [usermod -s /usr/sbin/nologin student]", "runcmd: [rm -rf /home/student/.ssh]",
    "runcmd: [rm -fr /home]", "runcmd: [poweroff]", "runcmd: [shutdown -h now]", "runcmd: [/sbin/halt -p]", "runcmd: [init 0]",
    "write_files: [{path: /etc/hosts.deny, content: 'sshd: ALL'}]",
    "write_files: [{path: /etc/security/access.conf, content: '-:ALL:ALL'}]",
]  # fmt: skip
OPEN = [
    "runcmd: [ufw allow OpenSSH, ufw --force enable]", "runcmd: [ufw allow 22/tcp, ufw enable]",
    "runcmd: [[ufw, limit, ssh], [ufw, enable]]", "runcmd: [systemctl restart ssh]", "runcmd: [systemctl disable ssh.socket]",
    "runcmd: [iptables -A INPUT -p tcp --dport 22 -j ACCEPT, iptables -P INPUT DROP]", "runcmd: [userdel -r ada]",
    "runcmd: [rm -rf /home/student/tmp]", "runcmd: [shutdown -r +1]", "runcmd: [reboot]", "packages: [ufw, openssh-server]",
    "write_files: [{path: /etc/hosts.deny, content: '# sshd: ALL'}]", "runcmd: [systemctl stop sshguard]",
]  # fmt: skip


@pytest.mark.parametrize("text", CLOSED)
def test_what_closes_the_door_is_told_and_can_be_kept(text: str) -> None:
    with pytest.raises(UserError, match="cloud_init_door"):
        parse_cloud_init(text, "student")
    assert parse_cloud_init(text + "\n# keep sshd\n", "student")


@pytest.mark.parametrize("text", OPEN)
def test_what_leaves_the_door_open(text: str) -> None:
    assert parse_cloud_init(text, "student")


@pytest.mark.parametrize(
    "text",
    [
        "write_files: [{path: /etc/ssh/sshd_config.d/a.conf, encoding: b64, content: QWxsb3dVc2VycyBhZGEK}]",
        "runcmd: ['sed -i s/#Port\\ 22/Port\\ 2222/ /etc/ssh/sshd_config']",
        "runcmd: ['sed -i \"s/^#Port .*/Port 2222/\" /etc/ssh/sshd_config']",
    ],
)
def test_settings_are_seen_through_base64_and_sed(text: str) -> None:
    with pytest.raises(UserError, match="cloud_init_sshd") as refused:
        parse_cloud_init(text, "student")
    assert refused.value.data["setting"] in ("AllowUsers ada", "Port 2222")


@pytest.mark.parametrize(
    "setting",
    ["Port 22", "AllowUsers ada student", "DenyUsers ada", "PasswordAuthentication no", "PermitRootLogin no"],
)
def test_settings_of_sshd_that_do_no_harm(setting: str) -> None:
    assert parse_cloud_init(DROP_IN % setting, "student")


def test_no_password_is_told_to_who_has_one() -> None:
    with pytest.raises(UserError, match="cloud_init_sshd"):
        parse_cloud_init(DROP_IN % "PasswordAuthentication no", "student", by_password=True)


# -- what is refused


@pytest.mark.parametrize(
    ("text", "code", "data"),
    [
        ("packages: [a\nx: y", "cloud_init_yaml", {"line": 2, "column": 2}),
        ("a:\n\t- b", "cloud_init_yaml", {"line": 2, "column": 1}),
        ("packages: []\n---\nruncmd: []", "cloud_init_yaml", {"line": 2, "column": 1}),
        ("x: =", "cloud_init_yaml", {"line": 1, "column": 4}),
        ("<<: 5", "cloud_init_yaml", {"line": 1}),
        ("\n\nfinal_message: a\x07b", "cloud_init_character", {"line": 3}),
        ('final_message: "a\\0b"', "cloud_init_character", {"line": 1}),
        ('\nfinal_message: "\\uD800"', "cloud_init_character", {"line": 2}),
        ('final_message: "a\\Nb"', "cloud_init_character", {"line": 1}),  # PyYAML writes it so that it reads back as \\n
        ('final_message: "\\UFFFFFFFF"', "cloud_init_number", {}),
        ("swap: {size: .nan}", "cloud_init_number", {}),
        ("swap: {size: .inf}", "cloud_init_number", {}),
        ("swap: {size: " + "9" * 5000 + "}", "cloud_init_number", {}),
        ("swap: {size: 0x" + "f" * 5000 + "}", "cloud_init_number", {}),
        ("- a", "cloud_init_mapping", {"found": "list"}),
        ("just words", "cloud_init_mapping", {"found": "text"}),
        ("42", "cloud_init_mapping", {"found": "number"}),
        ("packages: !!python/object/apply:os.system [id]", "cloud_init_tag", {"line": 1}),
        ("\nwrite_files: [{path: /a, content: !!binary aGk=}]", "cloud_init_binary", {"line": 2}),
        ("packages: &p [a]\nruncmd: *p", "cloud_init_alias", {"line": 2}),
        ("[" * 30_000, "cloud_init_deep", {"line": 1}),
        ("packages: " + "[" * 30 + "]" * 30, "cloud_init_deep", {"line": 1}),
        ("- " * 15_000, "cloud_init_deep", {"line": 1}),
        ("packages: [a]\npackages: [b]", "cloud_init_twice", {"key": "packages", "line": 2}),
        ("swap: {on: yes}", "cloud_init_key", {"line": 1}),
        ("swap:\n  1.5: a", "cloud_init_key", {"line": 2}),
        ("? [a]\n: b", "cloud_init_key", {"line": 1}),
        ("x" * 34_001, "cloud_init_long", {"size": 34_001, "limit": MAX_CLOUD_INIT}),
        ("final_message: " + "가" * 14_000, "cloud_init_long", {"limit": MAX_CLOUD_INIT}),
        ('final_message: "' + "\\a" * 16_000 + '"', None, {}),
        ("packages: " + "[" * 20 + "a," * 1000 + "]" * 20, "cloud_init_long", {"limit": MAX_CLOUD_INIT}),
        ("\n #!/bin/sh\necho", "cloud_init_script", {}),
        ("\ufeff#!/bin/sh\necho", "cloud_init_script", {}),
        ("users: [{name: a, uid: yes}]", "cloud_init_kind", {"key": "users.a.uid", "found": "yes_no"}),
        ("## template: jinja\n#cloud-config\n", "cloud_init_template", {}),
        ("##template:jinja\n#cloud-config\n", "cloud_init_template", {}),
        ("#include\nhttps://example.com", "cloud_init_format", {"first": "#include"}),
        ("#include-once\nhttps://x", "cloud_init_format", {}),
        ("#cloud-config-archive\n- a", "cloud_init_format", {}),
        ("#cloud-boothook\necho", "cloud_init_format", {}),
        ("Content-Type: multipart/mixed; boundary=x", "cloud_init_format", {}),
        ("MIME-Version: 1.0", "cloud_init_format", {}),
        ("pakages: [htop]", "cloud_init_unknown", {"key": "pakages", "guess": "packages"}),
        ("run-cmd: [htop]", "cloud_init_unknown", {"key": "run-cmd", "guess": "runcmd"}),
        ("zzzzzz: 1", "cloud_init_unknown", {"key": "zzzzzz", "guess": None}),
        ("packages: nginx", "cloud_init_kind", {"key": "packages", "wanted": "list", "found": "text"}),
        ("packages:", "cloud_init_kind", {"key": "packages", "wanted": "list", "found": "nothing"}),
        ("package_update: 'true'", "cloud_init_kind", {"wanted": "yes_no", "found": "text"}),
        ("timezone: yes", "cloud_init_kind", {"wanted": "text", "found": "yes_no"}),
        ("users: {mina: {}}", "cloud_init_kind", {"key": "users", "wanted": "list", "found": "mapping"}),
        ("runcmd:\n- ls\n- echo a: b", "cloud_init_command", {"key": "runcmd", "number": 2}),
        ("bootcmd: [null]", "cloud_init_command", {"key": "bootcmd", "number": 1}),
        ("write_files: [{path: /a}, {content: x}]", "cloud_init_file", {"number": 2}),
        ("write_files: [text]", "cloud_init_file", {"number": 1}),
        ("write_files: [{path: /home/a/b, content: x}]", "cloud_init_defer", {"path": "/home/a/b"}),
        (f"write_files: [{{path: {boot_script.PATH}, content: x}}]", "cloud_init_path", {"path": boot_script.PATH}),
        ("write_files: [{path: //var/lib/cloud/scripts/x/../per-boot//50-kws-key}]", "cloud_init_path", {}),
        ("power_state: {mode: poweroff}", "cloud_init_power", {"mode": "poweroff"}),
        ("power_state: {}", "cloud_init_power", {"mode": "None"}),
        ("ssh_authorized_keys: ['a\\nb', 5]", "cloud_init_value", {"key": "ssh_authorized_keys"}),
        ("groups: [docker: null]", "cloud_init_value", {"key": "groups"}),
        ("groups: ['a b']", "cloud_init_value", {"key": "groups"}),
        ("hostname: x", "cloud_init_name", {"key": "hostname"}),
        ("ssh_pwauth: true", "cloud_init_access", {"key": "ssh_pwauth"}),
        ("user: {name: x}", "cloud_init_access", {"key": "user"}),
        ("ssh_deletekeys: false", "cloud_init_host_keys", {"key": "ssh_deletekeys"}),
        ("password: x", "cloud_init_secret", {"key": "password"}),
        ("merge_how: x", "cloud_init_machinery", {"key": "merge_how"}),
        ("disk_setup: {}", "cloud_init_disk", {"key": "disk_setup"}),
        ("users: [root]", "cloud_init_user_name", {"name": "root"}),
        ("users: [{name: default}]", "cloud_init_user_name", {"name": "default"}),
        ("users: [{gecos: x}]", "cloud_init_user_nameless", {"number": 1}),
        ("users: [[a, b]]", "cloud_init_user_nameless", {}),
        ("users: ['a, b']", "cloud_init_user_name", {"name": "a, b"}),
        ("users: [a, {name: a}]", "cloud_init_user_name", {"name": "a"}),
        ("users: [{name: a, plain_text_passwd: b}]", "cloud_init_secret", {"key": "users.a.plain_text_passwd"}),
        ("users: [{name: a, passwd: hunter2}]", "cloud_init_secret", {"key": "users.a.passwd"}),
        ("users: [{name: a, plain-text-passwd: b}]", "cloud_init_secret", {"key": "users.a.plain-text-passwd"}),
        ("users: [{name: a, shel: b}]", "cloud_init_unknown", {"key": "users.a.shel", "guess": "shell"}),
        ("users: [{name: a, lock-passwd: no}]", "cloud_init_unknown", {"guess": "lock_passwd"}),
        ("users: [{name: a, ssh_redirect_user: yes}]", "cloud_init_replaced", {"key": "users.a.ssh_redirect_user"}),
        ("users: [{name: a, lock_passwd: 'no'}]", "cloud_init_kind", {"key": "users.a.lock_passwd"}),
        ("users: [{name: a, gecos: 'b:c'}]", "cloud_init_value", {"key": "users.a.gecos"}),
        ("users: [{name: a, groups: [{b: c}]}]", "cloud_init_value", {"key": "users.a.groups"}),
        ("users: [{name: a, system: true, ssh_import_id: ['gh:a']}]", "cloud_init_user_home", {"user": "a"}),
    ],
)  # fmt: skip
def test_refusals(text: str, code: str | None, data: dict[str, Any]) -> None:
    if code is None:  # whatever it is, it must fit in the end
        document(text)
        return
    found = refused(text)
    assert found[0] == code
    assert found[1] | data == found[1]


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_every_refused_key_is_refused_and_never_merged(key: str) -> None:
    assert refused(f"{key}: 1") == (REFUSED[key], {"key": key})
    ours = cloud_init.cloud_config("web01", "student", KEY)
    assert merge(ours, {key: "theirs"}).get(key) == ours.get(key)
    assert key not in KNOWN


@pytest.mark.parametrize(
    "form", ["sudo: ALL=(ALL) NOPASSWD:ALL", "sudo: ['ALL=(ALL:ALL) ALL']", "sudo: null", "uid: 2000"]
)
def test_forms_of_user_fields(form: str) -> None:
    assert "mina" in users(f"users:\n- name: mina\n  {form}\n")


@pytest.mark.parametrize(
    "form", ["docker", "'docker, video'", "[docker]", "[docker: [student]]", "{docker: [student]}"]
)
def test_forms_of_groups(form: str) -> None:
    assert "groups" in document(f"groups: {form}")


# -- what lets in a new key later


def test_the_way_of_a_new_key_is_in_every_server_and_first() -> None:
    ours, theirs = document("write_files: [{path: /etc/motd, content: hi}]")["write_files"]
    assert (ours["path"], ours["permissions"], ours["owner"]) == (boot_script.PATH, "0700", "root:root")
    assert ours["content"] == boot_script.script("student", "kws-web01", KEY)
    assert theirs == {"path": "/etc/motd", "content": "hi"}


def test_nothing_is_written_over_the_way_of_a_new_key() -> None:
    ours = cloud_init.cloud_config("web01", "student", KEY)
    others = [{"path": boot_script.PATH, "content": "#!/bin/sh"}, {"path": "/etc/motd"}]
    assert merge(ours, {"write_files": others})["write_files"] == [
        *ours["write_files"],
        {"path": "/etc/motd"},
    ]


def test_the_largest_of_both_parts_fits() -> None:
    key = "ssh-rsa " + "A" * 2900 + " " + "키" * 100
    ours = user_data("r123456789", "a" * 63, "u" * 64, key)
    assert len(ours.encode()) <= MAX_USER_DATA - MAX_CLOUD_INIT


# -- properties

_words = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=12,
)
_lines = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)
_names = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda name: name not in ("default", "root")
)
_rules = st.sampled_from(["ALL=(ALL) NOPASSWD:ALL", "ALL = (root) /usr/bin/apt", "web01,web02=ALL"])
_user = st.fixed_dictionaries(
    {"name": _names},
    optional={
        "ssh_authorized_keys": st.lists(_lines),
        "groups": st.lists(_names, min_size=1),
        "lock_passwd": st.booleans(),
        "hashed_passwd": st.just(HASH),
        "shell": st.sampled_from(["/bin/sh", "/usr/sbin/nologin"]),
        "sudo": st.none() | _rules | st.lists(_rules),
    },
)
_good = st.fixed_dictionaries(
    {},
    optional={
        "packages": st.lists(_lines | st.lists(_lines)),
        "runcmd": st.lists(_words | st.lists(_words | st.integers())),
        "write_files": st.lists(st.fixed_dictionaries({"path": st.just("/etc/x"), "content": _words})),
        "users": st.lists(
            st.sampled_from(["default", {"name": "student", "groups": "docker"}]) | _user,
            unique_by=lambda u: u if isinstance(u, str) else u["name"],
        ),
        "ssh_authorized_keys": st.lists(_lines),
        "final_message": _words,
        "ntp": st.none() | st.dictionaries(_words, _json, max_size=3),
        "apt": st.dictionaries(_words, _json, max_size=3),
    },
)
_fragments = st.lists(
    st.sampled_from(
        ["packages", "users", "runcmd", "name", "student", ":", " ", "\n", "- ", "  ", "[", "]", "{", "}", "&a ", "*a",
         "!!set ", "'", '"', "|\n", ">", "#", "---\n", "<<", "?", "2001-01-01", "0x1f", "1:2", ".nan", "\\", "\t", "~",
         "\x00", "\ud800", "\x85", "\ufeff", "%YAML 9.9\n", "=", "!", "@", "`"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@given(st.text() | _fragments | _fragments.map(lambda text: "packages: " + text))
def test_any_text_is_taken_or_refused_with_a_reason(text: str) -> None:
    config, code = outcome(text)
    assert code == "" or code.startswith("cloud_init_")
    json.dumps(config, allow_nan=False)
    data = user_data("r1", "web01", "student", KEY, extra=config)
    assert set(yaml.safe_load(data)) >= set(config)


@given(st.dictionaries(st.sampled_from(sorted(KNOWN)) | _words, _json, max_size=5))
def test_any_mapping_is_taken_or_refused_with_a_reason(config: dict[str, Any]) -> None:
    text = yaml.safe_dump(config, allow_unicode=True)
    assume(yaml.safe_load(text) == config)  # PyYAML itself loses a NEL
    parsed, code = outcome(text)
    assert code.startswith("cloud_init_") if code else parsed == config


@given(
    config=_good,
    login=st.sampled_from(["student", "debian"]),
    key=st.none() | st.just(KEY),
    password=st.booleans(),
)
def test_the_owner_gets_in_and_all_of_the_persons_part_is_there(
    config: dict[str, Any], login: str, key: str | None, password: bool
) -> None:
    text = "#cloud-config\n" + json.dumps(config)
    extra, code = outcome(text)
    assume(code != "cloud_init_character")  # NUL, NEL
    assert (extra, code) == (config, "")
    found = document(text, login, public_key=key, password_hash=HASH if password else None)
    first, *others = [user for user in found["users"] if user != "default"]
    assert first["name"] == login and all(user["name"] != login for user in others)
    assert found["users"][0] == (first if others else "default"), "or cloud-init would make the login last"
    assert (first.get("ssh_authorized_keys", [])[:1] == [key]) if key else True
    assert first["lock_passwd"] is not password
    assert first.get("hashed_passwd") == (HASH if password else None)
    assert (first["shell"], found["hostname"]) == ("/bin/bash", "web01")
    assert found["ssh_pwauth"] is password
    keys = config.get("ssh_authorized_keys", [])
    assert set(keys) <= {*found.get("ssh_authorized_keys", []), *first.get("ssh_authorized_keys", [])}
    for name, value in config.items():
        if name not in ("users", "ssh_authorized_keys"):
            assert (found[name][1:] if name == "write_files" else found[name]) == value
    names = {user["name"] for user in others}
    assert names == {user["name"] for user in config.get("users", []) if isinstance(user, dict)} - {login}
    for user in others:
        assert user["primary_group"] in user["groups"], "or nobody makes it"


@given(
    st.dictionaries(
        st.sampled_from(["users", "ssh_pwauth", "chpasswd", "hostname", "packages"]) | _words, _json
    )
)
def test_even_an_unchecked_part_leaves_the_login_alone(theirs: dict[str, Any]) -> None:
    ours = cloud_init.cloud_config("web01", "student", KEY)
    merged = merge(ours, theirs)
    login = next(user for user in merged["users"] if user != "default")
    grown = {"groups", "primary_group", "gecos", "ssh_authorized_keys", "ssh_import_id"}
    assert {k: v for k, v in login.items() if k not in grown} == {
        k: v for k, v in ours["users"][1].items() if k not in grown
    }
    assert login["ssh_authorized_keys"][0] == KEY and "student" in login["groups"]
    assert {key: merged[key] for key in ours if key != "users"} == {
        key: ours[key] for key in ours if key != "users"
    }
    assert merge(ours, {}) == ours


@pytest.mark.parametrize("others", [{}, {"users": ["ada"]}])
def test_a_password_is_unlocked_early_and_the_login_stays_first(others: dict[str, Any]) -> None:
    """``user`` goes before the image's own fields; beside other users cloud-init would make its login last."""
    document = yaml.safe_load(
        cloud_init.user_data("abcdefghjk", "web01", "student", password_hash="$6$a$b", extra=others)
    )
    unlocked = {"name": "student", "lock_passwd": False, "hashed_passwd": "$6$a$b"}
    assert document.get("user") == (None if others else unlocked)
    login = next(user for user in document["users"] if user != "default")
    assert (login["name"], login["lock_passwd"], login["hashed_passwd"]) == ("student", False, "$6$a$b")
