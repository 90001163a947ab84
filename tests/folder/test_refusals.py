"""Refused credentials: tried when they change, and otherwise at most three times a day, whoever asks."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bridge.fetching.due import Occasion
from bridge.fluvius.access import Access
from bridge.fluvius.errors import AccountLocked, CredentialsRefused, StepNeeded
from bridge.fluvius.http import PoliteSession
from bridge.fluvius.open import open_access
from bridge.folder.claim import FolderError
from bridge.folder.refusals import Kind, Refusal, Refusals
from tests.rig.commands import DONE, REFUSED, ROOT, typed
from tests.rig.core import TOKEN, Core
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.provider import Provider
from tests.rig.reading import Reader
from tests.rig.requests import ask
from tests.rig.world import World, says

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "token.json"


def known(file: Path, password: str = "wrong", account: str = "you@example.com") -> Refusals:
    return Refusals(file, account, f"{account}:{password}")


def wrong(refusals: Refusals, at: datetime) -> Refusal:
    return refusals.keep(Kind.WRONG, "correct the password", at)


def locked(refusals: Refusals, at: datetime) -> Refusal:
    return refusals.keep(Kind.LOCKED, "the account is locked", at)


def access(desk: World, *, asked: bool) -> Access:
    http = PoliteSession(pause=lambda _: None, now=desk.clock)
    return open_access(desk.settings, http, desk.clock, asked=asked)


def may_try(refusals: Refusals, at: datetime, *, asked: bool) -> bool:
    return refusals.standing(at, asked=asked) is None


# --- tries whose answer is lost


def test_a_try_that_nobody_heard_of_counts_and_does_not_stop_the_schedule(file: Path) -> None:
    for hours in (0, 1, 2):
        assert may_try(known(file), NOW + hours * HOUR, asked=False)
        known(file).begin(NOW + hours * HOUR)
    standing = known(file).standing(NOW + 3 * HOUR, asked=True)
    assert standing
    assert "not tried again before 2026-11-22 09:00" in standing.words
    assert may_try(known(file), NOW + 24 * HOUR, asked=False)


def test_a_try_that_was_refused_counts_once(file: Path) -> None:
    for hours in (0, 1, 2):
        refusals = known(file)
        assert may_try(refusals, NOW + hours * HOUR, asked=True)
        refusals.begin(NOW + hours * HOUR)
        wrong(refusals, NOW + hours * HOUR)
    assert not may_try(known(file), NOW + 3 * HOUR, asked=True)
    assert not may_try(known(file), NOW + timedelta(days=9), asked=False)


def test_a_try_that_succeeds_is_forgotten(file: Path) -> None:
    refusals = known(file)
    refusals.begin(NOW)
    refusals.forget(NOW)
    assert json.loads(file.read_text())["refusals"] == []


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "cut"},
        {"name": "server-error"},
        {"name": "bad-request"},
        {"name": "replace", "body": b"{}"},
    ],
    ids=lambda fault: str(fault["name"]),
)
def test_a_password_whose_answer_is_lost_is_posted_twice_a_day(desk: World, fault: dict[str, Any]) -> None:
    desk.password = "wrong"
    desk.simulator.fault(**fault, where="self-asserted")
    for _ in range(24):
        desk.fetch(Occasion.ONCE)
        desk.fetch(Occasion.ASKED)
        desk.clock.pass_by(hours=1)
    assert desk.simulator.count("self-asserted") == 2


def test_five_who_ask_at_the_same_moment_share_two_tries(hut: World) -> None:
    hut.password = "wrong"
    words = "token", "--config", str(hut.write_configuration())
    with ThreadPoolExecutor(5) as others:
        asked = [others.submit(typed, hut.folder, *words) for _ in range(5)]
    assert {each.result().status for each in asked} == {REFUSED}
    assert hut.simulator.count("self-asserted") == 2


def test_a_token_that_is_renewed_proves_no_password(desk: World) -> None:
    """A visit that began before the password was mistyped goes on with its token."""
    assert not desk.fetch().errors
    under_way = access(desk, asked=False)
    under_way.bearer()
    desk.password = "wrong"
    for _ in range(6):
        with pytest.raises(CredentialsRefused):
            access(desk, asked=True).try_sign_in()
        under_way.another_bearer(renew=True)
        access(desk, asked=False).accepted()
        desk.clock.pass_by(minutes=30)
    assert desk.simulator.count("self-asserted") == 1 + 2


def test_a_note_that_cannot_be_read_is_not_written_over(file: Path) -> None:
    """`sudo fluvius2mqtt check` leaves it to root, and the bridge is somebody else."""
    wrong(known(file), NOW)
    kept = file.read_bytes()
    script = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from bridge.folder.claim import FolderError
from bridge.folder.refusals import Refusals
os.setgid(65534)
os.setuid(65534)
try:
    Refusals(Path(sys.argv[1]), "you", "x").standing(datetime.now(UTC), asked=True)
except FolderError as error:
    print(error)
"""
    if os.getuid():
        pytest.skip("only root can be somebody else")
    with TemporaryDirectory() as folder:  # one that others may reach
        Path(folder).chmod(0o777)
        note = Path(folder) / "token.json"
        note.write_bytes(kept)
        note.chmod(0o600)
        ended = subprocess.run(
            [sys.executable, "-c", script, str(note)],
            check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert "cannot be read" in ended.stdout
        assert note.read_bytes() == kept


# --- the rule


def test_the_schedule_never_tries_them_again(file: Path) -> None:
    wrong(known(file), NOW)
    assert not may_try(known(file), NOW + timedelta(days=400), asked=False)


def test_who_asks_gets_three_tries_in_a_day_in_all(file: Path) -> None:
    for hours in (0, 1, 2):
        assert may_try(known(file), NOW + hours * HOUR, asked=True)
        wrong(known(file), NOW + hours * HOUR)
    assert not may_try(known(file), NOW + 23 * HOUR, asked=True)
    assert may_try(known(file), NOW + 24 * HOUR, asked=True)
    wrong(known(file), NOW + 24 * HOUR)
    assert not may_try(known(file), NOW + 24.9 * HOUR, asked=True)


def test_each_refusal_says_what_to_do_and_when_they_are_tried_again(file: Path) -> None:
    first = wrong(known(file), NOW)
    assert first.words == (
        "correct the password. Until that changes, it is tried only when someone asks,"
        " at most three times a day"
    )
    wrong(known(file), NOW)
    third = wrong(known(file), NOW + timedelta(seconds=30))
    assert third.words == f"{first.words}: not before 2026-11-22 09:00"
    standing = known(file).standing(NOW + HOUR, asked=True)
    assert standing == third


def test_a_time_is_never_named_too_early(file: Path) -> None:
    refusal = locked(known(file), NOW + timedelta(seconds=1))
    assert "before 2026-11-21 10:01" in refusal.words


def test_other_credentials_are_tried_at_once(file: Path) -> None:
    wrong(known(file), NOW)
    assert may_try(known(file, "another"), NOW, asked=False)


def test_a_password_that_goes_back_and_forth_gets_no_fresh_tries(file: Path) -> None:
    for _ in range(3):
        wrong(known(file, "one"), NOW)
        wrong(known(file, "other"), NOW)
    for password in ("one", "other"):
        assert not may_try(known(file, password), NOW + HOUR, asked=True)


def test_another_account_in_between_changes_nothing(file: Path) -> None:
    wrong(known(file), NOW)
    wrong(known(file, account="me@example.com"), NOW)
    known(file, "right", "me@example.com").forget(NOW)
    assert not may_try(known(file), NOW, asked=False)


def test_credentials_that_are_good_are_forgotten_and_no_others(file: Path) -> None:
    wrong(known(file, "one"), NOW)
    wrong(known(file, "other"), NOW)
    known(file, "one").forget(NOW)
    assert may_try(known(file, "one"), NOW, asked=False)
    assert not may_try(known(file, "other"), NOW, asked=False)


def test_the_notes_do_not_grow_without_bound(file: Path) -> None:
    for number in range(25):
        wrong(known(file, str(number)), NOW)
        locked(known(file, account=f"{number}@example.com"), NOW)
    kept = json.loads(file.read_text())
    assert {len(kept[part]) for part in ("refusals", "locks")} == {20}
    assert not may_try(known(file, account="24@example.com"), NOW, asked=True)


def test_the_file_does_not_help_to_guess_the_password(file: Path) -> None:
    for folder in ("one", "other"):
        (file.parent / folder).mkdir()
        wrong(known(file.parent / folder / "token.json", "hunter2"), NOW)
    one, other = (json.loads((file.parent / name / "token.json").read_text()) for name in ("one", "other"))
    assert "hunter2" not in json.dumps(one)
    assert "you@example.com" not in json.dumps(one)
    assert one["refusals"][0]["credentials"] != other["refusals"][0]["credentials"]


def test_nothing_secret_shows_in_a_repr(file: Path) -> None:
    assert "hunter2" not in repr(known(file, "hunter2"))


def test_a_step_that_the_user_had_to_take_is_looked_for_once_a_day(file: Path) -> None:
    """The password was right, so that it locks nobody out; and the step is taken in a browser."""
    refusal = known(file).keep(Kind.STEP_NEEDED, "take the step", NOW)
    assert refusal.words.startswith("take the step. It is tried again in a day, or when someone asks")
    assert not may_try(known(file), NOW + 23 * HOUR, asked=False)
    assert may_try(known(file), NOW + HOUR, asked=True)
    assert may_try(known(file), NOW + 24 * HOUR, asked=False)


# --- an account that wrong passwords lock


def counted(file: Path, password: str = "wrong", account: str = "you@example.com") -> Refusals:
    return Refusals(file, account, f"{account}:{password}", most=2)


def test_wrong_passwords_of_an_account_count_together(file: Path) -> None:
    wrong(counted(file, "one"), NOW)
    assert may_try(counted(file, "other"), NOW, asked=False)
    wrong(counted(file, "other"), NOW + timedelta(minutes=1))
    for password, is_asked in [("one", True), ("other", True), ("third", True), ("third", False)]:
        assert not may_try(counted(file, password), NOW + timedelta(minutes=59), asked=is_asked)
    assert may_try(counted(file, "third"), NOW + HOUR, asked=False)
    wrong(counted(file, "third"), NOW + HOUR)
    assert not may_try(counted(file, "fourth"), NOW + 23 * HOUR, asked=True)
    assert may_try(counted(file, "fourth"), NOW + 24 * HOUR, asked=False)
    assert may_try(counted(file, account="me@example.com"), NOW + HOUR, asked=True)


def test_what_stands_against_a_new_password_is_said_and_passes(file: Path) -> None:
    for password in ("one", "other"):
        wrong(counted(file, password), NOW)
    standing = counted(file, "third").standing(NOW, asked=False)
    assert standing
    assert standing.kind is Kind.LOCKED  # nobody has to do anything: the schedule tries it by itself
    assert "Sign in on mijn.fluvius.be yourself, to be sure of it, or reset it there" in standing.words
    assert "not tried again before 2026-11-21 10:00" in standing.words


def test_the_password_that_works_is_not_held_up_by_others_until_it_is_refused(file: Path) -> None:
    counted(file, "right").forget(NOW)
    for password in ("one", "other"):
        wrong(counted(file, password), NOW)
    assert may_try(counted(file, "right"), NOW + HOUR, asked=False)
    wrong(counted(file, "right"), NOW + HOUR)
    assert not may_try(counted(file, "right"), NOW + 2 * HOUR, asked=True)


def test_a_sign_in_begins_the_count_anew(file: Path) -> None:
    wrong(counted(file, "one"), NOW)
    counted(file, "right").forget(NOW)
    wrong(counted(file, "other"), NOW)
    assert may_try(counted(file, "third"), NOW, asked=False)
    assert not may_try(counted(file, "one"), NOW, asked=False)
    wrong(counted(file, "one"), NOW)
    assert not may_try(counted(file, "third"), NOW, asked=True)


@pytest.mark.parametrize("damage", ["[]", '"x"', '{"a": 1}', "null"])
def test_what_is_damaged_of_what_worked_is_as_nothing(file: Path, damage: str) -> None:
    for password in ("one", "other"):
        wrong(counted(file, password), NOW)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"worked": json.loads(damage)}))
    assert not may_try(counted(file, "right"), NOW, asked=True)
    counted(file, "right").forget(NOW)
    assert may_try(counted(file, "right"), NOW, asked=False)


