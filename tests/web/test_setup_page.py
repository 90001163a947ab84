"""From an empty folder to yesterday's picture, with clicks and typing alone."""

import json
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from bridge.config import load
from bridge.metering import meterday
from bridge.metering.model import BRUSSELS, Energy
from bridge.simulator import Simulator
from tests.rig.commands import PASSWORD
from tests.rig.files import Writer
from tests.rig.holding import holding
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.newcomer import Newcomer, arriving
from tests.rig.pages import words_of
from tests.rig.world import GAS, HOME

EMAIL = "you@example.com"
YESTERDAY = datetime.now(UTC).astimezone(BRUSSELS).date() - timedelta(days=1)


def at(simulator: Simulator) -> dict[str, str]:
    return {"FLUVIUS2MQTT_FLUVIUS__PORTAL__URL": simulator.url}


def to_the_account(newcomer: Newcomer, mosquitto: Mosquitto) -> Newcomer:
    """The first answers."""
    newcomer.look()
    assert newcomer.page.url.endswith("/setup")
    newcomer.answer(host=f"127.0.0.1:{mosquitto.port}")
    assert "takes and delivers messages" in newcomer.words
    newcomer.answer(source="account")
    assert "E-mail address" in newcomer.words
    return newcomer


def to_the_end(newcomer: Newcomer) -> Newcomer:
    """The last answers: as they are proposed, without statistics and prices."""
    newcomer.answer()
    newcomer.answer(statistics="no")
    newcomer.answer(prices="later")
    newcomer.answer(language="en")
    assert "What will be written" in newcomer.words
    return newcomer


def picture_of(newcomer: Newcomer, name: str) -> None:
    """Yesterday's, as soon as it is fetched."""
    energy = Energy.GAS if name == "gas" else Energy.ELECTRICITY  # at night yesterday's gas day is not over
    path = f"/meters/{name}/day/{meterday.latest_ended(datetime.now(UTC), energy)}"
    eventually(lambda: "<svg" in newcomer.browser.get(path).text, 40)


def published(mosquitto: Mosquitto, *topics: str) -> None:
    """A picture is there once the ledger has its day, and that is published a moment later."""
    eventually(lambda: mosquitto.retained().keys() >= set(topics), 20)


def test_a_newcomer_with_an_account(tmp_path: Path, today: Simulator, mosquitto: Mosquitto) -> None:
    with arriving(tmp_path, at(today)) as newcomer:
        to_the_account(newcomer, mosquitto)
        newcomer.answer(email=EMAIL, password=PASSWORD)
        assert "Fluvius knows you" in newcomer.words
        newcomer.answer(
            ean=f"https://mijn.fluvius.be/verbruik/{HOME['ean']}/detail?x=1", serial=HOME["serial"]
        )
        assert "days up to" in newcomer.words
        newcomer.answer(**{"more 1": "yes"})
        newcomer.answer(ean=GAS["ean"], serial=GAS["serial"], energy="gas")
        newcomer.answer(**{"more 2": "no"})
        assert not (tmp_path / "fluvius2mqtt.yaml").exists()
        to_the_end(newcomer)
        assert not (tmp_path / "fluvius2mqtt.yaml").exists()
        assert "password: !secret fluvius" in newcomer.page.text
        newcomer.answer(do="write")
        picture_of(newcomer, "home")
        picture_of(newcomer, "gas")
        published(mosquitto, "fluvius/gas/day", "fluvius/home/intervals")
        assert mosquitto.retained()["fluvius/home/day/date"] == str(YESTERDAY)
        assert not [each for each in newcomer.seen if PASSWORD in each]
    for name in "fluvius2mqtt.yaml", "secrets.yaml":
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    settings = load(tmp_path / "fluvius2mqtt.yaml", at(today))
    assert settings.is_set_up  # without the page too
    assert settings.web is True, "the next start may be without the environment that switched it on"


