"""A recorded visit is played back: the same questions get the same answers, whatever was wrong with them."""

import io
import json
import random
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from bridge.fluvius import http
from bridge.simulator.faults import documents, slots
from bridge.simulator.faults.answers import DATES
from bridge.simulator.faults.table import FAULTS
from bridge.simulator.replay import Replay, UnusableError, moments, read
from bridge.simulator.replay.introduction import configuration
from tests.rig.chance import often
from tests.rig.commands import DONE, run, typed
from tests.rig.provider import Provider
from tests.rig.recordings import Recording, Rows, rows
from tests.rig.world import GAS, HOME, Clock, World

PORTAL: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in FAULTS if not name.startswith(("api-", "prices-"))),
    *(("odd-json", {"variant": variant}) for variant in slots.ODD),
    *(("odd-date", {"variant": variant}) for variant in DATES),
    ("replace", {"body": b"[" * 100_000}),
    ("replace", {"body": b"[{" * 300_000}),
    ("replace", {"body": "Jan é".encode(), "content_type": "text/plain; charset=latin-1"}),
    ("replace", {"where": "authorize", "status": 302, "location": "https://elsewhere.example/x"}),
    ("replace", {"where": "authorize", "status": 302, "location": "//["}),
    ("replace", {"where": "authorize", "status": 302, "location": "/klanten.onmicrosoft.com"}),
    ("replace", {"where": "token", "status": 400, "body": b'{"error": "invalid_grant"}'}),
    ("maintenance", {"where": "authorize"}),
    ("too-many-requests", {"where": "config"}),
    ("stall", {"where": "token"}),
    ("cut", {"where": "self-asserted"}),
]
OF_MANDATES = ("list", "null", "no-data", "data-null", "data-list", "mandates-no-list", "mandates-null")
ENERGY_API: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in FAULTS if name.startswith("api-")),
    *(("api-odd-json", {"variant": variant}) for variant in documents.ODD),
    *(("api-odd-json", {"variant": variant, "where": "mandates"}) for variant in OF_MANDATES),
    ("api-server-error", {"where": "api-token"}),
    ("api-page", {"where": "openid-configuration"}),
]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silence is not waited for, and pauses are as short as chance makes them."""
    monkeypatch.setattr(http, "_SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)


@pytest.fixture
def visit(desk: World, capsys: pytest.CaptureFixture[str]) -> Recording:
    desk.meters = [HOME, GAS]
    return Recording(desk, capsys)


def in_words(parameter: str | dict[str, Any]) -> str:
    """A case's name: the fault, and what it was told."""
    return (
        parameter if isinstance(parameter, str) else " ".join(str(each)[:20] for each in parameter.values())
    )


def verdicts(visit: Recording) -> tuple[Rows, Rows, Rows, list[str]]:
    """Of the visit; of the same to the recording; of `check` to it; and what is not in the recording."""
    recorded = rows(visit.record("--yes"))
    with Replay(read(visit.file), visit.world.clock) as replay:
        checked = rows(visit.check(replay, visit.world.clock))
        again = rows(visit.recorded_again(replay, visit.world.clock))
        return recorded, again, checked, replay.unknown


@pytest.mark.parametrize(("name", "how"), PORTAL[:: often(8, soak=1)], ids=in_words)
def test_a_fault_of_the_portal_is_the_same_when_it_is_played_back(
    visit: Recording, name: str, how: dict[str, Any]
) -> None:
    visit.world.simulator.fault(name, **how)
    recorded, again, checked, unknown = verdicts(visit)
    assert again == recorded
    assert checked == [each for number, each in enumerate(recorded) if number != 2]  # the peaks
    assert unknown == []


@pytest.mark.parametrize(("name", "how"), ENERGY_API[:: often(8, soak=1)], ids=in_words)
def test_a_fault_of_the_energy_api_is_the_same_when_it_is_played_back(
    visit: Recording, name: str, how: dict[str, Any]
) -> None:
    Provider(visit.world)
    visit.world.meters = [{**HOME, "source": "energy_api"}]
    visit.world.simulator.fault(name, **how)
    recorded, again, checked, unknown = verdicts(visit)
    assert again == recorded
    assert checked == recorded[:2]  # without the energy
    assert unknown == []


