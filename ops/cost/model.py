"""Compute a month's quantities from a load, and dollars from these.

A load is calls a second. What comes with a decision is its submission, the action on it where it escalated, and some
reads; so many decisions a second follow from the calls. Everything is one long steady month of 730 hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ops.cost.inputs import Call, Deployed, background, deployed, measured, prices

SECONDS_PER_MONTH: Final = 730 * 3600
_GB: Final = 1e9
_PARTITIONS: Final = 16
_ALLOWED: Final = "submit, allowed"
_DENIED: Final = "submit, denied"
_ESCALATED: Final = "submit, escalated"
_ACTION: Final = "approve with key"
_READ: Final = "authorize"
_CLAIM: Final = "claim with key"
_REPORT: Final = "report"

# What each price is asked for, as people call it.
DRIVERS: Final[Mapping[str, str]] = {
    "api_requests": "API Gateway requests",
    "lambda_requests": "Lambda requests",
    "lambda_gb_seconds": "Lambda GB-seconds",
    "dynamodb_writes": "DynamoDB write units",
    "projector_writes": "DynamoDB write units, roll-ups",
    "dynamodb_reads": "DynamoDB read units",
    "verification_reads": "DynamoDB read units, verification",
    "dynamodb_storage": "DynamoDB storage, GB",
    "dynamodb_pitr": "DynamoDB recovery (PITR), GB",
    "stream_reads": "DynamoDB Streams",
    "lambda_logs": "Logs of functions, GB",
    "access_logs": "Logs of API access, GB",
    "log_storage": "Logs kept, GB",
    "custom_metrics": "CloudWatch metrics",
    "alarms": "CloudWatch alarms",
    "composite_alarms": "CloudWatch composite alarms",
    "dashboards": "CloudWatch dashboards",
    "traces": "X-Ray traces",
    "secrets": "Secrets Manager secrets",
    "secret_reads": "Secrets Manager calls",
    "keys": "KMS keys",
    "key_uses": "KMS calls",
    "grant_signatures": "KMS signatures of grants",
    "scheduler_runs": "EventBridge Scheduler",
    "events_published": "EventBridge events",
    "notifications": "SNS",
    "queue_requests": "SQS",
}
_PRICED_AS: Final = {"projector_writes": "dynamodb_writes", "verification_reads": "dynamodb_reads"}


@dataclass(frozen=True)
class Load:
    """Calls a second, and their mix. Rates are shares of decisions, 0 to 1.

    ``months`` is for how long data has been kept when the month is billed.
    """

    rps: float
    escalation_rate: float = 0.07
    deny_rate: float = 0.05
    reads_per_decision: float = 1.0
    months: float = 12.0
    environment: str = "production"
    grants_per_decision: float = 0.0
    budgets_per_decision: float = 0.0

    @property
    def calls_per_decision(self) -> float:
        """Count a decision's calls: its submission, its action where it escalated, its reads, its claim and report."""
        return 1 + self.escalation_rate + self.reads_per_decision + 2 * self.grants_per_decision

    @property
    def decisions_per_second(self) -> float:
        """Compute the submissions decided a second."""
        return self.rps / self.calls_per_decision

    def calls(self) -> dict[str, float]:
        """Count how many of each measured call come with a decision."""
        return {
            _ALLOWED: 1 - self.escalation_rate - self.deny_rate,
            _DENIED: self.deny_rate,
            _ESCALATED: self.escalation_rate,
            _ACTION: self.escalation_rate,
            _READ: self.reads_per_decision,
            _CLAIM: self.grants_per_decision,
            _REPORT: self.grants_per_decision,
        }


@dataclass(frozen=True)
class Driver:
    """One line of the bill: a month's quantity of a unit, and its dollars."""

    name: str
    quantity: float
    unit: str
    dollars: float


@dataclass(frozen=True)
class Bill:
    """A month of a load, most expensive first."""

    load: Load
    drivers: tuple[Driver, ...]

    @property
    def dollars(self) -> float:
        """Sum the month's dollars."""
        return sum(driver.dollars for driver in self.drivers)

    @property
    def per_million(self) -> float:
        """Return the dollars a month for each million decisions of that month."""
        return self.dollars / (self.load.decisions_per_second * SECONDS_PER_MONTH / 1e6)