# --- locked


def test_a_locked_account_is_left_alone_for_an_hour_then_two_then_four(file: Path) -> None:
    at = NOW
    for hours in (1, 2, 4, 8, 16, 32, 64, 128, 168, 168):
        locked(known(file), at)
        for asked in (True, False):
            assert not may_try(known(file), at + hours * HOUR - timedelta(seconds=1), asked=asked)
        at += max(hours, 24) * HOUR  # three a day hold too
        assert may_try(known(file), at, asked=False)


def test_a_lock_holds_for_another_password_too(file: Path) -> None:
    locked(known(file), NOW)
    assert not may_try(known(file, "another"), NOW + HOUR / 2, asked=True)
    assert may_try(known(file, "another"), NOW + HOUR, asked=False)


def test_after_a_lock_a_wrong_password_is_left_alone_as_ever(file: Path) -> None:
    locked(known(file), NOW)
    wrong(known(file), NOW + HOUR)
    assert not may_try(known(file), NOW + 3 * HOUR, asked=False)
    assert may_try(known(file), NOW + 3 * HOUR, asked=True)


def test_a_sign_in_ends_the_doubling(file: Path) -> None:
    for _ in range(3):
        locked(known(file), NOW)
    known(file).forget(NOW)
    locked(known(file), NOW)
    assert may_try(known(file), NOW + HOUR, asked=False)


