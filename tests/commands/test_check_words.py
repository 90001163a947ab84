"""What `check` says to someone for whom something is not as it should be."""

import pytest

from tests.rig.commands import COULD_NOT, DONE, REFUSED, checked, findings, once
from tests.rig.mosquitto import Mosquitto
from tests.rig.world import GAS, HOME, World


def with_token(house: World, token: str) -> None:
    """Instead of e-mail address and password."""
    house.changes["fluvius.portal"] = {"token": token, "url": house.simulator.url}


def test_a_token_that_is_refused_is_no_sign_in_that_works(house: World) -> None:
    house.meters = [HOME, GAS]
    with_token(house, "made up")
    ended = checked(house)
    table = findings(ended)
    assert ended.status == REFUSED
    assert (table["sign-in"][0], "home" in table, "gas" in table) == (False, False, False)
    assert "fluvius.portal.token" in table["sign-in"][1]
    assert house.simulator.count("readings") == 1


def test_a_token_that_is_taken_is_said_to_be(house: World) -> None:
    once(house)
    with_token(house, house.simulator.sign_in.issue_access_token(house.simulator.now()))
    ended = checked(house)
    assert ended.status == DONE, ended.out
    table = findings(ended)
    assert [*table][-2:] == ["sign-in", "home"]
    assert "the token" in table["sign-in"][1]


@pytest.mark.parametrize(
    ("fault", "when"),
    [
        ("too-many-requests", "after 20"),
        ("server-error", "after some minutes"),
        ("unavailable", "after some minutes"),
        ("maintenance", "after some minutes"),
    ],
)
def test_trouble_of_fluvius_leaves_nothing_to_do(house: World, fault: str, when: str) -> None:
    house.simulator.fault(fault)
    ended = checked(house)
    works, words = findings(ended)["home"]
    assert (ended.status, works) == (COULD_NOT, False)
    assert ".;" not in words
    assert f"there is nothing to do: a running bridge tries again by itself, {when}" in words


def test_what_the_user_has_to_mend_is_not_said_to_need_nothing(house: World) -> None:
    house.simulator.stop()
    assert "nothing to do" not in checked(house).out


@pytest.mark.parametrize(
    ("meter", "energy", "answered"),
    [(GAS, "electricity", "gas"), (HOME, "gas", "electricity")],
)
def test_a_meter_of_the_other_energy_is_told_by_fluvius_s_answer(
    house: World, meter: dict[str, str], energy: str, answered: str
) -> None:
    house.meters = [meter | {"energy": energy}]
    ended = checked(house)
    works, words = findings(ended)[meter["name"]]
    assert (ended.status, works) == (COULD_NOT, False)
    assert words == f"Fluvius answers with readings of {answered}; write energy: {answered} for this meter"


def test_another_program_below_the_base_topic_is_told(house: World, mosquitto: Mosquitto) -> None:
    once(house)
    assert "another program" not in checked(house).out
    mosquitto.publish("fluvius/p1/power", "0.4", retain=True)
    mosquitto.publish("fluvius/status", "on", retain=True)
    ended = checked(house)
    assert ended.status == DONE
    assert (
        "fluvius/ has 2 retained topics of another program, such as fluvius/p1/power:"
        " write another mqtt.base_topic" in findings(ended)["broker"][1]
    )
    assert mosquitto.retained()["fluvius/p1/power"] == "0.4"
