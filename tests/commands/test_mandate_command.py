"""`fluvius2mqtt mandate`, as an energy service provider types it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bridge.commands import main
from bridge.simulator import Simulator
from tests.rig.mosquitto import Mosquitto
from tests.rig.provider import Provider
from tests.rig.terminal import at_a_terminal
from tests.rig.world import GAS, HOME, Clock, World


@pytest.fixture
def today() -> Iterator[Simulator]:
    """A Fluvius that lives today, for a command has no other clock."""
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def no_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command does to logging would outlive the test."""
    monkeypatch.setattr("bridge.commands.starting.log_to_terminal", lambda *_: None)


@pytest.fixture
def provider(tmp_path: Path, today: Simulator) -> Provider:
    return Provider(World(tmp_path, today, Clock("2000-01-01 00:00"), broker_port=1))


def typed(provider: Provider, *words: str) -> int:
    try:
        return main([*words, "--config", str(provider.world.write_configuration())])
    except SystemExit as ended:  # argparse
        return int(ended.code or 0)


def test_the_list_is_a_table(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(provider, "mandate", "list") == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["EAN", "REFERENCE", "STATUS", "SERVICE", "FROM", "TO", "EXPIRES", "RENEWAL"]
    assert {row.split()[0] for row in rows} >= {HOME["ean"], GAS["ean"]}
    assert all("Approved" in row for row in rows)
    assert max(map(len, rows)) <= 120
    assert {row.split()[3] for row in rows} == {"day", "quarter-hour"}  # as `mandate request` calls them


def test_at_a_narrow_terminal_the_table_leaves_out_columns_in_which_there_is_nothing(
    provider: Provider, tmp_path: Path
) -> None:
    provider.api.add_mandate(HOME["ean"], reference="customer-42")
    with at_a_terminal(
        tmp_path, "mandate", "list", "--config", str(provider.world.write_configuration())
    ) as person:
        assert person.ends() == 0
    head, *rows = person.seen.splitlines()
    assert head.split() == ["EAN", "REFERENCE", "STATUS", "SERVICE", "FROM", "EXPIRES"]
    assert max(map(len, rows)) <= 80


def test_a_list_of_one_reference(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.api.add_mandate(HOME["ean"], reference="customer-7", status="Requested")
    assert typed(provider, "mandate", "list", "--reference", "customer-7") == 0
    [_, row] = capsys.readouterr().out.splitlines()
    assert row.split()[:3] == [HOME["ean"], "customer-7", "Requested"]


REQUEST = ["mandate", "request", "--reference", "customer-8", "--flow", "B2C", "--service", "quarter-hour"]


def test_a_request_prints_a_link_that_works(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    urls = [
        "--return-url-success",
        "https://example.com/yes",
        "--return-url-failed",
        "https://example.com/no",
    ]
    assert typed(provider, *REQUEST, "--eans", "2", "--from", "2026-01-01", "--to", "2027-01-01", *urls) == 0
    link, sentence = capsys.readouterr().out.splitlines()
    assert link.startswith("https://mijn.fluvius.be/verbruik/dienstverlener?id=")
    assert sentence.startswith("Send it to the customer: it works until 20")
    page = link.replace("https://mijn.fluvius.be", provider.simulator.url)
    assert requests.get(page, timeout=5).status_code == 200
    provider.api.consent("customer-8", HOME["ean"])
    assert typed(provider, "mandate", "list", "--reference", "customer-8") == 0
    assert "customer-8" in capsys.readouterr().out


def test_a_mandate_to_test_with(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--reference", "test", "--ean", "541440000000000099", "--from", "2026-01-01"]
    assert typed(provider, "mandate", "mock", *words) == 0
    assert capsys.readouterr().out == "541440000000000099 has a mandate test: Approved\n"
    assert typed(provider, "mandate", "list", "--reference", "test") == 0
    assert "541440000000000099" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["mandate", "mock", "--reference", "r", "--ean", "1", "--from", "2026-01-01"], 1, "HTTP 400"),
        ([*REQUEST, "--from", "yesterday"], 2, "yesterday is not a date; write it like 2026-11-20"),
        ([*REQUEST, "--from", "2026-02-01", "--to", "2026-01-01"], 2, "is not after --from"),
        ([*REQUEST, "--from", "2026-01-01", "--eans", "none"], 2, "--eans none: write a number of EANs"),
        (["mandate", "request"], 2, "required: --reference, --flow, --from, --service"),
        (["mandate"], 2, "mandate [-h]"),
    ],
)
def test_what_cannot_be_done_is_said(
    provider: Provider, capsys: pytest.CaptureFixture[str], words: list[str], status: int, complaint: str
) -> None:
    assert typed(provider, *words) == status
    assert complaint in capsys.readouterr().err


def test_a_wrong_secret_ends_with_3(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.configure(environment="sandbox", client_secret="wrong")
    assert typed(provider, "mandate", "list") == 3
    assert "AADSTS7000215" in capsys.readouterr().err


def test_mandates_are_the_energy_api_s(provider: Provider, capsys: pytest.CaptureFixture[str]) -> None:
    provider.world.changes = {}
    provider.world.meters = [HOME]
    assert typed(provider, "mandate", "list") == 2
    assert "is not configured" in capsys.readouterr().err


def test_a_check_of_the_energy_api(
    provider: Provider, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.world.broker_port = mosquitto.port
    provider.world.meters = [{"name": "home", "ean": HOME["ean"]}, {"ean": "541448820000000077"}]
    assert typed(provider, "check") == 1
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split(maxsplit=2) for line in lines if line.startswith(("ok ", "NO "))]
    table = {what: (mark, words) for mark, what, words in rows}
    assert table["energy_api"][0] == "ok"
    assert table["home"] == ("ok", "its mandate is approved")
    assert table["541448820000000077"][0] == "NO"


def test_without_msal_the_command_says_what_to_install(
    provider: Provider, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.commands.starting.find_spec", lambda _: None)
    assert typed(provider, "check") == 2
    assert "-m pip install '.[energy-api]'" in capsys.readouterr().err


def test_without_websockets_statistics_say_what_to_install(
    provider: Provider, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.homeassistant.find_spec", lambda _: None)
    provider.world.changes["homeassistant.statistics"] = {"url": "ws://localhost:8123/x", "token": "t"}
    assert typed(provider, "once") == 2
    assert "-m pip install '.[homeassistant]'" in capsys.readouterr().err


def test_statistics_without_an_address_are_for_the_add_on(
    provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.world.changes["homeassistant.statistics"] = True
    assert typed(provider, "once") == 2
    assert "true is for Home Assistant's app; write the keys url and token" in capsys.readouterr().err
