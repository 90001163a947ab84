"""Several bridges that share one contract: each meter is one's, whatever their number becomes."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bridge.config import ConfigError, Settings, load
from bridge.fetching.backfill import Backfiller
from bridge.fetching.cycle import Fetcher
from bridge.fetching.due import Occasion
from bridge.ledger import Ledger
from bridge.metering.model import Meter
from bridge.metering.shard import Shard
from bridge.service.bridge import Bridge
from tests.rig.mosquitto import Mosquitto
from tests.rig.provider import GAS_EAN, HOME_EAN, SHED_EAN, Provider

INDEX = "FLUVIUS2MQTT_FLUVIUS__ENERGY_API__SHARD__INDEX"
FIRST, LAST = date(2026, 11, 14), date(2026, 11, 20)  # the week that a new meter begins with
METERS = 24
SUNDAY, MONDAY = "2026-11-22 13:00", "2026-11-23 13:00"


class Shards:
    """Bridges with one configuration file, each with its number in its environment."""

    def __init__(self, provider: Provider) -> None:
        self.world, self.provider = provider.world, provider

    def settings(self, index: int | str, of: int) -> Settings:
        if of:
            self.world.changes["fluvius"]["energy_api"]["shard"] = {"of": of}
        file = self.world.write_configuration()
        self.world.changes["fluvius"]["energy_api"].pop("shard", None)
        return load(file, {INDEX: str(index)} if of else {})

    @contextmanager
    def at_work(self, index: int = 0, of: int = 0) -> Iterator[tuple[Ledger, Fetcher]]:
        """One of them; 0 of 0 is the only one."""
        settings = self.settings(index, of)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with Ledger(settings.data_dir / "ledger.sqlite") as ledger:
            fetcher = Fetcher(
                settings, ledger, self.world.clock, pause=lambda _: None, between=lambda _: None
            )
            yield ledger, fetcher

    def cycle(self, of: int) -> list[tuple[Meter, ...]]:
        """One of each; says whom they follow."""
        followed = []
        for index in range(of):
            with self.at_work(index, of) as (_, fetcher):
                assert not fetcher.fetch(Occasion.SCHEDULE).errors
                followed.append(fetcher.meters)
        return followed


Row = tuple[str, int, int, str, str, int]


def readings(folder: Path) -> dict[str, set[Row]]:
    """All that a ledger holds, by EAN."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        rows = db.execute(
            "SELECT ean, daily, start, direction || tariff || unit, serial, amount FROM reading"
            " JOIN meter ON meter.id = meter JOIN register ON register.id = register"
            " JOIN device ON device.id = device"
        ).fetchall()
    found: dict[str, set[Row]] = {ean: set() for ean, *_ in rows}
    for row in rows:
        found[row[0]].add(row)
    return found


@pytest.fixture
def shards(provider: Provider) -> Shards:
    provider.api.forget_mandates()
    provider.api.add_meters(METERS)
    return Shards(provider)


def test_any_language_can_say_whose_a_meter_is() -> None:
    """`printf %s 541448820000000008 | sha256sum` begins with dc0ff973dcaa6d13."""
    for of in 1, 3, 4, 8, 1000:
        mine = 0xDC0FF973DCAA6D13 % of
        assert [index for index in range(of) if Shard(index, of).has(HOME_EAN)] == [mine]


def test_four_bridges_and_then_eight_hold_what_one_does_and_each_meter_is_one_bridges(
    shards: Shards,
) -> None:
    with shards.at_work() as (_, only):
        only.fetch(Occasion.SCHEDULE)
        everyone = {meter.ean for meter in only.meters}
    assert len(everyone) == METERS
    for of, moment in (4, SUNDAY), (8, MONDAY):
        shards.world.clock.move_to(moment)
        followed = shards.cycle(of)
        assert Counter(meter.ean for each in followed for meter in each) == Counter(everyone)
        assert sum(bool(each) for each in followed) == of, "with so many meters, nobody is idle"
        with shards.at_work() as (_, only):
            only.fetch(Occasion.SCHEDULE)
    whole = readings(shards.world.data_dir)
    for index, meters in enumerate(followed):
        with shards.at_work(index, 8) as (ledger, fetcher):
            for meter in meters:
                ledger.jobs.begin_backfill(meter, FIRST, LAST, shards.world.clock())
            backfiller = Backfiller(ledger, fetcher, shards.world.clock)
            while backfiller.is_due():
                backfiller.step()
        held = readings(shards.world.data_dir / f"shard-{index}")
        assert {meter.ean: held[meter.ean] for meter in meters} == {
            meter.ean: whole[meter.ean] for meter in meters
        }


def test_a_meter_that_moved_to_another_shard_is_followed_there_alone_and_its_readings_stay(
    shards: Shards,
) -> None:
    before = shards.cycle(4)
    folders = [shards.world.data_dir / f"shard-{index}" for index in range(4)]
    held = [readings(folder) for folder in folders]
    after = shards.cycle(8)
    for index in range(4):
        stayed, left = ({each.ean for each in side[index]} for side in (after, before))
        assert stayed < left
        assert {each.ean for each in after[index + 4]} == left - stayed, "twice as many: each is halved"
        assert held[index].items() <= readings(folders[index]).items()


