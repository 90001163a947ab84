"""Documents of ENTSO-E, as they are and as they should not be."""

from datetime import datetime
from decimal import Decimal

import pytest

from bridge.prices.errors import NotUnderstood, TokenRefused
from bridge.simulator import Simulator
from tests.rig.price_questions import DAY, NOW, QUARTER, answer_of, answer_to, days, euros

START, END = days(DAY)
ZONE = "10YBE----------2"


def period(points: dict[int, str], resolution: str = "PT60M", *, hours: int = 3, since: str = "23:00") -> str:
    """A period of the day, from 23:00 UTC of the day before."""
    end = f"2026-11-20T{(int(since[:2]) + hours) % 24:02}:{since[3:]}Z"
    start = f"2026-11-{'19' if since == '23:00' else '20'}T{since}Z"
    told = "".join(
        f"<Point><position>{position}</position><price.amount>{price}</price.amount></Point>"
        for position, price in points.items()
    )
    return (
        f"<Period><timeInterval><start>{start}</start><end>{end}</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{told}</Period>"
    )


def series(*periods: str) -> str:
    return (
        f"<TimeSeries><in_Domain.mRID>{ZONE}</in_Domain.mRID><out_Domain.mRID>{ZONE}</out_Domain.mRID>"
        "<currency_Unit.name>EUR</currency_Unit.name><price_Measure_Unit.name>MWH</price_Measure_Unit.name>"
        f"{''.join(periods)}</TimeSeries>"
    )


def document(*content: str) -> str:
    return f'<Publication_MarketDocument xmlns="urn:x:y">{"".join(content)}</Publication_MarketDocument>'


def prices(simulator: Simulator, *content: str) -> list[Decimal | None]:
    """Of the first quarter-hours of the day, as far as anything is known."""
    known = answer_to(simulator, "entsoe", document(*content)).prices
    count = (max(known) - START) // QUARTER + 1 if known else 0
    return [known.get(START + QUARTER * i) for i in range(count)]


def test_a_position_that_is_missing_repeats_the_one_before_it(simulator: Simulator) -> None:
    found = prices(simulator, series(period({1: "10", 3: "-5"}, "PT15M", hours=1)))
    assert found == euros("0.01", "0.01", "-0.005", "-0.005")


def test_an_hour_is_four_quarter_hours(simulator: Simulator) -> None:
    assert prices(simulator, series(period({1: "10", 2: "20"}, hours=2))) == euros(
        *["0.01"] * 4, *["0.02"] * 4
    )


def test_before_the_first_position_nothing_is_known(simulator: Simulator) -> None:
    assert prices(simulator, series(period({2: "20"}, "PT15M", hours=1))) == [None, *euros(*["0.02"] * 3)]


def test_an_empty_price_is_none_and_is_not_made_up_from_the_one_before_it(simulator: Simulator) -> None:
    content = document(series(period({1: "10", 2: "", 4: "20"}, "PT15M", hours=1)))
    answer = answer_to(simulator, "entsoe", content)
    assert answer.prices == {START: Decimal("0.01"), START + 3 * QUARTER: Decimal("0.02")}
    assert answer.remarks == ["2 steps, from 2026-11-20 00:15 to 2026-11-20 00:30, have no price"]


def test_the_finer_period_holds_wherever_it_stands(simulator: Simulator) -> None:
    hours, quarters = period({1: "10"}, hours=1), period({1: "1", 2: "2", 3: "3", 4: "4"}, "PT15M", hours=1)
    fine = euros("0.001", "0.002", "0.003", "0.004")
    assert prices(simulator, series(hours), series(quarters)) == fine
    assert prices(simulator, series(quarters), series(hours)) == fine
    assert prices(simulator, series(quarters, hours)) == fine


def test_of_two_as_fine_the_later_holds(simulator: Simulator) -> None:
    one, other = period({1: "10"}, hours=1), period({1: "20"}, hours=1)
    assert prices(simulator, series(one), series(other)) == euros(*["0.02"] * 4)


def test_intraday_auctions_are_no_day_ahead_market(simulator: Simulator) -> None:
    dayahead, intraday = (
        series(period({1: price}, resolution, hours=1)).replace(
            "<currency", f"<contract_MarketAgreement.type>{market}</contract_MarketAgreement.type><currency"
        )
        for price, resolution, market in (("10", "PT60M", "A01"), ("99", "PT15M", "A07"))
    )
    assert prices(simulator, dayahead, intraday) == euros(*["0.01"] * 4)


def test_a_finer_period_of_a_part_leaves_the_rest_to_the_coarser(simulator: Simulator) -> None:
    hours, quarters = period({1: "10"}, hours=2), period({1: "1"}, "PT15M", hours=1)
    assert prices(simulator, series(quarters, hours)) == euros(*["0.001"] * 4, *["0.01"] * 4)


@pytest.mark.parametrize("prefix", ["", "m:"])
def test_namespaces_and_what_else_is_told_do_not_matter(simulator: Simulator, prefix: str) -> None:
    told = document(series(period({1: "10"}, hours=1)), "<other><start>2000</start></other>")
    if prefix:
        told = told.replace("</", "</m:").replace("<P", "<m:P").replace("<T", "<m:T").replace("<t", "<m:t")
        for name in ("in_", "out_", "currency", "price", "start", "end", "resolution", "position", "other"):
            told = told.replace(f"<{name}", f"<m:{name}")
        told = told.replace("xmlns=", "xmlns:m=")
    answer = answer_to(simulator, "entsoe", f"<?xml version='1.0' encoding='UTF-16'?><!-- x -->{told}")
    assert list(answer.prices.values()) == euros(*["0.01"] * 4)


