"""What was set up is changed later: shown, tried, and written into the file that people edit by hand."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.config import load
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import open_access
from bridge.setup.hiding import HIDDEN
from bridge.simulator import Simulator
from tests.rig.commands import PASSWORD
from tests.rig.core import TOKEN, Core
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.newcomer import Newcomer, arriving
from tests.rig.world import GAS, HOME

BY_HAND = """\
# The bridge in the cellar
web: true
mqtt: {{host: 127.0.0.1, port: {port}}}   # Mosquitto
fluvius:
  portal:
    email: you@example.com
    password: !secret mine
    url: {url}

meters:
  # under the stairs
  - name: home
    ean: "541448820000000008"
    serial: 1SAG1100042062

# Of the Christmas of last year
language: en
"""


HIDDEN_IN_QUOTES = f'"{HIDDEN}"'


@contextmanager
def living(folder: Path, fluvius: Simulator, port: int, **environ: str) -> Iterator[Newcomer]:
    """A bridge that was set up by hand."""
    (folder / "secrets.yaml").write_text(f"# mine alone\nmine: {PASSWORD}\n", "utf-8")
    with arriving(folder, environ, BY_HAND.format(port=port, url=fluvius.url)) as newcomer:
        yield newcomer


def file_of(newcomer: Newcomer) -> str:
    return newcomer.place.file.read_text("utf-8")


@pytest.fixture
def at_home(tmp_path: Path, today: Simulator, mosquitto: Mosquitto) -> Iterator[Newcomer]:
    with living(tmp_path, today, mosquitto.port) as newcomer:
        yield newcomer
        assert not [each for each in newcomer.seen if PASSWORD in each]


def test_another_name_is_shown_written_and_taken_over(at_home: Newcomer, mosquitto: Mosquitto) -> None:
    before = file_of(at_home)
    eventually(lambda: "fluvius/home/day" in mosquitto.retained(), 20)
    at_home.look("/settings").press("change/names").answer(name="Mémé")
    assert "What will change" in at_home.words
    assert "+ - name: Mémé" in at_home.words
    assert file_of(at_home) == before
    at_home.answer(do="write")
    assert file_of(at_home) == before.replace("name: home", "name: Mémé")
    assert "Mémé" in at_home.words
    eventually(lambda: "fluvius/meme/day" in mosquitto.retained(), 20)
    eventually(lambda: "fluvius/home/day" not in mosquitto.retained(), 20)  # what was called so is gone


def works_with_its_token(newcomer: Newcomer) -> str:
    """What the running bridge signs its questions with; it has got it."""
    file = newcomer.keeper.settings.data_dir / "token.json"
    eventually(lambda: file.exists() and "token" in json.loads(file.read_text("utf-8")), 20)
    return str(json.loads(file.read_text("utf-8"))["token"]["access_token"])


def test_a_new_password_is_tried_and_goes_to_the_secrets(at_home: Newcomer, today: Simulator) -> None:
    works_with_its_token(at_home)
    before = file_of(at_home)
    at_home.look("/settings").press("change/account").answer(password="planted wrong")
    assert "That does not work" in at_home.words
    today.sign_in.password = "planted right"
    at_home.answer(password="planted right")
    assert "Fluvius knows you" in at_home.words
    at_home.answer(do="write")
    secrets = at_home.place.file.with_name("secrets.yaml").read_text("utf-8")
    assert secrets == '# mine alone\nmine: "planted right"\n'
    assert file_of(at_home) == before
    assert not [each for each in at_home.seen if "planted" in each]


def test_a_wrong_password_that_is_only_tried_leaves_the_bridge_that_works_alone(
    at_home: Newcomer, today: Simulator, mosquitto: Mosquitto
) -> None:
    eventually(lambda: "fluvius/home/day" in mosquitto.retained(), 20)
    token, posted = works_with_its_token(at_home), today.count("self-asserted")
    for number, password in enumerate(["planted 1", "planted 2", "planted 3"], 1):
        at_home.look("/settings").press("change/account").answer(password=password)
        assert "That does not work" in at_home.words
        assert ("Fluvius is not asked again" in at_home.words) is (number >= 2)
        at_home.press("leave")
    assert today.count("self-asserted") == posted + 2  # a third would lock the account
    assert works_with_its_token(at_home) == token
    settings = at_home.keeper.settings
    today.sign_in.forget_tokens()  # the bridge has to sign in again, by the password that works
    with closing(PoliteSession()) as http:
        assert open_access(settings, http, lambda: datetime.now(UTC)).another_bearer(renew=False)


def test_another_account_that_is_only_tried_takes_nobodys_token(
    at_home: Newcomer, today: Simulator, mosquitto: Mosquitto
) -> None:
    eventually(lambda: "fluvius/home/day" in mosquitto.retained(), 20)
    token = works_with_its_token(at_home)
    today.sign_in.email = "me@example.com"
    at_home.look("/settings").press("change/account").answer(email="me@example.com", password=PASSWORD)
    assert "Fluvius knows you" in at_home.words
    at_home.press("leave")
    assert works_with_its_token(at_home) == token


def test_what_changes_is_shown_with_all_keys_and_no_password(at_home: Newcomer, today: Simulator) -> None:
    block = f"""
    email: you@example.com
    password: !secret mine
    url: {today.url}