def test_its_topics_leave_with_it_before_or_after_it_comes_to_the_other(
    provider: Provider, mosquitto: Mosquitto
) -> None:
    provider.world.broker_port = mosquitto.port
    shards = Shards(provider)
    assert Shard(0, 4).has(GAS_EAN)
    assert Shard(4, 8).has(GAS_EAN)
    levels = []
    for index, of in (0, 4), (4, 8), (0, 8):
        settings = shards.settings(index, of)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with Ledger(settings.data_dir / "ledger.sqlite") as ledger:
            Bridge(settings, ledger, now=provider.clock, pause=lambda _: None).once()
        levels.append({topic.split("/")[1] for topic in mosquitto.retained() if f"/{GAS_EAN}/" in topic})
        provider.clock.pass_by(hours=1)
    assert levels == [{"shard-0"}, {"shard-0", "shard-4"}, {"shard-4"}]


def test_a_new_shard_may_begin_with_a_copy_of_the_ledger_of_the_one_that_had_its_meters(
    provider: Provider, mosquitto: Mosquitto
) -> None:
    provider.api.forget_mandates()
    eans = provider.api.add_meters(20)
    provider.world.broker_port = mosquitto.port
    shards = Shards(provider)
    stay, go = ({ean for ean in eans if Shard(index, 8).has(ean)} for index in (1, 5))
    assert stay
    assert go

    def once(index: int, of: int) -> dict[str, set[str]]:
        settings = shards.settings(index, of)
        with Ledger(settings.data_dir / "ledger.sqlite") as ledger:
            Bridge(settings, ledger, now=provider.clock, pause=lambda _: None).once()
        topics = [topic.split("/") for topic in mosquitto.retained("fluvius/+/+/day")]
        return {level: {ean for _, each, ean, _ in topics if each == level} for _, level, _, _ in topics}

    shards.settings(1, 4).data_dir.mkdir(parents=True)
    assert once(1, 4) == {"shard-1": stay | go}
    shutil.copytree(provider.world.data_dir / "shard-1", provider.world.data_dir / "shard-5")
    before = readings(provider.world.data_dir / "shard-1")
    provider.asked()
    assert once(5, 8) == {"shard-1": stay | go, "shard-5": go}, "those of the other are the other's"
    assert provider.asked()["energy"] == 0, "nothing has to be fetched"
    assert readings(provider.world.data_dir / "shard-5") == before
    provider.clock.pass_by(hours=1)
    assert once(1, 8) == {"shard-1": stay, "shard-5": go}


def test_one_bridge_becomes_several_that_go_on_from_its_ledger(
    provider: Provider, mosquitto: Mosquitto
) -> None:
    provider.world.broker_port = mosquitto.port
    shards = Shards(provider)

    def once(index: int, of: int) -> None:
        settings = shards.settings(index, of)
        with Ledger(settings.data_dir / "ledger.sqlite") as ledger:
            Bridge(settings, ledger, now=provider.clock, pause=lambda _: None).once()

    provider.world.data_dir.mkdir()
    once(0, 0)
    alone = {topic.removeprefix("fluvius/") for topic in mosquitto.retained("fluvius/#")}
    for index in range(2):
        folder = shards.settings(index, 2).data_dir
        folder.mkdir()
        shutil.copy(provider.world.data_dir / "ledger.sqlite", folder)
        once(index, 2)
    several = {topic.split("/", 2)[2] for topic in mosquitto.retained("fluvius/#")}
    assert several == alone
    assert not [topic for topic in mosquitto.retained("fluvius/#") if "/shard-" not in topic]


def test_what_is_written_down_serves_all_and_each_follows_its_own(shards: Shards) -> None:
    shards.world.meters = [
        {"ean": HOME_EAN, "name": "home", "source": "energy_api"},
        {"ean": GAS_EAN, "name": "gas", "energy": "gas", "source": "energy_api"},
    ]
    every = [shards.settings(index, 8) for index in range(8)]
    assert [[meter.name for meter in each.followed] for each in every if each.followed] == [["home"], ["gas"]]
    mine = every[3]
    assert (mine.mqtt.base_topic, mine.mqtt.client_id) == ("fluvius/shard-3", "fluvius2mqtt-shard-3")
    assert mine.data_dir == shards.world.data_dir / "shard-3"
    assert mine.followed_in_words("all mandates") == (
        "home (shard 3 of 8; 1 of the configured meters are other shards')"
    )
    assert every[0].followed_in_words("all mandates").startswith("nobody (shard 0 of 8")


@pytest.mark.parametrize("index", ["8", "-1", "pod-3", ""])
def test_a_number_that_no_shard_has_is_told(shards: Shards, index: str) -> None:
    with pytest.raises(ConfigError, match=r"energy_api\.shard\.index"):
        shards.settings(index, 8)