def bill(load: Load) -> Bill:
    """Compute the bill of a month of ``load``."""
    table = prices().by_name
    lines = []
    for key, quantity in quantities(load, deployed(load.environment)).items():
        price = table[_PRICED_AS.get(key, key)]
        lines.append(Driver(DRIVERS[key], quantity, price.unit, price.of(quantity)))
    return Bill(load, tuple(sorted(lines, key=lambda driver: -driver.dollars)))


def quantities(load: Load, stack: Deployed) -> dict[str, float]:
    """Compute a month's quantities of all that is paid for, by the keys of DRIVERS."""
    known = background()
    decisions = load.decisions_per_second * SECONDS_PER_MONTH
    calls = {name: share * decisions for name, share in load.calls().items()}
    of_all = sum(calls.values())
    took = _Taken.by(calls)
    folding = _folding(load, stack)
    runs = stack.scheduled_runs
    verifying = _verifying(decisions, load.months)
    telling = _telling(load)
    invocations = of_all + folding.batches + telling.batches + runs
    own_events = took.log_bytes + folding.log_bytes + telling.log_bytes + runs * known["scheduled"]["log_bytes"]
    lambda_bytes = own_events + invocations * known["event_overhead"]
    if stack.system_lines:
        lines = known["platform_lines"]
        lambda_bytes += invocations * (lines["bytes"] + lines["events"] * known["event_overhead"])
    access_bytes = of_all * (known["access_line"] + known["event_overhead"])
    kept = decisions * load.months / _GB
    in_tables, in_indexes = (kept * sum(known[f"{name}_per_decision"].values()) for name in ("stored", "indexed"))
    in_tables += kept * load.grants_per_decision * sum(known["stored_per_grant"].values())
    log_months = min(load.months, stack.log_retention_months)
    metrics = known["metrics"]
    return {
        "api_requests": of_all,
        "lambda_requests": invocations,
        "lambda_gb_seconds": (
            took.seconds * stack.memory_gb
            + verifying.seconds * stack.verification_memory_gb
            + (folding.seconds + runs * known["scheduled"]["handler_ms"] / 1000) * stack.projector_memory_gb
            + telling.seconds * stack.notifier_memory_gb
        ),
        "dynamodb_writes": (
            took.writes
            + (calls[_ACTION] + calls[_CLAIM]) * known["guard_removal_writes"]
            + (calls[_ALLOWED] + calls[_ESCALATED]) * load.budgets_per_decision * known["budget_writes"]
            + telling.writes
        ),
        "projector_writes": folding.writes,
        "dynamodb_reads": took.reads + folding.reads + telling.reads,
        "verification_reads": verifying.reads,
        "dynamodb_storage": in_tables + in_indexes,
        "dynamodb_pitr": in_tables,  # an index is made anew when a table is restored, and is not billed
        "stream_reads": SECONDS_PER_MONTH
        * known["projector"]["polls_per_second"]
        * (folding.shards + known["notifier"]["shards"]),
        "lambda_logs": lambda_bytes / _GB,
        "access_logs": access_bytes / _GB,
        "log_storage": (lambda_bytes + access_bytes) * known["log_compression"] * log_months / _GB,
        "custom_metrics": sum(metrics.values()) + stack.routes * (1 + known["metrics_per_route"]),
        "alarms": stack.alarms,
        "composite_alarms": stack.composite_alarms,
        "dashboards": stack.dashboards,
        "traces": _traces([load.rps, folding.batches / SECONDS_PER_MONTH, telling.batches / SECONDS_PER_MONTH], stack),
        "secrets": stack.secrets,
        "secret_reads": known["secret_reads"],
        "keys": stack.keys,
        "key_uses": known["key_uses"],
        "grant_signatures": calls[_CLAIM],
        "scheduler_runs": runs,
        "events_published": telling.events,
        "notifications": known["notifications"],
        "queue_requests": known["queue_requests"] + stack.channel_queues * known["queue_polls"],
    }


@dataclass(frozen=True)
class _Taken:
    """A month's use of the store, of functions and of logs by calls."""

    reads: float
    writes: float
    seconds: float
    log_bytes: float

    @classmethod
    def by(cls, calls: Mapping[str, float]) -> "_Taken":
        each = measured()
        cold = background()["cold_share"] * background()["init_ms"]
        return cls(
            reads=sum(count * each[name].reads for name, count in calls.items()),
            writes=sum(count * each[name].writes for name, count in calls.items()),
            seconds=sum(count * (_duration_ms(each[name]) + cold) / 1000 for name, count in calls.items()),
            log_bytes=sum(count * each[name].log_bytes for name, count in calls.items()),
        )