# --- clocks


def test_a_clock_that_is_set_back_lets_nobody_in(file: Path) -> None:
    for _ in range(3):
        wrong(known(file), NOW)
    earlier = NOW - timedelta(days=3)
    assert not may_try(known(file), earlier, asked=True)
    assert not may_try(known(file), earlier + 23 * HOUR, asked=True)
    assert may_try(known(file), earlier + 24 * HOUR, asked=True)


def test_a_clock_that_was_years_ahead_locks_nobody_out_for_years(file: Path) -> None:
    """A machine without a battery wakes up in 2030, say, until it has asked for the time."""
    for _ in range(3):
        locked(known(file), NOW + timedelta(days=1200))
    assert not may_try(known(file), NOW, asked=True)
    assert not may_try(known(file), NOW + HOUR, asked=False)
    assert may_try(known(file), NOW + 24 * HOUR, asked=False)


# --- the portal


def sign_ins(world: World) -> int:
    return world.simulator.count("sign-in")


def asked_every_five_minutes(world: World, hours: float) -> list[Exception]:
    errors = []
    for _ in range(int(hours * 12)):
        errors += world.fetch(Occasion.ASKED).errors
        world.clock.pass_by(minutes=5)
    return errors


def test_a_button_does_not_lock_anyone_out(desk: World) -> None:
    desk.email = "nobody@example.com"
    errors = asked_every_five_minutes(desk, hours=5)
    assert sign_ins(desk) == 2
    assert len(errors) == 60
    assert {type(error) for error in errors} == {CredentialsRefused}
    assert "at most twice a day: not before 2026-11-22 09:00. Sign in on mijn.fluvius.be yourself" in str(
        errors[-1]
    )


