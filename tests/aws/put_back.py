"""Puts defects back into a copy of the checkout and watches their tests fail: ``python -m tests.aws.put_back [PART]``.

A test that passes whatever the template says proves nothing. ``PART`` of a defect's name picks some of them.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from ops.local.settings import ROOT

TEMPLATES: Final = "**/template.yaml"
_PASSED, _FAILED = 0, 1  # pytest's exit codes


class Edit(NamedTuple):
    """A substitution in the files of a glob, everywhere that its pattern matches."""

    files: str
    pattern: str
    instead: str


class Defect(NamedTuple):
    """Describes a defect, past or possible: how to put it back, and the test of this folder that must find it."""

    name: str
    edits: tuple[Edit, ...]
    found_by: str


def _template(name: str, found_by: str, *edits: tuple[str, str]) -> Defect:
    return Defect(name, tuple(Edit(TEMPLATES, *edit) for edit in edits), found_by)


_AFTERWARDS: Final = r"""
  TracingPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Roles: [!Ref WorkflowRole]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], Resource: "*"}]

Outputs:
"""

DEFECTS: Final = (
    _template(
        "a permission is attached to a role after its function",
        "test_a_permission_is_there_before_what_needs_it",
        (r"\[xray:PutTraceSegments, xray:PutTelemetryRecords\]", "xray:GetSamplingRules"),
        (r"\nOutputs:\n", _AFTERWARDS),
    ),
    _template(
        "a stream may not be read",
        "test_a_permission_is_there_before_what_needs_it",
        (r"dynamodb:GetRecords, ", ""),
    ),
    _template(
        "what failed cannot be kept",
        "test_a_permission_is_there_before_what_needs_it",
        ("sqs:SendMessage", "sqs:PurgeQueue"),
    ),
    _template(
        "two resources wait for each other",
        "test_nothing_waits_for_itself",
        (r"(  WorkflowRole:\n    Type: AWS::IAM::Role\n)", r"\1    DependsOn: WorkflowFunction\n"),
    ),
    _template(
        "a rotation is scheduled before it may be invoked",
        "test_secrets_manager_may_invoke_the_rotation",
        (r"    DependsOn: SecretRotationPermission\n", ""),
    ),
    _template(
        "a schedule is named alike in every stack",
        "test_a_name_is_the_stacks_own or test_staging_beside_production_shares_no_name",
        (r"\n +Name: !Sub \$\{AWS::StackName\}-(hitl-expiry|replay-retention|evidence-verification)[^\n]*", ""),
    ),
    Defect(
        "two stacks own the account's log role",
        (Edit("samconfig.toml", "ManageApiGatewayLogRole=false", "ManageApiGatewayLogRole=true"),),
        "test_staging_beside_production_makes_no_singleton",
    ),
    _template(
        "raising a concurrency publishes a version that equals the last",
        "test_raising_a_setting_is_a_deployment_that_works",
        (r"\n +RESERVED_CONCURRENCY: [^\n]*", ""),
    ),
    _template(
        "another layer publishes no version",
        "test_another_layer_publishes_a_version_of_every_function",
        (r"\n +PublishLambdaVersion: true[^\n]*", ""),
    ),
    _template(
        "a setting publishes no version",
        "test_what_lambda_versions_publishes_a_version",
        (r"AutoPublishAliasAllProperties: true", "AutoPublishAliasAllProperties: false"),
    ),
    _template(
        "an action that IAM does not know",
        "test_iam_knows_what_a_statement_says",
        ("dynamodb:PartiQLDelete", "dynamodb:PartiQLRemove"),
    ),
    _template(
        "an action is granted on what it cannot be",
        "test_iam_knows_what_a_statement_says",
        (
            r"(Action: sns:Publish, Resource: )!GetAtt Alarms.Outputs.IncidentsTopic",
            r"\1!GetAtt AlarmTriageDeadLetters.Arn",
        ),
    ),
    _template(
        "a role may too little",
        "test_a_role_grants_all_that_its_function_was_seen_to_ask",
        (r"cloudwatch:GetMetricData, ", ""),
    ),
    _template(
        "a role may too much",
        "test_a_role_grants_nothing_that_its_function_was_not_seen_to_ask",
        (r"Action: dynamodb:PartiQLDelete", "Action: [dynamodb:PartiQLDelete, dynamodb:Scan]"),
    ),
    _template(
        "a role may other items than its function touches",
        "test_a_role_grants_all_that_its_function_was_seen_to_ask",
        (r"migration#\*", "migrations#*"),
    ),
    _template(
        "a condition on keys holds of a call that names none",
        "test_a_condition_on_keys_does_not_hold_of_a_call_that_names_none",
        (r'\n +"Null": [^\n]*LeadingKeys[^\n]*', ""),
    ),
    _template(
        "whoever reports events may write roll-ups",
        "test_only_the_projector_may_write_what_is_made_of_events",
        (r"EVENT#\*", "*"),
    ),
    _template(
        "a privileged function may write the other's guards",
        "test_neither_privileged_function_may_write_the_others_guards",
        (r"(decision_action|policy_apply)#\*", "*"),
    ),
    _template(
        "a create that failed leaves what it made",
        "test_what_holds_something_is_kept or test_the_accounts_log_role_stays",
        ("RetainExceptOnCreate", "Retain"),
    ),
    _template(
        "a stack's logs go with it",
        "test_what_holds_something_is_kept",
        (r"( +)DeletionPolicy: [^\n]*(\n +UpdateReplacePolicy: [^\n]*)?\n( +Properties:\n +LogGroupName)", r"\3"),
    ),
    _template(
        "a release has all traffic at once",
        "test_a_good_release_ends_with_all_traffic or test_a_release_that_misbehaves",
        ("Linear10PercentEvery3Minutes", "AllAtOnce"),
    ),
    _template(
        "a release is not asked about before it has traffic",
        "test_a_gate_that_refuses_or_cannot_say_anything",
        (r"PreTraffic: !Ref ReleaseGateFunction(, )?", ""),
    ),
    _template(
        "a release that crashes is not noticed",
        "test_a_release_that_misbehaves or test_every_alarm_that_is_watched",
        (r"\n +- !Sub \$\{AWS::StackName\}-(release-function_errors[^\n]*|api_errors)", ""),
    ),
    _template(
        "a name is too long behind a long stack name",
        "test_the_stacks_name_leaves_room",
        (r"RuleName: !Ref AWS::StackName", "RuleName: !Sub ${AWS::StackName}-sampling-rule"),
    ),
    _template(
        "a property that CloudFormation does not know",
        "test_cloudformation_knows_every_type_and_property",
        ("SqsManagedSseEnabled", "SqsManagedSse"),
    ),
    _template(
        "a stream's filter takes what expired",
        "test_the_streams_filter_takes_new_events_and_nothing_else",
        (r'"eventName":\["INSERT"\]', '"eventName":["INSERT","REMOVE"]'),
    ),
    _template(
        "a schedule retries more often than it may",
        "test_schedules_are_as_scheduler_takes_them",
        (r"MaximumRetryAttempts: 3\b", "MaximumRetryAttempts: 186"),
    ),
    _template(
        "bodies are repaired before the functions see them",
        "test_bodies_reach_the_functions_as_the_bytes_they_are",
        (r"\n +BinaryMediaTypes:[^\n]*", ""),
    ),
    _template(
        "a secret that is given is readable in the stack",
        "test_a_given_secret_is_in_no_processed_template",
        (r'!Equals \[!Ref TrustSecretValue, ""\]\n( +)AssertDescription', r'!Equals ["", ""]\n\1AssertDescription'),
    ),
    _template(
        "the alarm on errors does not see what the log quotes",
        "test_the_alarm_on_errors_counts_each_call_once",
        (r'\$\.status = "5\*"', r"$.status = 5*"),
    ),
    _template(
        "a rate is limited by a principal that WAF cannot see",
        "test_one_switch_puts_a_limit_by_address",
        (r"AggregateKeyType: IP", "AggregateKeyType: CONSTANT"),
    ),
    _template(
        "the page runs scripts that stand in a string",
        "test_its_headers_are_those_that_it_was_tested_with",
        (r"script-src 'self';", "script-src 'self' 'unsafe-inline';"),
    ),
    _template(
        "any distribution reads the page's bucket",
        "test_only_this_distribution_reads_the_files",
        (r"distribution/\$\{Distribution\}", "*"),
    ),
    _template(
        "the API behind the page is sent CloudFront's host",
        "test_the_api_gets_each_call_as_it_was_sent",
        (r"b689b0a8-53d0-40ab-baf2-68738e2966ac", "216adef6-5c7f-47e4-b989-5492eafa07d3"),
    ),
    _template(
        "errors of the API become the page",
        "test_no_error_of_the_api_is_rewritten",
        (
            r"( +)DefaultRootObject: index.html",
            r"\1DefaultRootObject: index.html\n\1CustomErrorResponses: [{ErrorCode: 403}]",
        ),
    ),
    _template(
        "the page's policy names the pool's domain by its resource",
        "test_nothing_waits_for_itself",
        (r"PageOrigin: !Ref PageOrigin\n", "PageOrigin: !Ref PageOrigin\n        Pool: !Ref UserPoolClient\n"),
        (r'CallbackURLs: \[!Sub "\$\{PageOrigin\}/"\]', 'CallbackURLs: [!Sub "${Page.Outputs.Origin}/"]'),
    ),
)


def put_back(defect: Defect, checkout: Path) -> bool:
    """Put a defect into a checkout and say whether its test passes without it and fails with it.

    Raises LookupError where there is nothing to put it into.
    """
    before = {path: path.read_text() for edit in defect.edits for path in checkout.glob(edit.files)}
    after = dict(before)
    for edit in defect.edits:
        times = 0
        for path in checkout.glob(edit.files):
            after[path], here = re.subn(edit.pattern, edit.instead, after[path])
            times += here
        if not times:
            raise LookupError(f"no {edit.files} has anything like {edit.pattern}")
    if _outcome(defect.found_by, checkout) != _PASSED:
        return False
    try:
        for path, text in after.items():
            path.write_text(text)
        return _outcome(defect.found_by, checkout) == _FAILED
    finally:
        for path, text in before.items():
            path.write_text(text)


def _outcome(tests: str, checkout: Path) -> int:
    """Run some of this folder's tests; pytest's exit code. What it cannot collect has found nothing."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "tests/aws", "-k", tests]
    return subprocess.run(command, cwd=checkout, capture_output=True, check=False).returncode  # noqa: S603 - ours


def main(part: str = "") -> int:
    """Put the defects back one after the other; print what became of each, and exit with how many were not found."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607 - git is on the PATH
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder)
        for name in filter(None, listed.stdout.decode().split("\0")):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, checkout / name)
        for defect in DEFECTS:
            if part in defect.name:
                try:
                    found = "found" if put_back(defect, checkout) else "NOT FOUND"
                except LookupError as nothing:
                    found = f"nothing to put it into: {nothing}"
                missed += found != "found"
                print(f"{found}: {defect.name} ({defect.found_by})", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
