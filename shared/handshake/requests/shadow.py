"""Judges shadows of policies beside the active ones; what they say never touches an answer (contract.md section 15)."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from handshake.metrics.shadow_report import Shadowed
from handshake.policy.rules import PolicyInForce, ScopePolicy
from handshake.requests.decision import Decision


def judge_shadows(policy: PolicyInForce, decide: Callable[[PolicyInForce], Decision]) -> tuple[Shadowed, ...]:
    """Give what each shadow in ``policy`` says, judged by ``decide`` in place of what its scope has in force.

    A shadow that cannot be judged says nothing.
    """
    return tuple(_judged(policy, decide))


def _judged(policy: PolicyInForce, decide: Callable[[PolicyInForce], Decision]) -> Iterator[Shadowed]:
    for shadow in policy.shadows:
        decision = None
        with suppress(Exception):  # whatever is wrong with a shadow is nothing to whoever submits
            decision = decide(policy.replaced(shadow))
        if decision:
            yield Shadowed(shadow.scope.partition, shadow.number, decision.outcome, _decider(decision, shadow))


def _decider(decision: Decision, shadow: ScopePolicy) -> str:
    """Name what decided: of the shadow's own policies and budgets the first, else the rule, else the reason."""
    own = _first(named.policy for named in decision.policies if named.version == shadow.version)
    return own or (decision.trigger.rule if decision.trigger else decision.reason.value)


def _first(names: Iterable[str]) -> str | None:
    return next(iter(names), None)
