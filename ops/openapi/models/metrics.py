"""The metrics' bodies (contract.md section 5)."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from handshake.metrics.formulas import METRICS
from handshake.metrics.query import WINDOWS
from handshake.metrics.reported_event import MAX_COST, YEAR_2200_MS
from handshake.metrics.rollup import BUCKET_MS, PROJECTOR_VERSION, ROLLUP_SCHEMA_VERSION
from ops.openapi.models.common import (
    Count,
    EpochMs,
    Family,
    Id,
    Outcome,
    RiskTier,
    Tier,
    closed_object,
    one_of,
    open_object,
)

Ratio = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
TimeMs = Annotated[float, Field(ge=0, lt=YEAR_2200_MS)]
Cost = Annotated[float, Field(ge=0, le=int(MAX_COST))]
WindowName = TypeAliasType("WindowName", Annotated[str, one_of(WINDOWS)])
BucketName = TypeAliasType("BucketName", Annotated[str, one_of(BUCKET_MS)])
MetricName = TypeAliasType("MetricName", Annotated[str, one_of(METRICS)])


@open_object
class WindowQuery(TypedDict):
    """Over how long."""

    window: NotRequired[WindowName]
    """The last 24 hours when left out."""


@open_object
class SeriesQuery(WindowQuery):
    """Of what, how fine and over how long."""

    metric: NotRequired[MetricName]
    """``security_denial_total`` when left out."""
    bucket: NotRequired[BucketName]
    """Hours when left out."""


@closed_object
class Versioned(TypedDict):
    """What every metrics answer says of itself."""

    window: WindowName
    schemaVersion: Annotated[str, one_of([ROLLUP_SCHEMA_VERSION])]
    projectorVersion: Annotated[str, one_of([PROJECTOR_VERSION])]


@closed_object
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


@closed_object
class Point(TypedDict):
    """One bucket; its timestamp is where it begins."""

    timestamp: EpochMs
    value: Amount
    sampleCount: Count
    dimension: NotRequired[str]


@closed_object
class MetricsSeries(Versioned):
    """One metric, bucket by bucket, oldest first."""

    metric: MetricName
    bucket: BucketName
    series: list[Point]


@closed_object
class FamilyShare(TypedDict):
    """How many events are of one family of reasons."""

    reasonFamily: Family
    count: Count
    percentage: Ratio


@closed_object
class MetricsReasons(Versioned):
    """Events by family of reasons, largest first."""

    total: Count
    families: list[FamilyShare]


@open_object
class PostedEvent(TypedDict):
    """One decision that was made elsewhere. An optional field that is null counts as left out."""

    eventId: Id
    """The first event of an id stays as it is."""
    requestId: Id
    timestampMs: TimeMs
    decision: Outcome
    reasonCode: Id
    reasonFamily: Id
    """The registry's word goes over it."""
    riskTier: RiskTier | Tier
    isTerminal: NotRequired[bool | None]
    hasValidLineage: NotRequired[bool | None]
    incidentDetectedTsMs: NotRequired[TimeMs | None]
    terminalDecisionTsMs: NotRequired[TimeMs | None]
    """Not before ``incidentDetectedTsMs``."""
    humanMinutes: NotRequired[Cost | None]
    computeCostUnits: NotRequired[Cost | None]
    escalationOverheadUnits: NotRequired[Cost | None]


@closed_object
class EventKept(TypedDict):
    """Whether the event was new."""

    status: Literal["ok"]
    eventId: Id
    duplicate: bool
