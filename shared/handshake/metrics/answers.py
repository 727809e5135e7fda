"""Answers of the metrics endpoints (contract.md section 5)."""

from typing import Annotated, Literal, NotRequired, TypedDict

from handshake.core.shapes import Count, EpochMs, Family, Id, Schema, closed
from handshake.metrics.events import EVENT_SCHEMA_VERSION
from handshake.metrics.formulas import METRICS
from handshake.metrics.query import WINDOWS
from handshake.metrics.rollup import PROJECTOR_VERSION, ROLLUP_SCHEMA_VERSION, BucketSize

Ratio = Annotated[float, Schema(minimum=0, maximum=1)]
Amount = Annotated[float, Schema(minimum=0)]
WindowName = Annotated[str, Schema("WindowName", enum=list(WINDOWS))]
BucketName = Annotated[BucketSize, Schema("BucketName")]
MetricName = Annotated[str, Schema("MetricName", enum=list(METRICS))]


class Versioned(TypedDict):
    """Says of every metrics answer how it was made."""

    window: WindowName
    schemaVersion: Annotated[str, Schema(enum=[ROLLUP_SCHEMA_VERSION])]
    projectorVersion: Annotated[str, Schema(enum=[PROJECTOR_VERSION])]


@closed
class MetricsSummary(Versioned):
    """Every metric over a window."""

    uair: Ratio
    airtP50Ms: Amount
    airtP95Ms: Amount
    gar: Ratio
    tca: Amount
    totalEvents: Count
    denialEvents: Count
    replayDetectedEvents: Count
    replayGuardUnavailableEvents: Count


@closed
class Point(TypedDict):
    """One bucket; its timestamp is where it begins."""

    timestamp: EpochMs
    value: Amount
    sampleCount: Count
    dimension: NotRequired[Annotated[Literal["reported"], "Where events that callers reported are among its samples."]]


@closed
class MetricsSeries(Versioned):
    """One metric, bucket by bucket, oldest first."""

    metric: MetricName
    bucket: BucketName
    series: list[Point]


@closed
class FamilyShare(TypedDict):
    """Counts the events of one family of reasons."""

    reasonFamily: Family
    count: Count
    percentage: Ratio


@closed
class MetricsReasons(Versioned):
    """Events by family of reasons, largest first."""

    total: Count
    families: list[FamilyShare]


@closed
class EventKept(TypedDict):
    """Says whether the event was new."""

    status: Literal["ok"]
    eventId: Id
    duplicate: bool
    schemaVersion: Annotated[str, Schema(enum=[EVENT_SCHEMA_VERSION])]
    projectorVersion: Annotated[str, Schema(enum=[PROJECTOR_VERSION])]
