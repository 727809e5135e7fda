"""docs/grants.md shows the evidence that one request leaves, from submission to reported outcome."""

from handshake.requests.verify import verify_request
from tests.conftest import Engine
from tests.contract.timeline import BEGIN, END, GRANTS, played, table
from tests.support.service import InProcess


def test_the_document_shows_what_a_request_leaves(dynamodb_local: Engine) -> None:
    service = InProcess(*dynamodb_local)

    lines = list(table(played(service)))

    kinds = [line.split("`")[1] for line in lines[2:]]
    assert kinds == ["decided", "extended", "closed", "claimed", "reported"]
    written = GRANTS.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert written.strip().splitlines() == lines, "python -m tests.contract.timeline writes it anew"
    assert verify_request(service.context, "pay-17") == []