def test_a_sign_in_that_is_broken_off_is_played_back_as_far_as_it_came(visit: Recording) -> None:
    visit.world.simulator.fault("replace", where="confirmed", body=b"<p>", content_type="text/html")
    recorded, again, checked, unknown = verdicts(visit)
    assert recorded == again == checked == [("sign-in", False)]
    assert len(visit.pages()) == 1 + 5  # the manifest, and up to `confirmed`
    assert unknown == []


def test_a_sign_in_over_several_hosts_is_played_back_at_one_address(visit: Recording) -> None:
    visit.record("--yes")
    pages = {name: json.dumps(page) for name, page in visit.pages().items()}
    for name, page in pages.items():
        moved = page.replace("http://host-1.example/klanten", "https://login.fluvius.be/klanten")
        if '"path": "/klanten' in moved:
            moved = moved.replace('"host": "host-1.example"', '"host": "login.fluvius.be"')
        pages[name] = moved.replace("http://host-1.example", "https://mijn.fluvius.be").replace(
            "host-1.example", "mijn.fluvius.be"
        )
    visit.file.write_bytes(archive(list(pages.items())))
    with Replay(read(visit.file), visit.world.clock) as replay:
        checked = rows(visit.check(replay, visit.world.clock))
    assert checked == [("sign-in", True), ("meter", True), ("meter", True)]
    assert {each.host for each in replay.recording.exchanges} == {"login.fluvius.be", "mijn.fluvius.be"}


@pytest.mark.parametrize("later", [timedelta(days=3), timedelta(days=130), timedelta(days=400, hours=-5)])
def test_a_recording_is_as_good_on_another_day(visit: Recording, later: timedelta) -> None:
    recorded = rows(visit.record("--yes"))
    clock = Clock("2026-11-21 09:00")
    clock.instant += later
    with Replay(read(visit.file), clock) as replay:
        ended = visit.check(replay, clock)
    assert rows(ended) == [each for number, each in enumerate(recorded) if number != 2]
    assert "96 intervals on" in ended.out
    assert replay.unknown == []


def test_the_ledger_of_a_recording_is_filled_like_another(visit: Recording) -> None:
    visit.record("--yes")
    with Replay(read(visit.file), visit.world.clock) as replay:
        tree = yaml.safe_load("\n".join(configuration(replay.recording, replay.url)))
        theirs = World(visit.world.folder / "theirs", visit.world.simulator, visit.world.clock, 1)
        theirs.folder.mkdir()
        theirs.meters = tree["meters"]
        theirs.changes = {"fluvius": tree["fluvius"], "schedule": tree["schedule"]}
        theirs.fetch()
    assert theirs.total("meter1")


def test_what_was_never_asked_is_said(visit: Recording) -> None:
    visit.record("--yes")
    with Replay(read(visit.file), visit.world.clock) as replay:
        assert requests.get(f"{replay.url}/verbruik/api/bills", timeout=5).status_code == 404
    assert replay.unknown == ["GET /verbruik/api/bills"]


@pytest.mark.parametrize(
    ("moment", "days", "then"),
    [
        ("2026-11-20T23:00:00Z", 1, "2026-11-21T23:00:00Z"),
        ("2026-10-24T22:00:00Z", 1, "2026-10-25T23:00:00Z"),  # midnight stays midnight
        ("2026-10-24T00:00:00.000+02:00", 2, "2026-10-26T00:00:00.000+01:00"),
        ("2026-10-24T00:00:00+00:00", 2, "2026-10-26T01:00:00+00:00"),
        ("2026-11-20T23:00", 1, "2026-11-21T23:00"),
        ("2026-11-20", -1, "2026-11-19"),
        ("9999-12-31T00:00:00Z", 1, "9999-12-31T00:00:00Z"),
        ("2026-13-45", 1, "2026-13-45"),
        ("20 kWh", 1, "20 kWh"),
    ],
)
def test_moments_move_by_whole_days_in_flanders(moment: str, days: int, then: str) -> None:
    assert moments.later(moment, days) == then