def test_a_locked_account_is_not_knocked_at_by_a_button(desk: World) -> None:
    desk.simulator.fault("account-locked")
    errors = asked_every_five_minutes(desk, hours=2)
    assert sign_ins(desk) == 2
    assert {type(error) for error in errors} == {AccountLocked}
    assert str(errors[0]).endswith("It is not tried again before 2026-11-21 10:00, whoever asks")
    assert str(errors[-1]).endswith("It is not tried again before 2026-11-21 12:00, whoever asks")


def test_a_lock_that_has_passed_is_noticed_by_the_schedule(desk: World) -> None:
    desk.simulator.fault("account-locked")
    desk.fetch()
    desk.simulator.clear()
    with desk.at_work() as (_, fetcher):
        assert fetcher.visits.retry_at() == desk.clock() + HOUR
        desk.clock.pass_by(hours=1)
        assert not fetcher.fetch(Occasion.SCHEDULE).errors
        assert fetcher.health["portal"].state == "ok"


def test_a_lock_that_was_noted_by_a_clock_that_was_ahead_holds_for_an_hour_of_the_right_one(
    desk: World,
) -> None:
    desk.simulator.fault("account-locked")
    desk.clock.pass_by(hours=20)
    desk.fetch()
    desk.clock.pass_by(hours=-20)
    for occasion in (Occasion.SCHEDULE, Occasion.ASKED) * 5:
        desk.fetch(occasion)
        desk.clock.pass_by(minutes=5)
    assert sign_ins(desk) == 1
    desk.clock.pass_by(minutes=10)
    desk.fetch()
    assert sign_ins(desk) == 2


