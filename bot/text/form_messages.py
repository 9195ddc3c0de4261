"""What is said at the fields that people type more than a word into."""

from __future__ import annotations

from bot.text.i18n import N_, P_, Message
from kws_core.errors import ErrorCode

SENTENCES: dict[ErrorCode, Message] = {
    ErrorCode.CIDR_MISSING: N_("Enter a CIDR range, such as 192.168.50.0/24."),
    ErrorCode.CIDR_INVALID: N_("{cidr} isn't a CIDR range. Try 192.168.50.0/24."),
    ErrorCode.CIDR_IPV6: N_("{cidr} is an IPv6 range. Enter an IPv4 range."),
    ErrorCode.CIDR_HOST_BITS: N_("{cidr} is an address inside a network. Enter the network: {right}"),
    ErrorCode.CIDR_PUBLIC: N_("{cidr} is a public range. Choose one of the private ranges: {private}."),
    ErrorCode.CIDR_SPECIAL: N_(
        "{cidr} is reserved ({sort}). Choose a private range, such as 192.168.50.0/24."
    ),
    ErrorCode.CIDR_PREFIX: N_(
        "{cidr} is too large or too small. Choose a prefix from /{widest} to /{narrowest}."
    ),
    ErrorCode.CIDR_OVERLAP: N_("{cidr} overlaps {other}, which is in use. Choose another range."),
    ErrorCode.NETWORK_NAME_MISSING: N_("Enter a network name."),
    ErrorCode.NETWORK_NAME_INVALID: N_(
        "Use lowercase letters (a-z), digits, and hyphens. Start and end with a letter or digit."
    ),
    ErrorCode.PORTS_INVALID: N_("Invalid port: {piece}. Try 80, 8000-8010, or 53/udp."),
    ErrorCode.PORTS_NUMBER: N_("Invalid port: {piece}. Choose a port from {least} to {most}."),
    ErrorCode.PORTS_BACKWARDS: N_("{piece} is reversed. Did you mean {right}?"),
    ErrorCode.PORTS_PROTOCOL: N_("Invalid protocol: {piece}. Use {protocols}."),
    ErrorCode.PORTS_FORBIDDEN: N_("You can't open port {port} here. Choose another one."),
    ErrorCode.PORTS_MANY: P_(
        "Enter up to {most} port or range.", "Enter up to {most} ports or ranges.", "most"
    ),
    ErrorCode.COMMAND_QUOTES: N_("Close the quotation mark."),
    ErrorCode.COMMAND_CHARACTER: N_("Remove the unsupported character from the command."),
    ErrorCode.COMMAND_LONG: N_("The command is {size} bytes. Shorten it to {limit} bytes."),
    ErrorCode.ENVIRONMENT_NO_EQUALS: N_("Line {line}: add an = sign: {text}"),
    ErrorCode.ENVIRONMENT_NAME: N_(
        "Line {line}: invalid name {name}. Write NAME=value without spaces in the name."
    ),
    ErrorCode.ENVIRONMENT_TWICE: N_("Line {line}: duplicate {name}."),
    ErrorCode.ENVIRONMENT_MANY: P_("Enter up to {most} variable.", "Enter up to {most} variables.", "most"),
    ErrorCode.ENVIRONMENT_CHARACTER: N_("Remove the unsupported character from the environment."),
    ErrorCode.ENVIRONMENT_LONG: N_("The environment is {size} bytes. Shorten it to {limit} bytes."),
    ErrorCode.CONTAINER_IMAGE_INVALID: N_("{image} isn't an image name. Try nginx:latest."),
    ErrorCode.IMAGE_NAME_CASE: N_("Use lowercase letters in image names: {right}"),
    ErrorCode.IMAGE_NAME_URL: N_("{image} is a web address. Enter an image name, such as nginx:latest."),
    ErrorCode.IMAGE_NAME_LONG: N_("The image name has {size} characters. Shorten it to {limit}."),
    ErrorCode.CLOUD_INIT_YAML: N_("Line {line}, column {column}: invalid YAML. {problem}"),
    ErrorCode.CLOUD_INIT_MAPPING: N_("Write a cloud-config as keys with values, such as packages: [nginx]."),
    ErrorCode.CLOUD_INIT_FORMAT: N_("Enter a #cloud-config. Text that starts with {first} isn't supported."),
    ErrorCode.CLOUD_INIT_SCRIPT: N_("This is a script. Put its lines under runcmd: in a cloud-config."),
    ErrorCode.CLOUD_INIT_TEMPLATE: N_("Remove the first line. Templates aren't supported."),
    ErrorCode.CLOUD_INIT_LONG: N_("The cloud-config is {size} bytes. Shorten it to {limit} bytes."),
    ErrorCode.CLOUD_INIT_KEY: N_("Line {line}: keys must be strings. Put the key in quotes."),
    ErrorCode.CLOUD_INIT_TWICE: N_("Line {line}: duplicate {key}."),
    ErrorCode.CLOUD_INIT_UNKNOWN: N_("cloud-init doesn't support {key}.{guess}"),
    ErrorCode.CLOUD_INIT_KIND: N_("{key} has the wrong type. Expected {wanted}, found {found}."),
    ErrorCode.CLOUD_INIT_VALUE: N_("cloud-init doesn't accept this value of {key}. Change it."),
    ErrorCode.CLOUD_INIT_NUMBER: N_("A value is too large or isn't a number. Change it."),
    ErrorCode.CLOUD_INIT_DEEP: N_("Line {line}: too many nested levels."),
    ErrorCode.CLOUD_INIT_ALIAS: N_("Line {line}: remove the YAML alias (*). Aliases aren't supported."),
    ErrorCode.CLOUD_INIT_TAG: N_("Line {line}: remove the YAML tag (!). Put text in quotes instead."),
    ErrorCode.CLOUD_INIT_CHARACTER: N_("Line {line}: remove the unsupported character."),
    ErrorCode.CLOUD_INIT_COMMAND: N_(
        "{key}: write command {number} as a line or a list of words, in quotes."
    ),
    ErrorCode.CLOUD_INIT_FILE: N_("write_files: add a path to entry {number}."),
    ErrorCode.CLOUD_INIT_DEFER: N_("{path} is in a home directory. Add defer: true."),
    ErrorCode.CLOUD_INIT_PATH: N_("KWS uses {path} to install new keys. Choose another path."),
    ErrorCode.CLOUD_INIT_POWER: N_(
        "power_state: {mode} would power off the server during setup. Use reboot."
    ),
    ErrorCode.CLOUD_INIT_ACCESS: N_("Remove {key}. Choose your login method in the form above."),
    ErrorCode.CLOUD_INIT_NAME: N_("Remove {key}. Set the name in the form above."),
    ErrorCode.CLOUD_INIT_HOST_KEYS: N_("Remove {key}. KWS manages the host keys and shows them to you."),
    ErrorCode.CLOUD_INIT_SECRET: N_("Don't put secrets in {key}. Set them on the server."),
    ErrorCode.CLOUD_INIT_DISK: N_("Remove {key}. The server's only disk is its boot disk."),
    ErrorCode.CLOUD_INIT_MACHINERY: N_("Remove {key}. You can't change cloud-init's own settings here."),
    ErrorCode.CLOUD_INIT_USER_NAME: N_(
        "You can't create the user {name}. Use another name, and use each name once."
    ),
    ErrorCode.CLOUD_INIT_USER_HOME: N_("You can't choose the home directory of {user} here. Remove it."),
    ErrorCode.CLOUD_INIT_USER_NAMELESS: N_(
        "users: add a name to entry {number}, or merge it with the entry above."
    ),
    ErrorCode.CLOUD_INIT_USER_PATH: N_("{key}: enter a full path, such as /bin/bash or /srv/ada."),
    ErrorCode.CLOUD_INIT_USER_DAY: N_("{key}: enter a date in quotes, such as '2027-12-31'."),
    ErrorCode.CLOUD_INIT_USER_DAYS: N_("{key}: enter the number of days in quotes, such as '30'."),
    ErrorCode.CLOUD_INIT_USER_UID: N_("{key}: enter a number from {least} to {most} that no other user has."),
    ErrorCode.CLOUD_INIT_USER_SUDO: N_("{key}: enter complete rules, such as ALL=(ALL) NOPASSWD:ALL."),
    ErrorCode.CLOUD_INIT_USER_FIELD: N_("Remove {key}. It can stop cloud-init from creating the user."),
    ErrorCode.CLOUD_INIT_USER_LOGIN: N_("Remove {key}. KWS sets it because you log in as {login}."),
    ErrorCode.CLOUD_INIT_ACCOUNT_FILE: N_("{path} controls who can log in. Use users: and groups: instead."),
    ErrorCode.CLOUD_INIT_READ_AS: N_("Line {line}: YAML reads {text} as {read}. Put it in quotes: '{text}'"),
    ErrorCode.CLOUD_INIT_BINARY: N_(
        "Line {line}: remove !!binary. Keep the text, and add encoding: b64 next to it."
    ),
    ErrorCode.CLOUD_INIT_REPLACED: N_("{key} isn't supported. Use {right} instead."),
    ErrorCode.CLOUD_INIT_OWNER: N_("write_files: the owner of {path} must be a name, such as root:root."),
    ErrorCode.CLOUD_INIT_CONTENT: N_("write_files: put the content of {path} in quotes."),
    ErrorCode.CLOUD_INIT_SSHD: N_(
        "The sshd setting {setting} can break the SSH command KWS shows. To keep it, add this line: # keep sshd"
    ),
    ErrorCode.CLOUD_INIT_DOOR: N_(
        "{what} can lock you out. Remove it, or allow SSH first (ufw allow OpenSSH). To keep it, add this line: # keep sshd"
    ),
    ErrorCode.COMMAND_SHELL: N_(
        "{sign} needs a shell. Select “Run the command with sh -c”, or write: {right}"
    ),
    ErrorCode.COMMAND_JSON: N_('This isn\'t a JSON list. Put words in double quotes, such as ["php", "-S"].'),
    ErrorCode.IMAGE_NAME_DIGEST: N_(
        "Remove {digest}…. Nodes would ignore the digest and run the latest image. Use a tag: {right}"
    ),
    ErrorCode.IMAGE_NAME_COMMAND: N_("Enter only the image name: {right}"),
    ErrorCode.ENVIRONMENT_QUOTES: N_(
        "Line {line}: remove the quotation marks around {name}. They would become part of the value."
    ),
    ErrorCode.KEY_PUTTY: N_(
        "This is a PuTTY key. In PuTTYgen, copy the box “Public key for pasting into OpenSSH authorized_keys file”."
    ),
    ErrorCode.PORTS_RANGE: N_("Did you mean {dash} or {comma}? Enter one of them."),
}


