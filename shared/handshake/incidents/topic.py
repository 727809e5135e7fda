"""The topic that people listen to."""

from typing import Any

from handshake.incidents.notification import Notification
from handshake.incidents.sources import asking


class Topic:
    """Publishes to one SNS topic through a botocore client."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, notification: Notification, **attributes: str) -> None:
        """Tell whoever subscribes; ``attributes`` are what subscriptions may filter by.

        Raises SourceUnavailableError.
        """
        with asking("SNS"):
            self._client.publish(
                TopicArn=self._arn,
                Subject=notification.subject,
                Message=notification.text,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