def test_a_wrong_password_behind_a_lock_is_tried_once_by_the_schedule(desk: World) -> None:
    desk.simulator.fault("account-locked", times=1)
    desk.password = "wrong"
    for _ in range(30):
        desk.fetch()
        desk.clock.pass_by(hours=1)
    assert sign_ins(desk) == 2


def test_the_schedule_and_restarts_leave_refused_credentials_alone_for_ever(desk: World) -> None:
    desk.password = "wrong"
    for occasion in (Occasion.START, Occasion.SCHEDULE, Occasion.ONCE) * 3:
        desk.fetch(occasion)
        desk.clock.pass_by(days=3)
    assert sign_ins(desk) == 1
    desk.password = "simulated"
    assert not desk.fetch().errors


def test_a_refusal_outlives_the_token_and_another_account(desk: World) -> None:
    desk.password = "wrong"
    desk.fetch()
    desk.email = desk.simulator.sign_in.email = "me@example.com"
    desk.password = "simulated"
    assert not desk.fetch(Occasion.ASKED).errors
    desk.email, desk.password = "you@example.com", "wrong"
    desk.clock.pass_by(days=2)
    (error,) = desk.fetch().errors
    assert isinstance(error, CredentialsRefused)
    assert sign_ins(desk) == 2


def test_nothing_is_tried_when_a_refusal_could_not_be_kept(
    desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise FolderError("the disk is full")

    monkeypatch.setattr("bridge.folder.private.write_private", refuse)
    with pytest.raises(FolderError):
        desk.fetch()
    assert sign_ins(desk) == 0


def test_a_step_that_was_taken_is_noticed_by_who_asks(desk: World) -> None:
    desk.simulator.fault("extra-step")
    assert type(desk.fetch().errors[0]) is StepNeeded
    desk.simulator.clear()
    assert not desk.fetch(Occasion.ASKED).errors
    desk.clock.pass_by(days=20)  # the refresh token too has ended
    assert not desk.fetch().errors


@pytest.fixture
def with_token(desk: World) -> World:
    desk.changes["fluvius.portal.password"] = None
    desk.changes["fluvius.portal.token"] = desk.simulator.sign_in.issue_access_token(desk.clock())
    desk.clock.pass_by(hours=2)
    return desk


def test_a_token_of_the_users_own_is_tried_three_times_a_day(with_token: World) -> None:
    errors = asked_every_five_minutes(with_token, hours=3)
    assert with_token.simulator.count() == 3
    assert "fluvius.portal.token" in str(errors[-1])
    assert "not before 2026-11-22 11:00" in str(errors[-1])


def test_a_token_of_the_users_own_that_works_after_all_sets_the_schedule_free(with_token: World) -> None:
    with_token.simulator.clear()
    with_token.fetch()
    with_token.clock.pass_by(hours=-2)  # so that it is good again
    assert not with_token.fetch(Occasion.ASKED).errors
    with_token.simulator.fault("correction-up")
    assert not with_token.fetch(Occasion.SCHEDULE).errors
    kept = json.loads((with_token.data_dir / "token.json").read_text())
    assert kept["refusals"] == []


# --- the official API


def test_a_wrong_client_secret_is_tried_three_times_a_day(desk: World) -> None:
    provider = Provider(desk)
    provider.configure(environment="sandbox", client_secret="wrong")
    errors = asked_every_five_minutes(desk, hours=2)
    assert provider.asked()["api-token"] == 3
    assert "not before 2026-11-22" in str(errors[-1])


def test_a_wrong_subscription_key_is_tried_three_times_a_day_although_the_sign_in_works(desk: World) -> None:
    provider = Provider(desk)
    provider.simulator.fault("api-key-refused")
    asked_every_five_minutes(desk, hours=2)
    assert provider.asked()["mandates"] == 3
    provider.simulator.clear()
    desk.clock.pass_by(days=1)
    assert desk.fetch().errors
    assert not desk.fetch(Occasion.ASKED).errors
    desk.clock.pass_by(days=1)
    assert not desk.fetch().errors


# --- whoever asks


def test_all_who_ask_share_two_tries(reader: Reader) -> None:
    world = reader.world
    world.email = "nobody@example.com"
    askers = [["token"], ["export", "--raw", "--fetch"], ["backfill", "--from", "2026-11-01"], ["check"]]
    for asker in askers * 2:
        ended = reader.types(*asker)
        assert ended.status == REFUSED
    assert sign_ins(world) == 2
    assert "not before 2026-11-22 09:00" in " ".join((ended.out + ended.error).split())
    world.fetch(Occasion.ASKED)
    assert sign_ins(world) == 2
    world.email = "you@example.com"
    assert reader.types("token").status == DONE


def test_mandates_are_asked_for_three_times_a_day(reader: Reader) -> None:
    provider = Provider(reader.world)
    provider.configure(environment="sandbox", client_secret="wrong")
    for _ in range(5):
        ended = reader.types("mandate", "list")
        assert ended.status == REFUSED
    assert provider.asked()["api-token"] == 3
    assert "not before 2026-11-22 09:00" in ended.error


def test_a_refresh_is_told_when_the_next_try_will_be(home: World, mosquitto: Mosquitto) -> None:
    home.email = "nobody@example.com"
    with home.running():
        eventually(lambda: "refused" in mosquitto.retained().get("fluvius/bridge/health", ""))
        for _ in range(4):
            home.clock.pass_by(minutes=6)
            (answer,) = ask(mosquitto, "refresh")
            assert answer["status"] == "error"
        assert "not before 2026-11-22 09:00" in answer["error"]
        health = says(mosquitto.retained(), "fluvius/bridge/health")["portal"]
        assert health["state"] == "refused"
        assert "fluvius.portal.email" in health["last_error"]
        assert "not before 2026-11-22 09:00" in health["last_error"]
    assert sign_ins(home) == 2


# --- Home Assistant


def test_a_token_that_home_assistant_refused_is_tried_three_times_a_day(
    reader: Reader, core: Core, home: World, mosquitto: Mosquitto
) -> None:
    home.changes["homeassistant.statistics"] = {"url": core.url, "token": "wrong"}
    with home.running():
        eventually(lambda: core.sign_ins == 1)
        for _ in range(4):
            home.clock.pass_by(minutes=6)
            ask(mosquitto, "refresh")
        assert core.sign_ins == 3
        health = says(mosquitto.retained(), "fluvius/bridge/health")["statistics"]
        assert health["state"] == "refused"
        assert "not before 2026-11-22" in health["last_error"]
    reader.world.changes = home.changes
    assert "not before 2026-11-22" in " ".join(reader.types("check").out.split())
    assert core.sign_ins == 3
    home.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
    home.once()
    assert core.sign_ins == 4
    assert core.statistics


def test_a_token_that_becomes_an_administrators_is_noticed_by_check(reader: Reader, core: Core) -> None:
    core.admin = False
    reader.world.changes["homeassistant.statistics"] = {"url": core.url, "token": TOKEN}
    reader.world.once()
    core.admin = True
    assert "takes statistics" in reader.types("check").out
    reader.world.once()
    assert core.statistics
