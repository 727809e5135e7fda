"""A payment agent: it asks before it pays, waits where a person must decide, and pays once.

    python examples/payment_agent/pay.py INVOICE LEDGER

INVOICE is a JSON file, {"number", "payee", "amount", "currency"}; LEDGER a file that gets a line for each payment.
HANDSHAKE_URL says where Handshake is; with AWS_REGION calls are signed with the credentials of the environment.
WAIT_S says for how many seconds it waits for a person (default 600).
Exit codes: 0 paid, 3 not allowed, 4 somebody pays or has paid it already, 5 nobody can tell whether it was paid.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Final

from handshake_rail import Grant, Handshake, HandshakeError, NotAllowedError, models

AGENT: Final[models.IdentityEnvelope] = {"principalId": "invoice-agent", "subjectType": "agent", "tenantId": "acme"}
ARGUMENTS: Final = ("payee", "amount", "currency")
PAID, NOT_ALLOWED, TAKEN, UNKNOWN = 0, 3, 4, 5


def order_of(invoice: dict[str, str | float]) -> models.Submission:
    """Say exactly what is to be done. The number makes the id: an invoice is one request, however often it is asked."""
    return {
        "requestId": f"invoice-{invoice['number']}",
        "principalId": "accounts-payable",
        "agentId": AGENT["principalId"],
        "tenantId": "acme",
        "actionType": "payment",
        "payloadRef": f"invoice:{invoice['number']}",
        "timestamp": time.time() * 1000,
        "action": {
            "operation": "bank.transfer",
            "arguments": {name: invoice[name] for name in ARGUMENTS},
        },
    }


def main(invoice_file: str, ledger: str) -> int:
    """Pay the invoice if that is allowed, and say what came of it."""
    invoice = json.loads(Path(invoice_file).read_text(encoding="utf-8"))
    order, arguments = order_of(invoice), {name: invoice[name] for name in ARGUMENTS}

    def pay(grant: Grant) -> str:
        # The provider's idempotency key is the grant: should this run twice after all, the provider pays once.
        with Path(ledger).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"idempotencyKey": grant.grant_id, **arguments}) + "\n")
        return grant.grant_id

    auth = None
    if region := os.environ.get("AWS_REGION"):
        from handshake_rail.signing import SigV4  # noqa: PLC0415 - needs botocore, which an edge makes superfluous

        auth = SigV4(region)
    url, wait_s = os.environ["HANDSHAKE_URL"], float(os.environ.get("WAIT_S", "600"))
    with Handshake(url, envelope=AGENT, submitter=AGENT, auth=auth) as handshake:
        try:
            done = handshake.execute(order, pay, timeout_s=wait_s)
        except NotAllowedError as error:
            print(error.for_people)
            return NOT_ALLOWED
        except HandshakeError as error:
            print(f"not paid: {error.reason_code}")
            return TAKEN if error.reason_code == "security_grant_consumed" else UNKNOWN
    print(f"paid under {done.result}")
    return PAID


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
