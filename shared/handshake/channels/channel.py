"""Channels: where people of a tenant, or of all, are told of what happens (contract.md section 14).

Operators register them, and nothing in a request can name an address.
"""

import ipaddress
import string
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final
from urllib.parse import SplitResult, urlsplit

from handshake.notifications.event import Event, Kind

MAX_CHANNELS: Final = 200
MAX_ID_LENGTH: Final = 40
MAX_URL_LENGTH: Final = 2000
_ID_CHARACTERS: Final = frozenset(string.ascii_lowercase + string.digits + "-")
_URL_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "-._~:/?[]@!$&'()*+,;=%")
SLACK_HOSTS: Final = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})


class ChannelKind(StrEnum):
    """The kinds of channel, each with a queue of its own."""

    TOPIC = auto()
    SLACK = auto()
    WEBHOOK = auto()


@dataclass(frozen=True)
class Channel:
    """One channel. ``tenant_id`` is whose events it tells, None for all; ``address`` is the ARN of a topic.

    Of the others ``address`` is the host that may be called, with its port where it has one: the URL, which may itself
    be what lets somebody in, is a secret.
    """

    channel_id: str
    kind: ChannelKind
    tenant_id: str | None
    address: str
    added_at_ms: int
    added_by: str

    def hears(self, event: Event) -> bool:
        """Say whether the channel tells ``event``. That somebody executes what was allowed is for machines."""
        if self.tenant_id is not None and event.about.get("tenantId") != self.tenant_id:
            return False
        return self.kind is ChannelKind.WEBHOOK or event.kind is not Kind.GRANT_CLAIMED


def named(channels: Sequence[Channel], channel_id: str) -> Channel | None:
    """Give the channel of this id, if there is one."""
    return next((channel for channel in channels if channel.channel_id == channel_id), None)


def id_fault(channel_id: str) -> str | None:
    """Say what keeps a text from being a channel's id, or None for one."""
    if 1 <= len(channel_id) <= MAX_ID_LENGTH and _ID_CHARACTERS.issuperset(channel_id):
        return None
    return f"is not 1 to {MAX_ID_LENGTH} characters of a-z 0-9 -"


def topic_fault(arn: str, *, prefix: str) -> str | None:
    """Say what keeps ``arn`` from being a topic that the stack may publish to, or None for one."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sns" or not parts[5].startswith(prefix):
        return f"is not the ARN of a topic whose name begins with {prefix}"
    return None


def url_fault(url: str, kind: ChannelKind, *, local: bool) -> str | None:
    """Say what keeps ``url`` from being called for a channel of ``kind``, or None where nothing does.

    In the environment ``local`` an address of this machine may be called too, without TLS.
    """
    if len(url) > MAX_URL_LENGTH or not _URL_CHARACTERS.issuperset(url):
        return f"is not a URL of at most {MAX_URL_LENGTH} ASCII characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if not host or parts.username is not None or parts.password is not None:
        return "names no host, or a user"
    at_home = local and is_loopback(host)
    if parts.scheme != "https" and not (at_home and parts.scheme == "http"):
        return "is not https"
    if kind is ChannelKind.SLACK and host not in SLACK_HOSTS and not at_home:
        return f"is not at {' or '.join(sorted(SLACK_HOSTS))}"
    return None


def host_of(url: str) -> str:
    """Give the host of a URL as a channel's address has it, with the port where it names one."""
    return _host(urlsplit(url))


def is_loopback(host: str) -> bool:
    """Say whether ``host`` is an address of this machine, written out: no name can become one."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    shown = f"[{host}]" if ":" in host else host
    return shown if parts.port is None else f"{shown}:{parts.port}"
