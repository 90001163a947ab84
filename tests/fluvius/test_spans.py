"""Every question asks for a span that others live with, and for half of it, once, where that is refused."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from bridge.fetching.due import Occasion
from bridge.fluvius.errors import QuestionRefused
from bridge.fluvius.spans import halved_if_refused, in_days, in_pieces
from bridge.fluvius.values import Span
from bridge.simulator import Simulator
from tests.rig.provider import Provider
from tests.rig.world import HOME, World

MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)


class Answerer:
    """Refuses what is longer than it likes."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.asked: list[int] = []

    def __call__(self, spans: Sequence[Span]) -> int:
        self.asked.append(len(spans))
        if len(spans) > self.longest:
            raise QuestionRefused("too long")
        return len(spans)


@pytest.mark.parametrize(
    ("longest", "asked", "answered"),
    [(31, [31], [31]), (16, [31, 15, 16], [15, 16])],
)
def test_a_span_that_is_refused_is_halved(longest: int, asked: list[int], answered: list[int]) -> None:
    answerer = Answerer(longest)
    assert halved_if_refused(answerer, in_days(MIDNIGHT, MIDNIGHT + 31 * ONE_DAY)) == answered
    assert answerer.asked == asked


def test_a_half_that_is_refused_is_not_halved_again() -> None:
    answerer = Answerer(10)
    with pytest.raises(QuestionRefused):
        halved_if_refused(answerer, in_days(MIDNIGHT, MIDNIGHT + 31 * ONE_DAY))
    assert answerer.asked == [31, 15]


def test_a_day_cannot_be_halved() -> None:
    answerer = Answerer(0)
    with pytest.raises(QuestionRefused):
        halved_if_refused(answerer, in_days(MIDNIGHT, MIDNIGHT + ONE_DAY))
    assert answerer.asked == [1]


def test_pieces_leave_no_gap_and_none_is_too_long() -> None:
    end = MIDNIGHT + 400 * ONE_DAY + timedelta(hours=5)
    pieces = in_pieces(in_days(MIDNIGHT, end), 183)
    edges = [(piece[0][0], piece[-1][1]) for piece in pieces]
    assert edges[0][0] == MIDNIGHT
    assert edges[-1][1] == end
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    assert max(until - since for since, until in edges) == 183 * ONE_DAY


def provider(world: World) -> World:
    Provider(world)
    world.meters = [{"name": "home", "ean": HOME["ean"]}]
    return world


def asked_spans(simulator: Simulator) -> list[tuple[timedelta, int]]:
    """How long the spans of the requests for energy were, and what was answered."""
    return [
        (datetime.fromisoformat(each.query["to"]) - datetime.fromisoformat(each.query["from"]), each.status)
        for each in simulator.requests
        if each.endpoint == "energy"
    ]


def test_after_a_stop_of_a_year_what_was_stored_is_asked_for_in_spans_that_are_not_refused(
    desk: World,
) -> None:
    provider(desk).fetch()
    old = date(2026, 11, 15)
    desk.simulator.correct(HOME["ean"], old, delta_wh=321, at=desk.clock() + timedelta(days=20))
    desk.clock.pass_by(days=400)
    desk.simulator.forget_requests()
    cycle = desk.fetch()
    assert not cycle.errors
    spans = asked_spans(desk.simulator)
    assert [status for _, status in spans] == [200, 200, 200]
    assert all(length <= 184 * ONE_DAY for length, _ in spans)
    latest = desk.simulator.latest_day(HOME["ean"])
    first = date(2026, 11, 14)
    assert desk.total() == desk.truth(HOME["ean"], first, latest)


def test_no_question_goes_further_back_than_fluvius_has_readings(desk: World) -> None:
    api = desk.simulator.energy_api
    api.forget_mandates()
    api.add_mandate(HOME["ean"], service="VH_dag")  # days alone: years of quarter-hours take their time
    provider(desk).fetch()
    desk.clock.pass_by(days=4 * 365)
    desk.simulator.forget_requests()
    desk.fetch()
    asked = [each for each in desk.simulator.requests if each.endpoint == "energy"]
    oldest = min(datetime.fromisoformat(each.query["from"]) for each in asked)
    assert oldest >= desk.clock() - timedelta(days=3 * 365)
    assert [each.status for each in asked] == [200] * len(asked)


@pytest.mark.parametrize("month", [3, 5, 9])
def test_no_span_is_longer_than_184_days_whatever_the_clock_does(desk: World, month: int) -> None:
    provider(desk)
    with desk.at_work() as (_, fetcher), fetcher.visits.to("energy_api", desk.clock(), asked=True) as visit:
        visit.open_source()
        [meter] = [each for each in fetcher.meters if each.ean == HOME["ean"]]
        first = date(2025, month, 28)
        visit.open_source().readings(meter, "simulated", first, first + 200 * ONE_DAY, None)
    spans = asked_spans(desk.simulator)
    assert [status for _, status in spans] == [200, 200]
    assert all(length <= 184 * ONE_DAY for length, _ in spans)


def test_an_energy_api_that_wants_shorter_spans_gets_halves(desk: World) -> None:
    provider(desk).fetch()
    desk.simulator.fault("api-short-spans", days=100)
    desk.clock.pass_by(days=150)
    desk.simulator.forget_requests()
    assert not desk.fetch().errors
    assert [status for _, status in asked_spans(desk.simulator)] == [400, 200, 200]
    latest = desk.simulator.latest_day(HOME["ean"])
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), latest)


def test_a_question_is_a_day_longer_than_needed_and_never_longer_than_allowed(desk: World) -> None:
    provider(desk).fetch(Occasion.ASKED)
    [record] = [each for each in desk.simulator.requests if each.endpoint == "energy"]
    assert datetime.fromisoformat(record.query["to"]) == desk.clock()  # a day more is not over yet
    api = desk.simulator.energy_api
    api.forget_mandates()
    api.add_mandate(HOME["ean"], period_to=date(2026, 11, 19))
    desk.clock.pass_by(days=1)
    desk.simulator.forget_requests()
    desk.data_dir.joinpath("ledger.sqlite").unlink()
    desk.fetch(Occasion.ASKED)
    [record] = [each for each in desk.simulator.requests if each.endpoint == "energy"]
    assert record.query["to"] == "2026-11-18T23:00:00Z"
    assert record.status == 200


def test_a_portal_that_takes_half_a_month_at_once_gets_halves(desk: World) -> None:
    desk.simulator.fault("short-spans", days=20, where="readings-day")
    cycle = desk.fetch()
    assert not cycle.errors
    assert desk.simulator.count("readings-day") == 3
    assert desk.total() == desk.truth(HOME["ean"], date(2026, 11, 14), date(2026, 11, 20))


def test_what_the_portal_takes_at_once_is_remembered_for_a_month(desk: World) -> None:
    desk.simulator.fault("short-spans", days=20, where="readings-day")
    asked = []
    for days in (1, 1, 30, 1):
        desk.simulator.forget_requests()
        desk.fetch()
        asked.append(desk.simulator.count("readings-day"))
        desk.clock.pass_by(days=days)
    assert asked == [3, 2, 2, 3]


def test_a_refusal_of_everything_costs_one_request_more(desk: World) -> None:
    desk.simulator.fault("bad-request")
    cycle = desk.fetch()
    assert "The range is not valid" in str(cycle.errors)
    assert desk.simulator.count("readings") == 2