# What comes from strangers

MANIFEST = json.dumps({"format": 1, "recorded": "2026-11-21T09:00:00+01:00"})
EXCHANGE: dict[str, Any] = {
    "request": {"method": "GET", "host": "h", "path": "/x"},
    "at": "2026-11-21T08:00:00+00:00",
    "response": {"status": 200, "headers": {}, "text": ""},
}


def archive(pages: Sequence[tuple[str, str | bytes]]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, page in pages:
            written.writestr(name, page)
    return file.getvalue()


def changed(**response: Any) -> str:
    return json.dumps({**EXCHANGE, "response": {**EXCHANGE["response"], **response}})


HOSTILE: dict[str, tuple[bytes, str]] = {
    "no zip": (b"hello", "no zip archive"),
    "cut": (archive([("manifest.json", MANIFEST)])[:-30], "no zip archive"),
    "empty": (archive([]), "no recording"),
    "another version": (
        archive([("manifest.json", MANIFEST.replace("1", "2", 1))]),
        "another version",
    ),
    "a path": (archive([("manifest.json", MANIFEST), ("../../etc/cron.d/x", "{}")]), "none of a recording"),
    "an absolute path": (archive([("manifest.json", MANIFEST), ("/001.json", "{}")]), "none of a recording"),
    "a bomb": (archive([("manifest.json", MANIFEST), ("001.json", b" " * 20_000_000)]), "too large"),
    "many": (archive([(f"{number:03}.json", "{}") for number in range(500)]), "more than 400 files"),
    "deep": (archive([("manifest.json", MANIFEST), ("001.json", "[" * 500_000)]), "no recording"),
    "no JSON": (archive([("manifest.json", MANIFEST), ("001.json", "{")]), "no recording"),
    "no exchange": (archive([("manifest.json", MANIFEST), ("001.json", "[1]")]), "no recording"),
    "a header of two lines": (
        archive([("manifest.json", MANIFEST), ("001.json", changed(headers={"Location": "/\r\nX: y"}))]),
        "no recording",
    ),
    "a status of 99999": (
        archive([("manifest.json", MANIFEST), ("001.json", changed(status=99999))]),
        "no recording",
    ),
    "a moment without a zone": (
        archive([("manifest.json", MANIFEST.replace("+01:00", ""))]),
        "no recording",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_line(tmp_path: Path, name: str) -> None:
    content, words = HOSTILE[name]
    file = tmp_path / "report.zip"
    file.write_bytes(content)
    with pytest.raises(UnusableError, match=words):
        read(file)
    ended = typed(tmp_path, "simulate", "--replay", "report.zip", "--port", "0")
    assert ended.status == 2
    [line] = ended.complaint
    assert words in line
    assert [each.name for each in tmp_path.iterdir()] == ["report.zip"]


def test_a_port_that_is_none_is_refused_in_a_line(visit: Recording) -> None:
    visit.record("--yes")
    ended = typed(visit.world.folder, "simulate", "--replay", str(visit.file), "--port", "many")
    assert ended.status == 2
    assert ended.complaint == ["fluvius2mqtt: --port many: write a number from 0 to 65535"]


def test_the_command_says_with_which_configuration_it_answers(visit: Recording) -> None:
    visit.record("--yes")
    with run(visit.world, "--replay", str(visit.file), "--port", "0", name="simulate") as running:
        running.until_says("Ctrl-C ends it")
        said = running.log
        lines = said.partition("A configuration to go with it:")[2].partition("Ctrl-C")[0]
        tree = yaml.safe_load(lines)
        assert [meter["energy"] for meter in tree["meters"]] == ["electricity", "gas"]
        assert requests.get(f"{tree['fluvius']['portal']['url']}/nothing", timeout=5).status_code == 404
        running.until_says("not in the recording")
        ended, _ = running.terminate()
    assert ended.status == DONE
