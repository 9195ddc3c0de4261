"""What is said at the fields that people type more than a word into."""

from __future__ import annotations

from bot.text.i18n import N_
from kws_core.errors import ErrorCode

SENTENCES: dict[ErrorCode, str] = {
    ErrorCode.CIDR_MISSING: N_("Give the network a range, such as 192.168.50.0/24."),
    ErrorCode.CIDR_INVALID: N_("{cidr} is no range such as 192.168.50.0/24."),
    ErrorCode.CIDR_IPV6: N_("{cidr} is IPv6; only IPv4 is possible here."),
    ErrorCode.CIDR_HOST_BITS: N_("{cidr} is an address in a network; the network is {right}."),
    ErrorCode.CIDR_PUBLIC: N_("{cidr} is public. Take one of the private ranges: {private}."),
    ErrorCode.CIDR_SPECIAL: N_("{cidr} is reserved ({sort}). Take a private range such as 192.168.50.0/24."),
    ErrorCode.CIDR_PREFIX: N_("{cidr} has the wrong size: from /{widest} to /{narrowest} is possible."),
    ErrorCode.CIDR_OVERLAP: N_("{cidr} overlaps {other}, which is in use."),
    ErrorCode.NETWORK_NAME_MISSING: N_("Give the network a name."),
    ErrorCode.NETWORK_NAME_INVALID: N_(
        "Use lower-case letters (a-z), digits and hyphens; no hyphen at the start or the end."
    ),
    ErrorCode.PORTS_INVALID: N_("{piece} is no port. For example: 80, 8000-8010, 53/udp"),
    ErrorCode.PORTS_NUMBER: N_("{piece}: ports go from {least} to {most}."),
    ErrorCode.PORTS_BACKWARDS: N_("{piece} runs backwards; {right} is meant?"),
    ErrorCode.PORTS_PROTOCOL: N_("{piece}: only {protocols} are possible."),
    ErrorCode.PORTS_FORBIDDEN: N_("Port {port} may not be opened here."),
    ErrorCode.PORTS_MANY: N_("{count} entries are too many; {most} are possible. Use ranges."),
    ErrorCode.COMMAND_QUOTES: N_("A quote is opened and not closed."),
    ErrorCode.COMMAND_CHARACTER: N_("The command has a character that can't be sent."),
    ErrorCode.COMMAND_LONG: N_("The command has {size} bytes; {limit} are possible."),
    ErrorCode.ENVIRONMENT_NO_EQUALS: N_("Line {line} has no = sign: {text}"),
    ErrorCode.ENVIRONMENT_NAME: N_(
        "Line {line}: {name} can't be a name. Write NAME=value, with nothing before it and no spaces in the name."
    ),
    ErrorCode.ENVIRONMENT_TWICE: N_("Line {line}: {name} is there twice."),
    ErrorCode.ENVIRONMENT_MANY: N_("{count} variables are too many; {most} are possible."),
    ErrorCode.ENVIRONMENT_CHARACTER: N_("The environment has a character that can't be sent."),
    ErrorCode.ENVIRONMENT_LONG: N_("The environment has {size} bytes; {limit} are possible."),
    ErrorCode.CONTAINER_IMAGE_INVALID: N_("{image} is no image name. For example: nginx:latest"),
    ErrorCode.IMAGE_NAME_CASE: N_("Image names are lower-case: {right}"),
    ErrorCode.IMAGE_NAME_URL: N_("{image} is a web address. Enter the image name, such as nginx:latest"),
    ErrorCode.IMAGE_NAME_LONG: N_("The image name has {size} characters; {limit} are possible."),
    ErrorCode.CLOUD_INIT_YAML: N_("Line {line}, column {column}: this is not YAML. {problem}"),
    ErrorCode.CLOUD_INIT_MAPPING: N_(
        "A cloud-config is a list of keys with values, such as packages: [nginx]."
    ),
    ErrorCode.CLOUD_INIT_FORMAT: N_("Only a #cloud-config is possible here, not what begins with {first}."),
    ErrorCode.CLOUD_INIT_SCRIPT: N_("This is a script. Put its lines under runcmd: in a cloud-config."),
    ErrorCode.CLOUD_INIT_TEMPLATE: N_("Templates are not possible here. Take the first line away."),
    ErrorCode.CLOUD_INIT_LONG: N_("That makes {size} bytes; {limit} are possible."),
    ErrorCode.CLOUD_INIT_KEY: N_("Line {line}: a key must be text. Put it in quotes."),
    ErrorCode.CLOUD_INIT_TWICE: N_("Line {line}: {key} is there twice."),
    ErrorCode.CLOUD_INIT_UNKNOWN: N_("cloud-init does not know {key}.{guess}"),
    ErrorCode.CLOUD_INIT_KIND: N_("{key} has to be another kind of value ({wanted}, not {found})."),
    ErrorCode.CLOUD_INIT_VALUE: N_("{key} has a value that cloud-init does not take."),
    ErrorCode.CLOUD_INIT_NUMBER: N_("A number is too large, or is none."),
    ErrorCode.CLOUD_INIT_DEEP: N_("Line {line}: this is nested too deeply."),
    ErrorCode.CLOUD_INIT_ALIAS: N_("Line {line}: YAML aliases (*) are not possible here."),
    ErrorCode.CLOUD_INIT_TAG: N_("Line {line}: remove the YAML tag (!). Put text in quotes instead."),
    ErrorCode.CLOUD_INIT_CHARACTER: N_("Line {line} has a character that can't be sent."),
    ErrorCode.CLOUD_INIT_COMMAND: N_(
        "{key}: command {number} must be a line or a list of words. Put it in quotes."
    ),
    ErrorCode.CLOUD_INIT_FILE: N_("write_files: entry {number} has no path."),
    ErrorCode.CLOUD_INIT_DEFER: N_("{path} is in somebody's home, so it needs defer: true."),
    ErrorCode.CLOUD_INIT_PATH: N_("{path} is KWS's own file: a new key comes that way. Choose another path."),
    ErrorCode.CLOUD_INIT_POWER: N_(
        "power_state: {mode} would switch the server off before it is ready; only reboot is possible."
    ),
    ErrorCode.CLOUD_INIT_ACCESS: N_("{key} is decided by how you log in, in the form above."),
    ErrorCode.CLOUD_INIT_NAME: N_("{key} is the name in the form above."),
    ErrorCode.CLOUD_INIT_HOST_KEYS: N_("{key} is KWS's: you are told the server's own host keys."),
    ErrorCode.CLOUD_INIT_SECRET: N_("{key} would keep a secret in plain text. Set it on the server instead."),
    ErrorCode.CLOUD_INIT_DISK: N_(
        "{key} is not possible: the only disk is the one that the server runs from."
    ),
    ErrorCode.CLOUD_INIT_MACHINERY: N_("{key} is cloud-init's own and can't be changed here."),
    ErrorCode.CLOUD_INIT_USER_NAME: N_("{name} can't be a user here: another name, each once."),
    ErrorCode.CLOUD_INIT_USER_HOME: N_("The home of {user} can't be chosen here."),
    ErrorCode.CLOUD_INIT_USER_NAMELESS: N_(
        "users: entry {number} has no name. Add one, or join it to the entry above."
    ),
    ErrorCode.CLOUD_INIT_USER_PATH: N_("{key} needs a full path, such as /bin/bash or /srv/ada."),
    ErrorCode.CLOUD_INIT_USER_DAY: N_("{key} needs a date in quotes, such as '2027-12-31'."),
    ErrorCode.CLOUD_INIT_USER_DAYS: N_("{key} needs a number of days in quotes, such as '30'."),
    ErrorCode.CLOUD_INIT_USER_UID: N_("{key} needs a number from {least} to {most} that no other user has."),
    ErrorCode.CLOUD_INIT_USER_SUDO: N_("{key} needs whole rules, such as ALL=(ALL) NOPASSWD:ALL."),
    ErrorCode.CLOUD_INIT_USER_FIELD: N_("Remove {key}. With it, the server may not create the user."),
    ErrorCode.CLOUD_INIT_USER_LOGIN: N_("Remove {key}. KWS sets it, because {login} is your login."),
    ErrorCode.CLOUD_INIT_ACCOUNT_FILE: N_("{path} decides who can log in. Use users: and groups: instead."),
    ErrorCode.CLOUD_INIT_READ_AS: N_("Line {line}: YAML reads {text} as {read}. Put it in quotes: '{text}'"),
    ErrorCode.CLOUD_INIT_BINARY: N_(
        "Line {line}: remove !!binary. Keep the text and add encoding: b64 beside it."
    ),
    ErrorCode.CLOUD_INIT_REPLACED: N_("{key} isn't supported. Use {right} instead."),
    ErrorCode.CLOUD_INIT_OWNER: N_("write_files: the owner of {path} must be a name, such as root:root."),
    ErrorCode.CLOUD_INIT_CONTENT: N_("write_files: the content of {path} must be text. Put it in quotes."),
    ErrorCode.CLOUD_INIT_SSHD: N_(
        "{setting} in sshd's settings can break the ssh command KWS shows. To keep it, add this line: # keep sshd"
    ),
    ErrorCode.CLOUD_INIT_DOOR: N_(
        "{what} can lock you out. Remove it, or allow SSH before it (ufw allow OpenSSH). To keep it, add this line: # keep sshd"
    ),
    ErrorCode.COMMAND_SHELL: N_(
        "{sign} needs a shell. Select “Run the command with sh -c”, or write: {right}"
    ),
    ErrorCode.COMMAND_JSON: N_('This list isn\'t JSON. Write words in double quotes, such as ["php", "-S"].'),
    ErrorCode.IMAGE_NAME_DIGEST: N_(
        "Remove {digest}…: nodes would ignore the digest and run the latest image. Use a tag: {right}"
    ),
    ErrorCode.IMAGE_NAME_COMMAND: N_("Enter only the image name: {right}"),
    ErrorCode.ENVIRONMENT_QUOTES: N_(
        "Line {line}: the quotes around {name} would be part of it. Remove them."
    ),
    ErrorCode.KEY_PUTTY: N_(
        'This is PuTTY\'s format. In PuTTYgen, copy the box "Public key for pasting into OpenSSH authorized_keys file".'
    ),
    ErrorCode.PORTS_RANGE: N_("Do you mean {dash} or {comma}? Write one of them."),
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
    "mapping values are not allowed": N_("A key stands where none can be: check the indentation."),
    "block sequence entries are not allowed": N_(
        "A list entry stands where none can be: check the indentation."
    ),
    "could not find expected ':'": N_("A colon is missing after a key."),
    "expected <block end>": N_("The indentation does not fit the lines above."),
    "found character": N_("A tab or a special sign stands there: indent with spaces, or use quotes."),
    "found unexpected end of stream": N_("A quote or bracket is opened and not closed."),
    "expected ','": N_("A comma or a closing bracket is missing."),
    "found unknown escape character": N_("A backslash in double quotes: use single quotes."),
}
YAML_OTHER = N_("Check the indentation, colons and quotes.")


def yaml_problem(problem: str) -> str:
    """A message instead of PyYAML's own words, which need knowledge of its parts."""
    return next((said for start, said in YAML_PROBLEMS.items() if problem.startswith(start)), YAML_OTHER)