"""
    braces = f" {{email: you@example.com, password: {PASSWORD}, url: '{today.url}'}}   # mine\n"
    by_hand = file_of(at_home).replace(block, braces)
    assert PASSWORD in by_hand
    at_home.place.file.write_text(by_hand, "utf-8")
    today.sign_in.password = "planted right"
    at_home.look("/settings").press("change/account").answer(password="planted right")
    shown = "portal: {{email: you@example.com, password: {}, url: '{}'}} # mine"
    assert f"- {shown.format(HIDDEN_IN_QUOTES, today.url)}" in at_home.words
    assert f"+ {shown.format('!secret fluvius', today.url)}" in at_home.words
    at_home.answer(do="write")
    assert file_of(at_home) == by_hand.replace(PASSWORD, "!secret fluvius")


def test_prices_from_a_day_on_come_beside_those_before(at_home: Newcomer) -> None:
    for day, price in ("2026-01-01", "0,31"), ("2026-06-01", "0.29 0.21"), ("2026-06-01", "0.28"):
        at_home.look("/settings").press("change/prices").answer(**{"from": day}, electricity="all-in")
        key = next(each for each in at_home.form("setup").fields if each.endswith("consumption.energy"))
        at_home.answer(**{key: price}).answer(do="write")
    prices = load(at_home.place.file, {}).prices
    assert [(each.since, str(each.consumption.energy)) for each in prices] == [
        ("2026-01-01", "0.31"),
        ("2026-06-01", "0.28"),
    ]
    assert "# Of the Christmas of last year\nlanguage: en\n" in file_of(at_home)
    assert "01/06/2026, electricity" in at_home.words
    at_home.browser.session.headers["Accept-Language"] = "nl"
    assert "01/06/2026, elektriciteit" in at_home.look("/settings").words


TARIFF_CARDS = """\
prices:
  # from the card of January
  - from: 2026-01-01
    consumption: {energy: {dynamic: {factor: 1.04, base: 0.0089, per: hour}}, grid: 0.05}
    fees_per_year: {supplier: 35, data: 15}
    vat: 6   # for households
  - from: 2026-06-01
    consumption: {energy: {high: 0.34, low: 0.29}}
    injection: {energy: 0.03}
    vat: 0

# Of the Christmas"""


def with_prices(newcomer: Newcomer) -> str:
    text = file_of(newcomer).replace("# Of the Christmas", TARIFF_CARDS)
    newcomer.place.file.write_text(text, "utf-8")
    newcomer.keeper.take_over(newcomer.place.load())
    newcomer.look("/settings")
    return text


def test_an_entry_of_the_prices_is_changed_with_what_stands_there(at_home: Newcomer) -> None:
    before = with_prices(at_home)
    at_home.press("prices/change", number="0")
    fields = at_home.form("setup").fields
    assert fields["prices.from"] == "01/01/2026"
    assert fields["prices.0.consumption.energy"] == "market 1.04 0.0089"
    assert fields["prices.0.vat"] == "6"
    assert "prices.0.fees_per_year.fees" not in fields  # those that are there have names of their own
    at_home.answer(**{"prices.0.consumption.grid": "0,06"}).answer(do="write")
    assert file_of(at_home) == before.replace("grid: 0.05", "grid: 0.06")
    at_home.look("/settings").press("prices/change", number="1")
    fields = at_home.form("setup").fields
    assert fields["prices.1.consumption.energy"] == "0.34 0.29"
    assert fields["prices.1.injection.energy"] == "0.03"
    at_home.answer()
    assert "Nothing changes" in at_home.words


