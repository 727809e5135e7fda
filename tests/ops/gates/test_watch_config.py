"""check:watch-config, against a configuration that the alarms or the commands do not bear out."""

import pytest

from ops.gates.gate import Options
from ops.gates.watch_config import check
from ops.release.watch_config import CONFIG
from ops.verdict import CannotJudgeError
from tests.ops.gates.conftest import Edit
from tests.ops.gates.findings import problems


def test_every_signal_is_an_alarm_and_every_action_can_be_taken(options: Options) -> None:
    assert problems(check(options)) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((CONFIG, "hours: 24", "hours: 2"), "it watches 2 hours only"),
        (
            (CONFIG, "alarm: alert_denial_spike", "alarm: alert_denials"),
            "alert_denials is no alarm of alarms/template.yaml",
        ),
        ((CONFIG, "alarm: alert_denial_spike", "alarm: alert_denials"), "alert_denial_spike is not watched"),
        ((CONFIG, "threshold: 0.3", "threshold: 0.4"), "alert_denial_spike: threshold is 0.4, and 0.3 in production"),
        ((CONFIG, "metric: SecurityDenied", "metric: Denied"), "metric is Denied, and SecurityDenied in production"),
        (
            (CONFIG, "minimum: 5", "minimum: 1"),
            "release-denials: expression is IF(denied >= 5, rate, 0) in production, and watched as IF(denied >= 1",
        ),
        (
            (
                "alarms/template.yaml",
                "production: {ManyDenials: 300, ReleaseMinimum: 5}",
                "production: {ManyDenials: 300, ReleaseMinimum: 9}",
            ),
            "IF(denied >= 9, rate, 0) in production",
        ),
        ((CONFIG, "    release: release-denials\n", ""), "nothing, release of alert_denial_spike, is no alarm"),
        (
            (CONFIG, "release: release-denials", "release: release-tenant_mismatches"),
            "metric is {'TenantMismatchDenied'}",
        ),
        (("alarms/template.yaml", "DenialRate: 0.3,", "DenialRate: 0.4,"), "threshold is 0.3, and 0.4 in production"),
        ((CONFIG, "poe check:reason-code-map", "poe check:reasons"), "`poe check:reasons` cannot be taken"),
        ((CONFIG, "python -m ops pause", "python -m ops halt"), "python -m ops has no halt"),
        ((CONFIG, "python -m ops pause --stack", "python -m ops pause --on"), "it has no option --on"),
        ((CONFIG, "python -m ops pause --stack handshake-production", "python -m ops token"), "a group of commands"),
        ((CONFIG, "GET /metrics/reasons", "GET /metrics/causes"), "it is neither a command nor a route of the API"),
        ((CONFIG, "aws deploy stop", "aws shipping stop"), "AWS has no service shipping"),
        ((CONFIG, "aws deploy stop-deployment", "aws deploy halt"), "deploy has no operation halt"),
        ((CONFIG, "--auto-rollback-enabled", "--roll-back"), "it has no option --roll-back"),
        (("pyproject.toml", '"test:prod-gate" =', '"test:prod" ='), "`poe test:prod-gate` cannot be taken"),
    ],
)
def test_what_is_not_so_is_found(options: Options, edit: Edit, change: tuple[str, str, str], said: str) -> None:
    edit(*change)

    assert said in problems(check(options))


def test_a_configuration_with_a_field_nobody_reads_is_not_judged(options: Options, edit: Edit) -> None:
    edit(CONFIG, "hours: 24", "hours: 24\nminutes: 3")

    with pytest.raises(CannotJudgeError, match=r"watch\.yaml cannot be read"):
        check(options)
