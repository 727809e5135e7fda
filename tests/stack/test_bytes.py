"""Bodies reach the functions as the bytes that were sent."""

import json

import pytest

from ops.local.stack import LocalStack
from tests.support.service import Deployed, submission


def test_a_body_is_decoded_whatever_its_content_type(stack: LocalStack) -> None:
    service = Deployed.on(stack)
    body = json.dumps(submission(agentId="agent-été"), ensure_ascii=False).encode()

    for content_type in ("application/json", "text/plain", "application/octet-stream"):
        answer = service.caller.send("POST", "/workflow/requests", headers={"content-type": content_type}, body=body)
        assert answer.status == 200, answer.data
        assert json.loads(answer.data)["requestId"]


def test_what_is_not_utf_8_is_refused_and_not_repaired(stack: LocalStack) -> None:
    body = json.dumps(submission(agentId="agent-XX")).encode().replace(b"XX", b"\xff\xfe")
    headers = {"content-type": "application/json"}

    answer = Deployed.on(stack).caller.send("POST", "/workflow/requests", headers=headers, body=body)

    assert (answer.status, json.loads(answer.data)["reasonCode"]) == (400, "trust_context_invalid_request_shape")


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_a_known_trust_secret_is_refused_outside_this_machine(stack: LocalStack, environment: str) -> None:
    cloudformation = stack.client("cloudformation")
    template = cloudformation.get_template(StackName=stack.name, TemplateStage="Processed")["TemplateBody"]
    guarded = {"Rules": template["Rules"], "Parameters": template["Parameters"]}
    guarded["Resources"] = {"Topic": {"Type": "AWS::SNS::Topic"}}
    given = [
        {"ParameterKey": "Environment", "ParameterValue": environment},
        {"ParameterKey": "TrustSecretValue", "ParameterValue": "known"},
    ]

    with pytest.raises(cloudformation.exceptions.ClientError, match="is for the local environment"):
        cloudformation.create_stack(
            StackName=f"known-{environment}", TemplateBody=json.dumps(guarded), Parameters=given
        )