@dataclass(frozen=True)
class _Folding:
    """A month of the projector."""

    shards: float
    batches: float
    reads: float
    writes: float
    seconds: float
    log_bytes: float


def _folding(load: Load, stack: Deployed) -> _Folding:
    """Lambda invokes for each shard when a batch is full, its window has passed, or, without one, a poll found events.

    A batch is an event and what follows it within the window. Events spread evenly over the events'
    partitions, each of which lives in one shard.
    """
    known = background()
    projector = known["projector"]
    events = load.decisions_per_second * (1 + load.escalation_rate)
    shards = max(projector["shards"], events * 2 / 1000)
    wait = max(stack.batch_window_s, 1 / projector["polls_per_second"])
    size = min(stack.batch_size, 1 + events / shards * wait)
    batches = events / size * SECONDS_PER_MONTH
    partitions = _PARTITIONS / min(shards, _PARTITIONS)
    touched = partitions * (1 - (1 - 1 / partitions) ** size) if partitions > 1 else 1.0
    # What is counted of each agent that a batch has decisions of, read and written once.
    agents = projector["agents"] * (1 - (1 - 1 / projector["agents"]) ** (size / (1 + load.escalation_rate)))
    written = touched + projector["hour_kb"] + projector["day_kb"] + agents
    call = Call(touched + agents, 2 * written, 2, projector["handler_ms"], 0)
    return _Folding(
        shards=shards,
        batches=batches,
        reads=batches * call.reads,
        writes=batches * call.writes,
        seconds=batches * _duration_ms(call) / 1000,
        log_bytes=batches * (projector["log_bytes"] + size * projector["log_bytes_per_event"]),
    )


@dataclass(frozen=True)
class _Telling:
    """A month of the notifier, and of the sweep that goes through its notices."""

    batches: float
    events: float
    reads: float
    writes: float
    seconds: float
    log_bytes: float


def _telling(load: Load) -> _Telling:
    """Count what escalations and grants tell. A batch is what a poll of a shard finds; what is filtered out is free.

    An escalation is told when it is made and when it is closed, a grant when it is claimed; a report tells nothing, and
    is looked at. Each escalation and each claim has a notice, which is made, and taken out of the index once.
    """
    known, projector = background()["notifier"], background()["projector"]
    escalations, grants = (
        load.decisions_per_second * rate for rate in (load.escalation_rate, load.grants_per_decision)
    )
    records = 2 * escalations + 2 * grants
    waiting = records / known["shards"] / projector["polls_per_second"]
    size = min(known["batch_size"], 1 + waiting)
    batches = records / size * SECONDS_PER_MONTH
    notices = (escalations + grants) * SECONDS_PER_MONTH
    puts = batches + notices
    return _Telling(
        batches=batches,
        events=(2 * escalations + grants) * SECONDS_PER_MONTH,
        reads=notices * known["notice_reads"],
        writes=notices * known["notice_writes"],
        seconds=(batches * known["handler_ms"] + puts * background()["store_call_ms"]) / 1000,
        log_bytes=batches * known["log_bytes"],
    )


@dataclass(frozen=True)
class _Verifying:
    """A month of the nightly verification of evidence."""

    reads: float
    seconds: float


def _verifying(decisions: float, months: float) -> _Verifying:
    """Give all of a month's ``decisions`` once, and of what is kept of ``months`` each night its part."""
    known = background()["verification"]
    kept = decisions * months * SECONDS_PER_MONTH / (known["nights"] * 24 * 3600)
    counts = {"recorded": decisions, "kept_request": kept, "kept_event": kept}
    return _Verifying(
        reads=sum(count * known[name]["reads"] for name, count in counts.items()),
        seconds=sum(count * known[name]["ms"] for name, count in counts.items()) / 1000,
    )


def _duration_ms(call: Call) -> float:
    known = background()
    return call.handler_ms * float(known["slower_than_measured"]) + call.store_calls * float(known["store_call_ms"])


def _traces(rates: Sequence[float], stack: Deployed) -> float:
    """Give a month's, of calls that begin so often a second; the stack's rule samples them together, X-Ray's apart."""
    if stack.sampling:
        at_once, share = stack.sampling
        rates = [sum(rates)]
    else:
        at_once, share = (background()["default_sampling"][name] for name in ("per_second", "share"))
    return sum(min(rate, at_once) + max(0.0, rate - at_once) * share for rate in rates) * SECONDS_PER_MONTH
