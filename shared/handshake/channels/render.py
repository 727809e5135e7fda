"""Gives a message the form that each kind of channel takes."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from standardwebhooks import Webhook

from handshake.channels.message import Message

MAX_SUBJECT: Final = 100
_MAX_SLACK_TEXT: Final = 2900
_MAX_HEADER: Final = 150
_MAX_SMS: Final = 1500


def subject(message: Message) -> str:
    """Give the subject of a mail: at most 100 ASCII characters that SNS takes."""
    return message.title.encode("ascii", "replace").decode()[:MAX_SUBJECT]


def topic_text(message: Message) -> str:
    """Give the text of a mail or an SMS."""
    return message.text[:_MAX_SMS]


def slack_body(message: Message) -> bytes:
    """Give the body for Slack's incoming webhook: blocks of plain text, in which nothing is a mention or a link."""
    lines = "\n".join(message.lines)[:_MAX_SLACK_TEXT]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(message.title[:_MAX_HEADER])},
        {"type": "section", "text": _plain(lines)},
    ]
    if message.link:
        # Ours, and quoted: the one link of a message.
        blocks.append(
            {"type": "context", "elements": [{"type": "mrkdwn", "text": f"<{_escaped(message.link)}|Open the room>"}]}
        )
    return json.dumps({"text": _escaped(message.title[:_MAX_HEADER]), "blocks": blocks}).encode()


def webhook_body(detail: dict[str, Any], message: Message) -> bytes:
    """Give the body of a signed webhook: the event as the bus has it, beside the message for people."""
    told = {"title": message.title, "lines": list(message.lines), "link": message.link or None}
    body = {"type": detail["event"], "timestamp": detail["at"], "data": detail, "message": told}
    return json.dumps(body, separators=(",", ":")).encode()


def signed(key: str, *, message_id: str, now_ms: int, body: bytes) -> dict[str, str]:
    """Give the headers of the Standard Webhooks specification; ``key`` is ``whsec_`` and the base64 of its bytes."""
    at = datetime.fromtimestamp(now_ms // 1000, UTC)
    signature = Webhook(key).sign(message_id, at, body.decode())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(now_ms // 1000),
        "webhook-signature": signature,
    }


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": _escaped(text), "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