def test_an_entry_of_the_prices_is_removed_with_its_comment(at_home: Newcomer) -> None:
    with_prices(at_home)
    stale = at_home.page
    at_home.press("prices/remove", number="0").answer(do="write")
    assert [each.since for each in load(at_home.place.file, {}).prices] == ["2026-06-01"]
    assert "card of January" not in file_of(at_home)
    at_home.page = stale  # in another tab: what it calls the second is not there any more
    fields = at_home.form("prices/remove", number="0").fields
    url = f"{at_home.browser.root}/settings/prices/remove"
    assert at_home.browser.session.post(url, data=fields, timeout=9).status_code == 404


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("15/03/2026", "2026-03-15"),
        ("5.3.2026", "2026-03-05"),
        ("15-03-2026", "2026-03-15"),
        (" 2026-03-15 ", "2026-03-15"),
        ("2026-03-15T14:00:00+01:00", "2026-03-15T14:00:00+01:00"),
    ],
)
def test_a_day_is_taken_as_people_write_it(at_home: Newcomer, typed: str, written: str) -> None:
    at_home.look("/settings").press("change/prices").answer(**{"from": typed}, electricity="all-in")
    assert "What will change" in at_home.answer(**{"prices.0.consumption.energy": "0.31"}).words
    assert written in at_home.words


def test_a_day_that_is_none_is_said(at_home: Newcomer) -> None:
    at_home.look("/settings").press("change/prices").answer(**{"from": "31/02/2026"}, electricity="all-in")
    assert 'class="bad"' in at_home.page.text
    assert 'value="31/02/2026"' in at_home.page.text


@pytest.mark.parametrize(("language", "begin"), [("nl", "01/01/"), ("de", "01.01.")])
def test_the_day_that_is_proposed_stands_as_people_write_it(
    at_home: Newcomer, language: str, begin: str
) -> None:
    at_home.browser.session.headers["Accept-Language"] = language
    at_home.look("/settings").press("change/prices")
    assert f'name="prices.from" type="text" value="{begin}' in at_home.page.text


def test_prices_that_are_added_do_not_wait(at_home: Newcomer) -> None:
    at_home.look("/settings").press("change/prices")
    assert "Later" not in at_home.words
    assert set(at_home.form("setup").choices["prices.electricity"]) == {"all-in", "parts", "as it is"}


def test_a_meter_comes_and_goes(at_home: Newcomer) -> None:
    before = file_of(at_home)
    at_home.look("/settings").press("change/meters")
    at_home.answer(ean=GAS["ean"], serial=GAS["serial"], energy="gas")
    assert "days up to" in at_home.words
    at_home.answer(do="write")
    assert [each.ean for each in load(at_home.place.file, {}).meters] == [HOME["ean"], GAS["ean"]]
    at_home.look("/settings").press("remove", ean=GAS["ean"]).answer(do="write")
    assert file_of(at_home) == before


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_meter_in_braces_whose_ean_stands_in_groups(at_home: Newcomer, line_end: str) -> None:
    ean = GAS["ean"]
    groups = " ".join([ean[:4], ean[4:8], ean[8:12], ean[12:16], ean[16:]])
    by_hand = file_of(at_home).replace(
        "\n# Of the",
        f"  - {{name: gas, ean: {groups}, serial: {GAS['serial']}, energy: gas}}   # mine\n\n# Of the",
    )
    at_home.place.file.write_bytes(by_hand.replace("\n", line_end).encode())
    at_home.keeper.take_over(at_home.place.load())
    at_home.look("/settings").press("change/names")
    assert f"Name of the meter {ean} (gas)" in at_home.words
    at_home.answer(**{"meters[1].name": "boiler"}).answer(do="write")
    renamed = by_hand.replace("name: gas", "name: boiler").replace("\n", line_end)
    assert at_home.place.file.read_bytes().decode() == renamed
    at_home.look("/settings").press("remove", ean=ean).answer(do="write")
    assert [each.ean for each in load(at_home.place.file, {}).meters] == [HOME["ean"]]
    assert "# mine" not in file_of(at_home)


