"""Every error that KWS itself raises; who is told is decided by the class.

``UserError``: the person did or asked something that can't be done; shown in their language.
``NodeError``: an OpenStack node did not do what was asked; never shown raw, decides retry or move on.
Anything else is a bug: logged with a reference id that the person is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class KwsError(Exception):
    """Something that KWS knows about went wrong."""


class ConfigError(KwsError):
    """nodes.toml or the environment is wrong. ``problems`` lists every mistake as ``path: what``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StoreDown(KwsError):
    """The database can't be reached or written."""


class ListenError(KwsError):
    """The address that was to be served can't be."""


class ErrorCode(StrEnum):
    """What a UserError says: each code has one sentence (bot/text/)."""

    FORM = "form"  # several fields: see FormError
    NAME_MISSING = "name_missing"
    NAME_INVALID = "name_invalid"
    NAME_TAKEN = "name_taken"
    IMAGE_MISSING = "image_missing"
    IMAGE_UNKNOWN = "image_unknown"
    SIZE_MISSING = "size_missing"
    SIZE_SMALL = "size_small"
    SIZE_LARGE = "size_large"
    FIGURE_LARGE = "figure_large"
    QUOTA_RENTALS = "quota_rentals"
    QUOTA_VCPUS = "quota_vcpus"
    QUOTA_RAM_MB = "quota_ram_mb"
    END_NOT_LATER = "end_not_later"
    TOO_LATE_TO_EXTEND = "too_late_to_extend"
    NOT_STOPPED = "not_stopped"
    EXTEND_WORDS = "extend_words"
    NODE_MISSED = "node_missed"
    NODES_WORDS = "nodes_words"
    DRAIN_DAY_MISSING = "drain_day_missing"
    MONTH_WORDS = "month_words"
    END_FAR = "end_far"
    NOTE_MISSING = "note_missing"
    NO_MEMBER = "no_member"
    ADMINS_ONLY = "admins_only"
    END_MISSING = "end_missing"
    END_PAST = "end_past"
    END_LATE = "end_late"
    KEY_IS_PRIVATE = "key_is_private"
    KEY_INVALID = "key_invalid"
    KEY_TOO_SHORT = "key_too_short"
    KEY_SAVED_ALREADY = "key_saved_already"
    KEY_NAME_TAKEN = "key_name_taken"
    KEY_NAME_LONG = "key_name_long"
    KEYS_FULL = "keys_full"
    KEYS_WORDS = "keys_words"
    SAVED_KEY_GONE = "saved_key_gone"
    SAVED_KEY_UNKNOWN = "saved_key_unknown"
    PASSWORD_SHORT = "password_short"
    PASSWORD_LONG = "password_long"
    PASSWORD_CHARACTERS = "password_characters"
    PASSWORD_BLANK_END = "password_blank_end"
    PASSWORD_HAS_NAME = "password_has_name"
    PASSWORD_SIMPLE = "password_simple"
    NO_NODE = "no_node"
    NO_ROOM = "no_room"
    NOT_FREE = "not_free"
    STARTS_LATE = "starts_late"
    PROMISED = "promised"
    RENTAL_UNKNOWN = "rental_unknown"
    RENTAL_GONE = "rental_gone"
    GUEST = "guest"
    STRANGER = "stranger"
    FORM_STALE = "form_stale"
    BUTTON_STALE = "button_stale"
    SLACK_SILENT = "slack_silent"
    KIND_UNKNOWN = "kind_unknown"
    KEY_MISSING = "key_missing"
    PASSWORD_MISSING = "password_missing"
    NODE_UNKNOWN = "node_unknown"
    NODE_ADMINS = "node_admins"
    ASK_REASON = "ask_reason"
    ASK_LONG = "ask_long"
    ASKS_FULL = "asks_full"
    ASK_OPEN = "ask_open"
    ASK_DECIDED = "ask_decided"
    ASK_OVER = "ask_over"
    ASK_OWNER_LEFT = "ask_owner_left"
    ASK_NOT_LESS = "ask_not_less"
    ASK_NOT_FREE = "ask_not_free"
    ASK_UNDECIDED = "ask_undecided"
    NETWORK_GONE = "network_gone"
    NETWORK_TAKEN = "network_taken"
    NUMBER_RANGE = "number_range"
    WORD_NEAR = "word_near"
    WORD_UNKNOWN = "word_unknown"
    NOT_READY = "not_ready"
    CONTAINER_KEY = "container_key"
    FOREIGN_KEY = "foreign_key"
    NODE_SILENT = "node_silent"
    WEB_OFF = "web_off"
    WEB_NAME_INVALID = "web_name_invalid"
    WEB_NAME_PUNYCODE = "web_name_punycode"
    WEB_NAME_RESERVED = "web_name_reserved"
    WEB_NAME_TAKEN = "web_name_taken"
    WEB_NAME_KEPT = "web_name_kept"
    WEB_NAME_OWN = "web_name_own"
    WEB_EVERYBODY = "web_everybody"
    WEB_TAKEN_OFF = "web_taken_off"
    WEB_NONE = "web_none"
    CONSOLE_OFF = "console_off"
    NO_CONSOLE = "no_console"
    CIDR_MISSING = "cidr_missing"
    CIDR_INVALID = "cidr_invalid"
    CIDR_IPV6 = "cidr_ipv6"
    CIDR_HOST_BITS = "cidr_host_bits"
    CIDR_PUBLIC = "cidr_public"
    CIDR_SPECIAL = "cidr_special"
    CIDR_PREFIX = "cidr_prefix"
    CIDR_OVERLAP = "cidr_overlap"
    NETWORK_NAME_MISSING = "network_name_missing"
    NETWORK_NAME_INVALID = "network_name_invalid"
    PORTS_INVALID = "ports_invalid"
    PORTS_NUMBER = "ports_number"
    PORTS_BACKWARDS = "ports_backwards"
    PORTS_PROTOCOL = "ports_protocol"
    PORTS_FORBIDDEN = "ports_forbidden"
    PORTS_MANY = "ports_many"
    COMMAND_QUOTES = "command_quotes"
    COMMAND_CHARACTER = "command_character"
    COMMAND_LONG = "command_long"
    ENVIRONMENT_NO_EQUALS = "environment_no_equals"
    ENVIRONMENT_NAME = "environment_name"
    ENVIRONMENT_TWICE = "environment_twice"
    ENVIRONMENT_MANY = "environment_many"
    ENVIRONMENT_CHARACTER = "environment_character"
    ENVIRONMENT_LONG = "environment_long"
    COMMAND_SHELL = "command_shell"
    COMMAND_JSON = "command_json"
    IMAGE_NAME_DIGEST = "image_name_digest"
    IMAGE_NAME_COMMAND = "image_name_command"
    ENVIRONMENT_QUOTES = "environment_quotes"
    KEY_PUTTY = "key_putty"
    PORTS_RANGE = "ports_range"
    IMAGE_NAME_INVALID = "image_name_invalid"
    IMAGE_NAME_CASE = "image_name_case"
    IMAGE_NAME_URL = "image_name_url"
    IMAGE_NAME_LONG = "image_name_long"
    CLOUD_INIT_YAML = "cloud_init_yaml"
    CLOUD_INIT_MAPPING = "cloud_init_mapping"
    CLOUD_INIT_FORMAT = "cloud_init_format"
    CLOUD_INIT_SCRIPT = "cloud_init_script"
    CLOUD_INIT_TEMPLATE = "cloud_init_template"
    CLOUD_INIT_LONG = "cloud_init_long"
    CLOUD_INIT_KEY = "cloud_init_key"
    CLOUD_INIT_TWICE = "cloud_init_twice"
    CLOUD_INIT_UNKNOWN = "cloud_init_unknown"
    CLOUD_INIT_KIND = "cloud_init_kind"
    CLOUD_INIT_VALUE = "cloud_init_value"
    CLOUD_INIT_NUMBER = "cloud_init_number"
    CLOUD_INIT_DEEP = "cloud_init_deep"
    CLOUD_INIT_ALIAS = "cloud_init_alias"
    CLOUD_INIT_TAG = "cloud_init_tag"
    CLOUD_INIT_CHARACTER = "cloud_init_character"
    CLOUD_INIT_COMMAND = "cloud_init_command"
    CLOUD_INIT_FILE = "cloud_init_file"
    CLOUD_INIT_DEFER = "cloud_init_defer"
    CLOUD_INIT_PATH = "cloud_init_path"
    CLOUD_INIT_POWER = "cloud_init_power"
    CLOUD_INIT_ACCESS = "cloud_init_access"
    CLOUD_INIT_NAME = "cloud_init_name"
    CLOUD_INIT_HOST_KEYS = "cloud_init_host_keys"
    CLOUD_INIT_SECRET = "cloud_init_secret"
    CLOUD_INIT_DISK = "cloud_init_disk"
    CLOUD_INIT_MACHINERY = "cloud_init_machinery"
    CLOUD_INIT_USER_NAME = "cloud_init_user_name"
    CLOUD_INIT_USER_HOME = "cloud_init_user_home"
    CLOUD_INIT_USER_NAMELESS = "cloud_init_user_nameless"
    CLOUD_INIT_USER_PATH = "cloud_init_user_path"
    CLOUD_INIT_USER_DAY = "cloud_init_user_day"
    CLOUD_INIT_USER_DAYS = "cloud_init_user_days"
    CLOUD_INIT_USER_UID = "cloud_init_user_uid"
    CLOUD_INIT_USER_SUDO = "cloud_init_user_sudo"
    CLOUD_INIT_USER_FIELD = "cloud_init_user_field"
    CLOUD_INIT_USER_LOGIN = "cloud_init_user_login"
    CLOUD_INIT_ACCOUNT_FILE = "cloud_init_account_file"
    CLOUD_INIT_READ_AS = "cloud_init_read_as"
    CLOUD_INIT_BINARY = "cloud_init_binary"
    CLOUD_INIT_REPLACED = "cloud_init_replaced"
    CLOUD_INIT_OWNER = "cloud_init_owner"
    CLOUD_INIT_CONTENT = "cloud_init_content"
    CLOUD_INIT_SSHD = "cloud_init_sshd"
    CLOUD_INIT_DOOR = "cloud_init_door"
    IMAGE_EMPTY = "image_empty"
    IMAGE_NO_DISK = "image_no_disk"
    IMAGE_PACKED = "image_packed"
    IMAGE_ISO = "image_iso"
    IMAGE_VHD = "image_vhd"
    IMAGE_REFERS = "image_refers"
    IMAGE_UNSAFE = "image_unsafe"
    IMAGE_LARGE = "image_large"
    IMAGE_NO_ROOM = "image_no_room"
    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_NAME_TAKEN = "image_name_taken"
    IMAGE_TITLE_INVALID = "image_title_invalid"
    IMAGE_LOGIN_INVALID = "image_login_invalid"
    IMAGE_NOT_THERE = "image_not_there"
    IMAGE_IN_USE = "image_in_use"
    IMAGE_PROTECTED = "image_protected"
    IMAGE_IS_PART = "image_is_part"
    IMAGE_NOT_ON_NODE = "image_not_on_node"
    IMAGE_LOGIN_UNKNOWN = "image_login_unknown"
    IMAGE_SYNC_RUNNING = "image_sync_running"
    IMAGES_STOPPED = "images_stopped"
    IMAGES_WORDS = "images_words"
    NOTHING_CHANGED = "nothing_changed"
    URL_INVALID = "url_invalid"
    URL_SCHEME = "url_scheme"
    URL_PASSWORD = "url_password"
    URL_UNKNOWN_HOST = "url_unknown_host"
    URL_FORBIDDEN = "url_forbidden"
    URL_NODE = "url_node"
    URL_REFUSED = "url_refused"
    URL_REDIRECTS = "url_redirects"
    URL_BROKEN = "url_broken"
    CONTAINER_IMAGE_INVALID = "container_image_invalid"
    RESET_UNDER_WAY = "reset_under_way"
    RESET_NAME = "reset_name"
    RESET_STALE = "reset_stale"
    RESET_NO_IMAGE = "reset_no_image"
    COPIES_OFF = "copies_off"
    COPIES_FULL = "copies_full"
    COPY_CONTAINER = "copy_container"
    COPY_UNDER_WAY = "copy_under_way"
    COPY_NO_ROOM = "copy_no_room"
    COPY_GONE = "copy_gone"
    COPY_IN_USE = "copy_in_use"
    COPY_NOT_KEPT = "copy_not_kept"
    BUSY = "busy"
    MOVING = "moving"
    RESIZING = "resizing"
    MOVE_CONTAINER = "move_container"
    MOVE_FOREIGN = "move_foreign"
    MOVE_NETWORK = "move_network"
    MOVE_NO_ROOM = "move_no_room"
    DISK_SHRINKS = "disk_shrinks"
    SIZE_SAME = "size_same"
    NODE_RESPONDS = "node_responds"


