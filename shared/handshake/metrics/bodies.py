"""Queries of the metrics (contract.md section 5); the body of a reported event is metrics.reported_event's."""

from typing import Annotated, NotRequired, TypedDict

from handshake.metrics.answers import BucketName, MetricName, WindowName


class WindowQuery(TypedDict):
    """Over how long."""

    window: NotRequired[Annotated[WindowName, "The last 24 hours when left out."]]


class SeriesQuery(WindowQuery):
    """Of what, how fine and over how long."""

    metric: NotRequired[Annotated[MetricName, "``security_denial_total`` when left out."]]
    bucket: NotRequired[Annotated[BucketName, "Hours when left out."]]