BOMB = (
    '<!DOCTYPE bomb [<!ENTITY a "10">'
    + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in ("ab", "bc", "cd", "de", "ef", "fg", "gh")
    )
    + "]>"
)
ODD = {
    "a bomb": (BOMB + document(series(period({1: "&h;"}))), "has a document type"),
    "an entity": ('<!DOCTYPE x [<!ENTITY a "10">]>' + document(series(period({1: "&a;"}))), "document type"),
    "a file": ('<!DOCTYPE x SYSTEM "file:///etc/passwd">' + document(), "document type"),
    "an entity of nobody": (document(series(period({1: "&lol;"}))), "not XML"),
    "half of it": (document(series(period({1: "10"})))[:-40], "not XML"),
    "two of them": (document() * 2, "not XML"),
    "another document": ("<GL_MarketDocument/>", "something other than prices"),
    "a text without end": (document("x" * 20_000), "text that does not end"),
    "half hours": (document(series(period({1: "10"}, "PT30M"))), "PT30M long"),
    "no length": (document(series(period({1: "10"}, ""))), "neither hours nor quarter-hours"),
    "another currency": (document(series(period({1: "10"})).replace("EUR", "PLN")), "currency PLN"),
    "another unit": (document(series(period({1: "10"})).replace("MWH", "KWH")), "unit KWH"),
    "no unit": (document(series(period({1: "10"})).replace("price_Measure_Unit.name", "x")), "unit None"),
    "another zone": (document(series(period({1: "10"})).replace("10YBE", "10YNL")), "zone 10YNL"),
    "a price of words": (document(series(period({1: "much"}))), "much is not a price"),
    "no number": (document(series(period({1: "NaN"}))), "NaN is not a price"),
    "no end of a number": (document(series(period({1: "Infinity"}))), "Infinity is not a price"),
    "a price of nobody": (document(series(period({1: "99999"}))), "no market has a price"),
    "position 0": (document(series(period({0: "10"}))), "position 0 of 3"),
    "a position too many": (document(series(period({4: "10"}))), "position 4 of 3"),
    "a position far away": (document(series(period({10**30: "10"}))), "of 3"),
    "a position of words": (
        document(series(period({1: "10"}).replace("<position>1", "<position>one"))),
        "position one of 3",
    ),
    "two prices": (
        document(series(period({1: "10", 2: "20"}).replace("<position>2", "<position>1"))),
        "two prices at position 1",
    ),
    "a period that ends before it begins": (
        document(series(period({1: "10"}).replace("T02:00Z", "T02:00Z", 1).replace("11-20T02", "11-18T02"))),
        "it has a period from",
    ),
    "a period of years": (document(series(period({1: "10"}).replace("<end>2026", "<end>2036"))), "a period"),
    "a period of odd length": (document(series(period({1: "10"}).replace("02:00Z", "02:10Z"))), "a period"),
    "hours at odd minutes": (
        document(series(period({1: "10"}).replace("23:00Z", "23:15Z").replace("02:00Z", "02:15Z"))),
        "cannot begin at",
    ),
    "no time": (
        document(series(period({1: "10"}).replace("2026-11-19T23:00Z", "yesterday"))),
        "not an instant",
    ),
    "no zone of time": (document(series(period({1: "10"}).replace("23:00Z", "23:00"))), "not an instant"),
    "no time at all": (document(series("<Period><resolution>PT15M</resolution></Period>")), "not an instant"),
    "a few words that stand for years": (
        document(series(*[period({1: "10"}).replace("<end>2026", "<end>2027")] * 10_000)),
        "far more prices",
    ),
    "another reason": (
        document("<Reason><code>A95</code><text>Broken</text></Reason>").replace(
            "Publication", "Acknowledgement"
        ),
        "does not accept our request (HTTP 200): Broken",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_refused_as_a_whole(simulator: Simulator, name: str) -> None:
    told, words = ODD[name]
    with pytest.raises(NotUnderstood) as caught:
        answer_to(simulator, "entsoe", told)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("content", ["", "<TimeSeries/>".replace("/>", ">") + "</TimeSeries>"])
def test_a_document_without_prices_has_none_or_is_refused(simulator: Simulator, content: str) -> None:
    if content:
        with pytest.raises(NotUnderstood):
            answer_to(simulator, "entsoe", document(content))
    else:
        assert answer_to(simulator, "entsoe", document()) == ({}, {})


def test_no_data_is_nothing(simulator: Simulator) -> None:
    simulator.fault("prices-empty")
    assert answer_of(simulator, "entsoe") == ({}, {})


def test_a_token_that_is_quoted_is_not_told(simulator: Simulator) -> None:
    quoted = f"<Reason><code>999</code><text>securityToken={simulator.day_ahead.token} x</text></Reason>"
    body = document(quoted).replace("Publication", "Acknowledgement").encode()
    simulator.fault("replace", where="entsoe", status=400, body=body)
    with pytest.raises(NotUnderstood, match=r"securityToken=\*\*\* x$"):
        answer_of(simulator, "entsoe")


def test_a_refusal_may_be_a_page(simulator: Simulator) -> None:
    simulator.fault("replace", where="entsoe", status=401, body=b"<html>Unauthorized</html>")
    with pytest.raises(TokenRefused):
        answer_of(simulator, "entsoe")


def test_more_than_a_year_is_not_answered(simulator: Simulator) -> None:
    span = datetime.fromisoformat("2024-11-19T23:00Z"), START
    with pytest.raises(
        NotUnderstood, match=r"does not accept our request \(HTTP 400\): The requested period"
    ):
        answer_of(simulator, "entsoe", span)
    assert simulator.instant == NOW