def test_what_changed_is_asked_for_daily_and_all_of_it_weekly(provider: Provider) -> None:
    provider.fetch()
    assert provider.mandate_questions() == [""]
    provider.clock.pass_by(days=1)
    provider.api.mandates.by_ean[GAS_EAN][0].finish(provider.clock())
    provider.clock.pass_by(minutes=5)
    provider.api.add_mandate(SHED_EAN, reference="another", since=provider.clock(), service="VH_dag")
    provider.fetch()
    assert provider.mandate_questions() == ["2026-11-20T08:00:00Z"]
    assert provider.followed() == {HOME_EAN, SHED_EAN}
    provider.api.forget_mandates(HOME_EAN)
    provider.clock.pass_by(days=5)
    provider.fetch()
    assert HOME_EAN in provider.followed(), "who is not spoken of has not changed"
    provider.clock.pass_by(days=2)
    provider.fetch()
    assert provider.mandate_questions()[-1] == ""
    provider.clock.pass_by(hours=6)
    provider.fetch()
    assert provider.followed() == {SHED_EAN}, "two lists lack it"


def test_a_mandate_that_ends_leaves_another_one_of_the_same_meter(provider: Provider) -> None:
    provider.only(HOME_EAN, reference="old", expires=datetime(2027, 6, 1, tzinfo=UTC))
    provider.api.add_mandate(HOME_EAN, reference="new")
    provider.fetch()
    provider.clock.pass_by(days=1)
    for each in provider.api.mandates.by_ean[HOME_EAN]:
        if each.reference == "new":
            each.finish(provider.clock())
    provider.clock.pass_by(minutes=5)
    provider.fetch()
    assert provider.followed() == {HOME_EAN}


def test_a_mandate_that_is_gone_is_noticed_a_day_after_fluvius_refuses_it(provider: Provider) -> None:
    provider.fetch()
    provider.clock.pass_by(days=1)
    provider.api.forget_mandates(SHED_EAN)
    for hours in 6, 6, 6, 0:
        provider.fetch()
        provider.clock.pass_by(hours=hours)
    assert [bool(each) for each in provider.mandate_questions()] == [False, True, False, False, True]
    assert provider.followed() == {HOME_EAN, GAS_EAN}


def test_where_changes_cannot_be_asked_for_all_of_it_is(provider: Provider) -> None:
    provider.fetch()
    provider.clock.pass_by(days=1)
    provider.simulator.fault("api-bad-request", where="mandates", times=1)
    provider.mandate_questions()
    with provider.world.at_work() as (_, fetcher):
        fetcher.fetch(Occasion.SCHEDULE)
        provider.clock.pass_by(hours=6)
        assert not fetcher.fetch(Occasion.SCHEDULE).errors
    assert [bool(each) for each in provider.mandate_questions()] == [True, False]


def test_every_mandate_is_on_record_with_the_state_that_it_has(provider: Provider) -> None:
    """Also one beside a better one, and one that Fluvius does not list any more."""
    provider.only(HOME_EAN, reference="old")
    states = []
    with provider.world.at_work() as (_, fetcher):
        for change in (
            lambda: None,
            lambda: provider.api.add_mandate(HOME_EAN, reference="new", since=provider.clock()),
            lambda: provider.api.mandates.by_ean[HOME_EAN][0].finish(provider.clock()),
            lambda: provider.only(HOME_EAN, reference="new"),
        ):
            change()
            provider.clock.pass_by(days=8)  # so that all of them are asked for
            fetcher.fetch(Occasion.SCHEDULE)
            states.append({each.reference: each.status for each in fetcher.mandates.on_record})
    assert states == [
        {"old": "Approved"},
        {"old": "Approved", "new": "Approved"},
        {"old": "Finished", "new": "Approved"},
        {"old": "Gone", "new": "Approved"},
    ]
    with provider.world.at_work() as (_, fetcher):
        assert {each.reference: each.status for each in fetcher.mandates.on_record} == states[-1]


@pytest.mark.parametrize("hours", [3, 23])
def test_a_clock_that_is_ahead_misses_no_mandate_and_no_reading(provider: Provider, hours: int) -> None:
    provider.only(HOME_EAN)
    provider.world.data_dir.mkdir()

    def ahead() -> datetime:
        return provider.clock() + timedelta(hours=hours)

    with Ledger(provider.world.data_dir / "ledger.sqlite") as ledger:
        fetcher = Fetcher(
            provider.world.settings, ledger, ahead, pause=lambda _: None, between=lambda _: None
        )
        fetcher.fetch(Occasion.SCHEDULE)
        provider.clock.pass_by(hours=1)
        provider.api.add_mandate(SHED_EAN, reference="new", since=provider.clock())
        provider.clock.pass_by(hours=24)
        provider.simulator.forget_requests()
        fetcher.fetch(Occasion.SCHEDULE)
        assert SHED_EAN in provider.meters(fetcher)
    [question] = [each.query for each in provider.simulator.requests if each.ean == HOME_EAN]
    assert (question["periodType"], question["from"]) == ("insertTime", "2026-11-21T07:45:00Z")