def test_the_energy_dashboards_token_is_tried(at_home: Newcomer, core: Core) -> None:
    at_home.look("/settings").press("change/statistics").answer(statistics="yes")
    at_home.answer(url=core.url, token="planted wrong")
    assert "That does not work" in at_home.words
    at_home.answer(url=core.url, token=TOKEN)
    assert "takes statistics" in at_home.words
    at_home.answer(do="write")
    assert "# Of the Christmas of last year\nlanguage: en\n\nhomeassistant:\n" in file_of(at_home)
    assert core.url in at_home.words
    assert not [each for each in at_home.seen if TOKEN in each or "planted" in each]


def test_a_form_of_another_change_counts_for_nothing(at_home: Newcomer) -> None:
    before = file_of(at_home)
    review = at_home.look("/settings").press("change/language").answer(language="nl").page
    at_home.look("/settings").press("change/schedule").answer(at="07:00")
    at_home.page = review  # in another tab
    at_home.answer(do="write")
    assert "What will change" in at_home.words
    assert "07:00" in at_home.words
    assert file_of(at_home) == before


def test_language_and_schedule(at_home: Newcomer) -> None:
    at_home.look("/settings").press("change/language").answer(language="nl").answer(do="write")
    at_home.look("/settings").press("change/schedule").answer(at="7 uur")
    assert 'class="bad"' in at_home.page.text
    at_home.answer(at="07:00, 19:30").answer(do="write")
    assert "07:00 19:30" in at_home.words
    assert "Nederlands" in at_home.words
    assert at_home.keeper.settings.schedule.at == ("07:00", "19:30")


def test_a_file_that_was_changed_by_hand_meanwhile_is_left_alone(at_home: Newcomer) -> None:
    at_home.look("/settings").press("change/language").answer(language="nl")
    by_hand = file_of(at_home).replace("# Mosquitto", "# EMQX")
    at_home.place.file.write_text(by_hand, "utf-8")
    form = at_home.form("setup")
    refused = at_home.browser.session.post(at_home.page.url, data=form.fields | {"do": "write"}, timeout=9)
    assert "was changed meanwhile" in refused.text
    assert file_of(at_home) == by_hand
    at_home.look("/settings").press("change/language").answer(language="nl").answer(do="write")
    assert file_of(at_home) == by_hand.replace("language: en", "language: nl")


def test_of_two_who_change_at_once_the_second_is_told(at_home: Newcomer) -> None:
    other = Newcomer(at_home.keeper, at_home.place, at_home.browser.port)
    for each, language in (at_home, "nl"), (other, "fr"):
        each.look("/settings").press("change/language").answer(language=language)
    at_home.answer(do="write")
    refused = other.browser.session.post(
        other.page.url, data=other.form("setup").fields | {"do": "write"}, timeout=9
    )
    assert "was changed meanwhile" in refused.text
    assert "language: nl" in file_of(at_home)


@pytest.mark.parametrize("damage", ["mqtt: [", "- a list\n", "\0"])
def test_a_damaged_file_is_said_and_stays(at_home: Newcomer, damage: str) -> None:
    at_home.place.file.write_text(damage, "utf-8")
    at_home.look("/settings")
    assert "The file cannot be read now" in at_home.words
    assert "fluvius2mqtt.yaml" in at_home.words
    form = at_home.form("change/language")
    answer = at_home.browser.session.post(
        f"{at_home.browser.root}/settings/change/language", data=form.fields, timeout=9
    )
    assert "fluvius2mqtt.yaml" in answer.text
    assert file_of(at_home) == damage


def test_what_a_variable_says_is_said_and_not_changed_here(
    tmp_path: Path, today: Simulator, mosquitto: Mosquitto
) -> None:
    with living(tmp_path, today, mosquitto.port, FLUVIUS2MQTT_LANGUAGE="fr") as newcomer:
        newcomer.look("/settings")
        assert "Said by FLUVIUS2MQTT_LANGUAGE" in newcomer.words
        fields = {"form": newcomer.browser.token()}
        url = f"{newcomer.browser.root}/settings/change/language"
        assert newcomer.browser.session.post(url, data=fields, timeout=9).status_code == 404


def test_answers_are_forgotten_after_an_hour(at_home: Newcomer) -> None:
    at_home.look("/settings").press("change/language")
    at_home.later(minutes=59)
    assert "Language" in at_home.look("/setup").words
    at_home.later(minutes=61)
    assert at_home.look("/setup").page.url.endswith("/settings")
