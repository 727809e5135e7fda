"""`ops cost`: what it prints, and that docs/scale.md has it."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.commands.app import app
from ops.cost.document import BEGIN, BEGIN_GRANTS, END, SCALE


def cost(*options: str, code: int = 0) -> str:
    ran = CliRunner().invoke(app, ["cost", *options])
    assert ran.exit_code == code, ran.output
    return ran.output


def loads(*options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cost("--json", *options))["loads"]
    return found


def test_the_document_has_the_table_that_the_command_prints() -> None:
    written = SCALE.read_text(encoding="utf-8")

    assert written.partition(BEGIN)[2].partition(END)[0].strip() == cost("--markdown").strip()
    with_grants = cost(*BEGIN_GRANTS.split()[3:-1]).strip()
    assert written.partition(BEGIN_GRANTS)[2].partition(END)[0].strip() == with_grants
    assert "KMS signatures of grants" in with_grants


def test_three_sizes_unless_asked_for_others() -> None:
    assert [one["rps"] for one in loads()] == [1, 100, 10_000]
    assert [one["rps"] for one in loads("--rps", "7", "--rps", "70")] == [7, 70]


def test_the_shares_of_a_load_are_all_of_it_largest_first() -> None:
    [load] = loads("--rps", "100")

    dollars = [driver["dollarsPerMonth"] for driver in load["drivers"]]
    assert sum(driver["share"] for driver in load["drivers"]) == pytest.approx(1, abs=1e-4)
    assert sum(dollars) == pytest.approx(load["dollarsPerMonth"], abs=0.05)
    assert dollars == sorted(dollars, reverse=True)


def test_people_see_the_largest_driver_first_and_the_date_of_the_prices() -> None:
    said = cost("--rps", "100")

    assert max(map(len, cost().splitlines())) <= 80
    assert max(map(len, cost("--details").splitlines())) <= 80
    assert "calls a second" in said
    assert said.index("DynamoDB write units") < said.index("Logs of functions")
    assert "KMS" in cost("--rps", "100", "--details")
    assert "as of 20" in said


def test_more_than_the_stage_admits_is_said() -> None:
    assert "admits 500 calls a second; 600" in cost("--rps", "600")
    assert "admits" not in cost("--rps", "400")
    assert "admits 50 calls a second" in cost("--rps", "400", "--environment", "staging")


def test_rates_that_are_more_than_everything_are_refused() -> None:
    assert "more than all decisions" in cost("--escalation-rate", "0.6", "--deny-rate", "0.6", code=1)


@pytest.mark.parametrize("wrong", [("--rps", "0"), ("--escalation-rate", "2"), ("--environment", "local")])
def test_a_wrong_option_ends_with_2(wrong: tuple[str, str]) -> None:
    cost(*wrong, code=2)