def test_a_newcomer_with_two_files_and_no_account(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aside").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "aside"))
    left = tmp_path / "aside" / "fluvius2mqtt-asked-x"  # by a process that was killed
    left.mkdir()
    os.utime(left, (0, 0))
    first = YESTERDAY - timedelta(days=2)
    given = []
    for language, meter in ("nl", HOME), ("en", GAS):
        writer = Writer(today, meter["ean"], language)
        given.append(writer.write(tmp_path / f"{meter['name']}.csv", writer.intervals(first, YESTERDAY)))
    (tmp_path / "empty").mkdir()
    with arriving(tmp_path / "empty") as newcomer:
        newcomer.look().answer(host=f"127.0.0.1:{mosquitto.port}")
        newcomer.answer(source="files")
        newcomer.answer(*given)
        assert f"electricity meter {HOME['ean']}, gas meter {GAS['ean']}" in newcomer.words
        assert len(list((tmp_path / "aside").iterdir())) == 1
        assert not left.exists()
        newcomer.answer(do="back")
        assert "Given so far: home.csv, gas.csv" in newcomer.words
        newcomer.answer()
        to_the_end(newcomer).answer(do="write")
        assert not list((tmp_path / "aside").iterdir())
        picture_of(newcomer, "home")
        picture_of(newcomer, "gas")
        published(mosquitto, "fluvius/home/day", "fluvius/gas/day")
        assert json.loads(mosquitto.retained()["fluvius/gas/day"])["date"] == str(YESTERDAY)
    assert not load(tmp_path / "empty" / "fluvius2mqtt.yaml", {}).fluvius.portal


def test_a_refused_password_is_asked_for_again_once(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    with arriving(tmp_path, at(today)) as newcomer:
        to_the_account(newcomer, mosquitto)
        for tries in 1, 2:
            newcomer.answer(email=EMAIL, password=f"planted {tries}")
            assert "That does not work" in newcomer.words
            assert today.count("self-asserted") == tries
            assert ("Fluvius is not asked again" in newcomer.words) is (tries == 2)
        assert "or reset it there" in newcomer.words
        newcomer.look("/setup")  # whoever reloads asks nobody
        assert today.count("self-asserted") == 2
        assert ("do", "keep") not in newcomer.form("setup").buttons
        newcomer.answer(email=EMAIL, password="planted 4")
        to_the_account(newcomer.press("leave"), mosquitto).answer(email=EMAIL, password="planted 5")
        assert "has refused this account too often today" in newcomer.words
        assert today.count("self-asserted") == 2
        newcomer.later(hours=24)
        to_the_account(newcomer, mosquitto).answer(email=EMAIL, password="planted 6")
        assert today.count("self-asserted") == 3
        assert not [each for each in newcomer.seen if "planted" in each]


def test_a_locked_account_is_left_alone(tmp_path: Path, today: Simulator, mosquitto: Mosquitto) -> None:
    today.fault("account-locked")
    with arriving(tmp_path, at(today)) as newcomer:
        to_the_account(newcomer, mosquitto).answer(email=EMAIL, password=PASSWORD)
        assert "locked" in newcomer.words
        assert "Fluvius is not asked again" in newcomer.words
        newcomer.answer(email=EMAIL, password=PASSWORD)
        assert "locked" in newcomer.words
        assert today.count("self-asserted") == 1


def test_a_broker_that_is_away_is_said_and_may_be_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with arriving(tmp_path) as newcomer:
        newcomer.look().answer(host="127.0.0.1:1", username="me")
        assert "There is more to answer now" in newcomer.words
        newcomer.answer(password="planted")
        assert "That does not work" in newcomer.words
        assert "127.0.0.1:1" not in caplog.text  # where the bridge says what is wrong with its own broker
        newcomer.answer(do="keep")
        assert "Where readings come from" in newcomer.words
        newcomer.answer(do="back")
        assert newcomer.form("setup").fields["mqtt.host"] == "127.0.0.1:1"
        assert not [each for each in newcomer.seen if "planted" in each]


def test_what_is_not_a_file_of_mijn_fluvius_is_said_and_not_kept(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    (tmp_path / "holiday.csv").write_text("a,b\n1,2\n", "utf-8")
    with arriving(tmp_path) as newcomer:
        newcomer.look().answer(host=f"127.0.0.1:{mosquitto.port}").answer(source="files")
        newcomer.answer()
        assert "No file was chosen." in newcomer.words
        newcomer.answer(tmp_path / "holiday.csv")
        assert "holiday.csv:" in newcomer.words
        assert "Your files" in newcomer.words


def test_names_of_files_on_the_bridges_machine_are_not_taken(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    writer = Writer(today, HOME["ean"])
    there = writer.write(tmp_path / "there.csv", writer.days(YESTERDAY, YESTERDAY))
    with arriving(tmp_path, at(today)) as newcomer:
        newcomer.look().answer(host=f"127.0.0.1:{mosquitto.port}").answer(source="files")
        newcomer.answer(files=str(there))
        assert "Your files" in newcomer.words
        newcomer.answer(do="back").answer(source="account").answer(email=EMAIL, password=PASSWORD)
        newcomer.answer(ean=str(there), serial="1")
        assert "Your meter" in newcomer.words
        assert HOME["ean"] not in newcomer.words


def test_where_nothing_is_configured_there_is_nothing_to_ask_fluvius_for(tmp_path: Path) -> None:
    with arriving(tmp_path) as newcomer:
        newcomer.look("/data/history")
        assert "Nothing is configured yet" in newcomer.words
        assert "comes from files" not in newcomer.words
        assert "Ask Fluvius now" not in newcomer.look("/state").words


def test_whoever_goes_back_may_take_the_other_way(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    writer = Writer(today, HOME["ean"])
    file = writer.write(tmp_path / "home.csv", writer.days(YESTERDAY, YESTERDAY))
    with arriving(tmp_path) as newcomer:
        newcomer.look().answer(host=f"127.0.0.1:{mosquitto.port}").answer(source="account")
        newcomer.answer(do="back").answer(source="files").answer(file)
        to_the_end(newcomer)
        assert "portal" not in newcomer.page.text
        assert "source: file" in newcomer.words


def test_what_the_environment_says_is_not_asked(tmp_path: Path, mosquitto: Mosquitto) -> None:
    said = {"FLUVIUS2MQTT_MQTT__HOST": "127.0.0.1", "FLUVIUS2MQTT_MQTT__PORT": str(mosquitto.port)}
    with arriving(tmp_path, said | {"FLUVIUS2MQTT_LANGUAGE": "en"}) as newcomer:
        assert "Where readings come from" in newcomer.look().words


def test_a_first_start_keeps_the_comments_of_a_file_that_has_the_page_alone(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    writer = Writer(today, HOME["ean"])
    file = writer.write(tmp_path / "home.csv", writer.days(YESTERDAY, YESTERDAY))
    with arriving(
        tmp_path, text="# for the telephone too\nweb: true  # one day with a password\n"
    ) as newcomer:
        newcomer.look().answer(host=f"127.0.0.1:{mosquitto.port}").answer(source="files").answer(file)
        newcomer.answer().answer(statistics="no").answer(prices="later").answer(language="en")
        newcomer.answer(do="write")
        eventually(lambda: newcomer.keeper.window.status is not None, 20)
    text = (tmp_path / "fluvius2mqtt.yaml").read_text("utf-8")
    assert text.startswith("# for the telephone too\nweb: true  # one day with a password\n\nmqtt:\n")


def test_a_folder_that_cannot_be_written_is_said_with_the_text_to_copy(
    tmp_path: Path, today: Simulator
) -> None:
    writer = Writer(today, HOME["ean"])
    file = writer.write(tmp_path / "home.csv", writer.days(YESTERDAY, YESTERDAY))
    elsewhere = {"FLUVIUS2MQTT_DATA_DIR": str(tmp_path / "data")}
    with arriving(tmp_path / "gone", elsewhere) as newcomer:
        newcomer.look().answer(host="127.0.0.1:1").answer(do="keep")
        to_the_end(newcomer.answer(source="files").answer(file))
        form = newcomer.form("setup")
        fields = form.fields | {"do": "write"}
        refused = newcomer.browser.session.post(newcomer.page.url, data=fields, timeout=9)
        assert refused.status_code == 503
        assert "Copy the text below" in refused.text
        assert HOME["ean"] in refused.text
        assert not newcomer.keeper.settings.is_set_up
        (tmp_path / "gone").mkdir()
        newcomer.answer(do="write")  # once more
        assert newcomer.keeper.settings.is_set_up


def test_files_that_cannot_be_kept_leave_everything_as_it_was(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    writer = Writer(today, HOME["ean"])
    file = writer.write(tmp_path / "home.csv", writer.days(YESTERDAY, YESTERDAY))
    said = {"FLUVIUS2MQTT_DATA_DIR": str(tmp_path / "data")}
    with arriving(tmp_path, said) as newcomer:
        newcomer.look().answer(host=f"127.0.0.1:{mosquitto.port}").answer(source="files")
        to_the_end(newcomer.answer(file))
        reviewed = newcomer.words
        (tmp_path / "data").mkdir()
        in_the_way = tmp_path / "data" / "dropped"
        in_the_way.write_text("in the way")
        fields = newcomer.form("setup").fields | {"do": "write"}
        refused = newcomer.browser.session.post(newcomer.page.url, data=fields, timeout=9)
        assert (refused.status_code, "dropped cannot be written" in words_of(refused)) == (503, True)
        assert not (tmp_path / "fluvius2mqtt.yaml").exists()
        assert newcomer.look("/setup").words == reviewed
        in_the_way.unlink()
        newcomer.answer(do="write")
        published(mosquitto, "fluvius/home/total")


def test_a_file_that_is_written_by_hand_meanwhile_needs_no_questions(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    with arriving(tmp_path) as newcomer:
        file = newcomer.place.file
        file.write_text("meters: [{ean: 12", "utf-8")
        assert newcomer.browser.get("/setup").status_code == 503
        meter = f"{{ean: '{HOME['ean']}', source: file}}"
        file.write_text(f"mqtt: {{host: 127.0.0.1, port: {mosquitto.port}}}\nmeters: [{meter}]\n", "utf-8")
        assert not newcomer.look("/setup").page.url.endswith("/setup")
        eventually(lambda: newcomer.keeper.window.status is not None, 20)


def test_what_is_typed_wrong_is_said_beside_it(
    tmp_path: Path, mosquitto: Mosquitto, today: Simulator
) -> None:
    with arriving(tmp_path, at(today)) as newcomer:
        newcomer.look().answer(host="not an address!")
        assert "That is not the name of a computer" in newcomer.words
        to_the_account(newcomer, mosquitto).answer(email=EMAIL, password=PASSWORD)
        for typed in "/etc/passwd", "5414 4882", "541448820000000009":
            newcomer.answer(ean=typed, serial=HOME["serial"])
            assert "Your meter" in newcomer.words
            assert 'class="bad"' in newcomer.page.text, typed


def test_answers_count_once_and_only_from_this_page(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with arriving(tmp_path) as newcomer:
        first = newcomer.look().page
        newcomer.answer(host=f"127.0.0.1:{mosquitto.port}")
        asked = newcomer.words
        newcomer.page = first  # back in the browser, and once more
        newcomer.answer(host="elsewhere")
        assert newcomer.words.startswith(asked[:20])
        form = newcomer.form("setup")
        for headers in {"Origin": "http://attacker.example"}, {"Sec-Fetch-Site": "cross-site"}:
            refused = newcomer.browser.session.post(
                newcomer.page.url, data=form.fields, headers=headers, timeout=9
            )
            assert refused.status_code == 403
        stranger = arriving_too(newcomer)
        assert "Your MQTT broker" in stranger.look().words  # who begins from the beginning


def test_a_try_that_takes_long_keeps_nobody_waiting(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    with arriving(tmp_path, at(today)) as newcomer, signing_in(newcomer, today, mosquitto) as elsewhere:
        for _ in range(6):  # more than there are threads
            looked = elsewhere.browser.get("/setup")
            assert "Your answer is being tried" in words_of(looked)
            assert looked.headers["Refresh"] == "2"
        assert elsewhere.browser.get("/state").status_code == 200
        stranger = to_the_account(arriving_too(newcomer), mosquitto)
        stranger.answer(email=EMAIL, password=PASSWORD)
        assert "somebody else signs in just now" in stranger.words
        assert today.count("self-asserted") == 1
    assert "Fluvius knows you" in newcomer.words


def test_an_answer_that_is_sent_twice_while_it_is_tried_is_tried_once(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    with arriving(tmp_path, at(today)) as newcomer, signing_in(newcomer, today, mosquitto) as elsewhere:
        elsewhere.answer(email=EMAIL, password="another")
        assert "Your answer is being tried" in elsewhere.words
    assert "Fluvius knows you" in newcomer.words
    assert today.count("self-asserted") == 1


def test_whoever_leaves_while_an_answer_is_tried_leaves_nothing(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    with arriving(tmp_path, at(today)) as newcomer:
        with signing_in(newcomer, today, mosquitto) as elsewhere:
            elsewhere.look("/setup").press("leave")
            assert "Your MQTT broker" in elsewhere.words
        assert "Your MQTT broker" in newcomer.words
        assert list(tmp_path.iterdir()) == [tmp_path / "mosquitto"]


def test_visits_that_answer_nothing_push_nobody_out(tmp_path: Path, mosquitto: Mosquitto) -> None:
    said = {"FLUVIUS2MQTT_MQTT__HOST": "127.0.0.1", "FLUVIUS2MQTT_MQTT__PORT": str(mosquitto.port)}
    with arriving(tmp_path, said) as newcomer:
        newcomer.look().answer(source="files")
        for _ in range(25):
            assert requests.get(f"{newcomer.browser.root}/setup", timeout=9).status_code == 200
        assert "Your files" in newcomer.look("/setup").words
        for _ in range(20):
            arriving_too(newcomer).look().answer(source="files")
        late = arriving_too(newcomer).look().answer(source="files")
        assert "Your files" in late.words


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://attacker.example"}])
def test_nobody_begins_because_another_site_led_here(tmp_path: Path, headers: dict[str, str]) -> None:
    with arriving(tmp_path) as newcomer:
        refused = newcomer.browser.get("/setup", headers=headers)
        assert (refused.status_code, "nother site led here" in words_of(refused)) == (403, True)


@contextmanager
def signing_in(newcomer: Newcomer, fluvius: Simulator, mosquitto: Mosquitto) -> Iterator[Newcomer]:
    """The same browser's other window, while Fluvius takes its time to answer the first one's sign-in."""
    to_the_account(newcomer, mosquitto)
    elsewhere = arriving_too(newcomer)
    elsewhere.browser.session.cookies = newcomer.browser.session.cookies.copy()
    elsewhere.look("/setup")
    answering = threading.Thread(target=newcomer.answer, kwargs={"email": EMAIL, "password": PASSWORD})
    try:
        with holding(fluvius, "self-asserted"):
            answering.start()
            eventually(lambda: fluvius.count("self-asserted"), 10)
            yield elsewhere
            assert answering.is_alive()
    finally:
        answering.join(20)


def arriving_too(newcomer: Newcomer) -> Newcomer:
    """Somebody else at the same page."""
    return Newcomer(newcomer.keeper, newcomer.place, newcomer.browser.port)