BEYOND_POLICY = frozenset(  # what an admin may allow all the same
    {
        ErrorCode.QUOTA_RENTALS,
        ErrorCode.QUOTA_VCPUS,
        ErrorCode.QUOTA_RAM_MB,
        ErrorCode.END_LATE,
        ErrorCode.PORTS_FORBIDDEN,
        ErrorCode.NODE_ADMINS,
    }
)


class UserError(KwsError):
    """Refused for a reason that the person can understand and act on.

    ``code`` names the sentence, ``data`` fills its blanks.
    """

    def __init__(self, code: ErrorCode, **data: object) -> None:
        super().__init__(f"{code} {data}" if data else code)
        self.code = code
        self.data = data


class FormError(UserError):
    """Some fields of a form are wrong: ``fields`` maps field name to the error at it."""

    def __init__(self, fields: Mapping[str, UserError]) -> None:
        super().__init__(ErrorCode.FORM)
        self.fields = dict(fields)

    @property
    def askable(self) -> bool:
        """Whether it is only the policy that forbids it."""
        return all(error.code in BEYOND_POLICY for error in self.fields.values())


class NodeError(KwsError):
    """A node did not do what it was asked. ``reason`` is one of :class:`Refusal`."""

    def __init__(self, node: str, reason: str, detail: str = "") -> None:
        super().__init__(f"{node}: {reason}: {detail}" if detail else f"{node}: {reason}")
        self.node = node
        self.reason = reason
        self.detail = detail


class NodeDown(NodeError):
    """No answer, a timeout or a 5xx: what was asked may or may not have happened. Look before asking again."""


class NodeRefused(NodeError):
    """A clear no (quota, no valid host, bad request, forbidden): asking this node again won't help now."""


class Refusal(StrEnum):
    """Why a node did not do it (``NodeError.reason``)."""

    DOWN = "down"  # no answer, timeout, 5xx
    AUTH = "auth"  # 401/403 for our credentials
    QUOTA = "quota"  # 403/413 over a project quota
    NO_HOST = "no_host"  # the scheduler found no place
    NO_ADDRESS = "no_address"  # no floating IP left
    NO_IMAGE = "no_image"  # the image is not on this node
    MISSING = "missing"  # network, router or flavor named in nodes.toml is not there
    INVALID = "invalid"  # 400: the node does not accept the request
    FAILED = "failed"  # the machine went to ERROR
    OFF = "off"  # the machine is stopped, and shows nothing
    NO_CONSOLE = "no_console"  # the node keeps no console of its servers


NO_ROOM = frozenset({Refusal.QUOTA, Refusal.NO_HOST, Refusal.NO_ADDRESS})  # it may have some later