VALUE_KINDS = {  # what a value of a cloud-config can be
    "list": N_("a list"),
    "mapping": N_("keys with values"),
    "text": N_("text"),
    "yes_no": N_("true or false"),
    "number": N_("a number"),
    "nothing": N_("an empty value"),
}
YAML_PROBLEMS = {  # PyYAML's words, as far as they are always the same
    "mapping values are not allowed": N_("Check the indentation. A key can't be here."),
    "block sequence entries are not allowed": N_("Check the indentation. A list entry can't be here."),
    "could not find expected ':'": N_("Add a colon after the key."),
    "expected <block end>": N_("Check the indentation. It doesn't match the lines above."),
    "found character": N_("There's a tab or special character. Indent with spaces, or use quotes."),
    "found unexpected end of stream": N_("Close the quotation mark or bracket."),
    "expected ','": N_("Add the missing comma or closing bracket."),
    "found unknown escape character": N_("There's a backslash in double quotes. Use single quotes."),
}
YAML_OTHER = N_("Check the indentation, colons, and quotation marks.")


def yaml_problem(problem: str) -> str:
    """A message instead of PyYAML's own words, which need knowledge of its parts."""
    return next((said for start, said in YAML_PROBLEMS.items() if problem.startswith(start)), YAML_OTHER)
