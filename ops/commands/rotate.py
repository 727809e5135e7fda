"""python -m ops rotate: walk the rotation of the trust secret, from announcing it to running the gates again."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from handshake.trust.rotation import MAX_AGE_S, OVERLAP_S, PREVIOUS, REVOKED, Labels
from ops.commands.common import AsJson, Stack, failure_code, say
from ops.local.commands import fetching_environment
from ops.local.settings import ROOT, STACK_NAME

if TYPE_CHECKING:
    from handshake.trust.secret import TrustSecret
    from ops.local.deployment import Deployment

FAILED: Final = 1
STOPPED: Final = 3


class StepFailedError(Exception):
    """A step of the rotation failed. Earlier steps stay done; the next run goes on from here."""


def run_gates(root: Path = ROOT) -> int:
    """Run every gate of the checkout at ``root``, without credentials, and return their exit code."""
    command = [sys.executable, "-m", "ops.gates", "all"]
    return subprocess.run(command, cwd=root, env=fetching_environment(), stdout=sys.stderr, check=False).returncode


@dataclass(frozen=True)
class Walk:
    """One rotation of one stack. ``gates`` runs them all and gives their exit code; ``pause`` waits for seconds."""

    stack: "Deployment"
    name: str
    say: Callable[[str], None]
    pause: Callable[[float], None] = time.sleep
    gates: Callable[[], int] = run_gates
    secret: "TrustSecret" = field(init=False)

    def __post_init__(self) -> None:
        from handshake.trust.secret import TrustSecret

        secret = TrustSecret(self.stack.client("secretsmanager"), self.stack.outputs["TrustSecretArn"])
        object.__setattr__(self, "secret", secret)

    def labels(self) -> Labels:
        """Read which version has which label now. Raises StepFailedError where there is nothing to rotate."""
        labels = self.secret.labels()
        if labels.current is None:
            raise StepFailedError("the trust secret has no current version; deploy the stack again, or give it a value")
        return labels


@dataclass(frozen=True)
class Step:
    """One of the six steps. ``means`` says what confirming it agrees to."""

    title: str
    means: str
    take: Callable[[Walk], None]


def first_step(walk: Walk) -> int:
    """Read from the secret's labels the number of the step to go on with: 1 where no rotation is open."""
    labels = walk.labels()
    if labels.pending not in (None, labels.current):
        return 2
    if labels.previous:
        current = walk.secret.version(labels.current or "")
        if labels.previous == labels.revoked:
            return 5
        if current and time.time() - current.created_s < OVERLAP_S:
            return 3
    return 6 if labels.revoked else 1


def _announce(walk: Walk) -> None:
    walk.labels()
    hours = int(OVERLAP_S // 3600)
    walk.stack.client("sns").publish(
        TopicArn=walk.stack.outputs["IncidentsTopic"],
        Subject=f"{walk.name}: the trust secret is being rotated",
        Message=f"The trust secret of {walk.name} gets a new current version now. Whoever signs trust tokens reads it "
        f"again (AWSCURRENT) within {hours} hours, or before the old one is revoked. No call is refused meanwhile.",
    )


def _rotate(walk: Walk) -> None:
    from handshake.trust.rotate import STEPS as SERVICE_STEPS

    labels = walk.labels()
    token = labels.pending if labels.pending not in (None, labels.current) else str(uuid.uuid4())
    for name in SERVICE_STEPS:
        walk.say(f"{name} ...")
        event = {"SecretId": walk.stack.outputs["TrustSecretArn"], "Step": name, "ClientRequestToken": token or ""}
        walk.stack.invoke("SecretRotationFunction", event)


def _refresh(walk: Walk) -> None:
    walk.say("verifiers have read the new key by themselves; signers that keep the key must have read it again")


def _verify(walk: Walk) -> None:
    message = walk.stack.invoke("ReleaseGateFunction", {})
    if not message["ready"]:
        raise StepFailedError(f"the rails do not hold: {message['problem']}")
    for line in message["checked"]:
        walk.say(line)


def _revoke(walk: Walk) -> None:
    labels = walk.labels()
    if labels.previous is None:
        return
    # Marked first: a walk that ends between the two still knows that this one is to go.
    if labels.revoked != labels.previous:
        walk.secret.label(REVOKED, labels.previous, instead_of=labels.revoked)
    walk.secret.unlabel(PREVIOUS, labels.previous)
    walk.say(f"waiting {MAX_AGE_S:.0f} s, after which nobody believes it any more ...")
    walk.pause(MAX_AGE_S)


def _gates(walk: Walk) -> None:
    if code := walk.gates():
        raise StepFailedError(f"gates failed with {code}; mend what they found, then rotate goes on from here")
    if revoked := walk.labels().revoked:
        walk.secret.unlabel(REVOKED, revoked)


STEPS: Final = (
    Step("prepare and announce", "tell the incidents topic that the key changes and signers must read it", _announce),
    Step("rotate the secret", "a new key becomes current; the old one stays believed as the previous one", _rotate),
    Step("refresh signers and verifiers", "you have redeployed or refreshed whatever keeps the key to sign", _refresh),
    Step("verify the /policy/apply path", "apply a policy with a fresh token in the reserved tenant", _verify),
    Step("revoke the old key", "tokens signed with the previous key are refused from a minute on", _revoke),
    Step("run the gates again", "run every gate of this checkout, which takes some minutes", _gates),
)


def rotate(
    stack: Stack = STACK_NAME,
    yes: Annotated[bool, typer.Option("--yes", help="Take every step without asking.")] = False,
    until: Annotated[int, typer.Option(min=1, max=len(STEPS), help="Stop after this step.")] = len(STEPS),
    as_json: AsJson = False,
) -> None:
    """Rotate the trust secret in six steps, each confirmed; no call is refused, and no key is ever printed.

    Where it was left, by you or a crash, the next run goes on: the labels of the secret's versions say where that is.

    Ends with 0 once the steps asked for are taken, 1 where one failed, 2 where it was called wrongly, 3 where you
    stopped it, 69 where the stack cannot be reached.
    """
    from ops.local import deployment

    taken: list[str] = []
    try:
        walk = Walk(deployment.find(stack), stack, say=lambda line: say(f"   {line}", stderr=True))
        for number in range(first_step(walk), until + 1):
            step = STEPS[number - 1]
            say(f"{number}/{len(STEPS)} {step.title}: {step.means}", stderr=True)
            if not yes and not typer.confirm("   go on?", err=True):
                _end(as_json, taken, STOPPED, f"stopped before step {number}; python -m ops rotate goes on there")
            step.take(walk)
            taken.append(step.title)
    except (StepFailedError, deployment.FunctionFailedError) as error:
        _end(as_json, taken, FAILED, str(error))
    except Exception as error:
        if (code := failure_code(error)) is None:
            raise
        _end(as_json, taken, code, str(error))
    _end(as_json, taken, 0, "rotated" if until == len(STEPS) else f"done up to step {until}")


def _end(as_json: bool, taken: list[str], code: int, message: str) -> None:  # noqa: FBT001 - typer's own --json
    if as_json:
        print(json.dumps({"taken": taken, "exitCode": code, "said": message}))
    else:
        say(message, stderr=code != 0)
    raise typer.Exit(code)
