"""Readings are downloaded from the page: the same as `fluvius2mqtt export` writes."""

import csv
import io
import json
import socket
import sqlite3
import tracemalloc
from contextlib import closing
from datetime import date
from decimal import Decimal

import pytest
import requests

from bridge.exporting import Export, Wanted
from bridge.fetching import readable
from bridge.web import server
from bridge.web.pages import export
from tests.rig.mosquitto import eventually
from tests.rig.pages import Browser, page_of, words_of
from tests.rig.reading import Reader
from tests.rig.world import GAS, HOME, World
from tests.rig.years import fill


def download(browser: Browser, **asked: str) -> requests.Response:
    return browser.get("/data/export/readings", params=asked)


def name_of(response: requests.Response) -> str:
    return response.headers["Content-Disposition"].partition("filename=")[2]


def test_it_is_what_the_command_writes(reader: Reader) -> None:
    reader.fetch()
    asked = {"from": "2026-11-16", "to": "2026-11-19", "meter": "home", "resolution": "interval"}
    with page_of(reader.world) as browser:
        for form, words in (
            ("csv", "--format csv"),
            ("csv-comma", "--format csv --decimal comma"),
            ("json", "--format json"),
        ):
            response = download(browser, form=form, **asked)
            span = "--from 2026-11-16 --to 2026-11-19 --meter home --resolution interval"
            written = reader.types("export", *words.split(), *span.split()).out
            assert response.text.replace("\r\n", "\n") == written.replace("\r\n", "\n")
            assert len(response.text) > 1000


def test_its_name_says_what_it_is(desk: World) -> None:
    desk.fetch()
    with page_of(desk) as browser:
        days = download(browser, **{"from": "2026-11-16"})
        quarters = download(browser, resolution="interval", form="json")
    assert name_of(days) == "fluvius-home-2026-11-16-2026-11-20-days.csv"
    assert name_of(quarters) == "fluvius-home-2026-11-14-2026-11-20-intervals.json"
    assert days.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert days.headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(quarters.text, parse_float=Decimal)[0]["date"] == "2026-11-14"


def test_all_meters_stand_in_one_file(desk: World) -> None:
    desk.meters = [HOME, GAS]
    desk.fetch()
    with page_of(desk) as browser:
        assert '<option value="gas">' in browser.get("/data/export").text
        response = download(browser)
    assert {row["meter"] for row in csv.DictReader(io.StringIO(response.text))} == {"home", "gas"}
    assert name_of(response).startswith("fluvius-all-")


def test_ten_years_are_never_held_at_once(desk: World) -> None:
    with desk.ledger() as ledger:
        fill(ledger, desk.meter(), until=date(2026, 11, 20), days=100)
        wanted = Export(desk.settings, ledger, Wanted("csv", resolution="interval"), desk.clock())
        wanted.prove()
        for _ in wanted.text():  # so that the calendar is remembered, whatever ran before this test
            pass
        tracemalloc.start()
        try:
            size = sum(map(len, wanted.text()))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert size > 2_000_000
    assert peak < 900_000  # what is remembered of the calendar among it, however many years


def test_it_is_of_one_moment_however_long_it_takes(desk: World) -> None:
    with desk.ledger() as ledger:
        fill(ledger, desk.meter(), until=date(2026, 11, 20), days=60)
    with readable.reading(desk.data_dir) as records:
        wanted = Export(desk.settings, records, Wanted("csv", resolution="interval"), desk.clock())
        text = wanted.text()
        begun = next(text)
        with closing(sqlite3.connect(desk.data_dir / "ledger.sqlite")) as database:
            database.execute("DELETE FROM reading")
            database.commit()
        whole = "".join([begun, *text])
    assert len(list(csv.reader(io.StringIO(whole)))) == 1 + 2 * (60 * 96 + 4)


def test_downloads_that_stand_still_leave_the_page_to_others(desk: World) -> None:
    desk.fetch()
    with page_of(desk) as browser:
        assert [download(browser).status_code for _ in range(5)] == [200] * 5
        with export._under_way, export._under_way:
            refused = download(browser)
            assert browser.get("/state").status_code == 200
        assert refused.status_code == 503
        assert "Others are downloading just now" in words_of(refused)
        assert download(browser).status_code == 200


def test_a_download_that_nobody_takes_is_ended(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk.ledger() as ledger:
        fill(ledger, desk.meter(), until=date(2026, 11, 20), days=400)
    monkeypatch.setattr(server, "_PATIENCE", 1)
    asked = b"GET /data/export/readings?resolution=interval HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with page_of(desk) as browser, socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", browser.port))
        line.sendall(asked)
        assert line.recv(9) == b"HTTP/1.1 "
        eventually(lambda: export._under_way._value < 2, 10)
        eventually(lambda: export._under_way._value == 2, 10)
        assert browser.get("/state").status_code == 200


def test_it_is_sent_while_it_is_read(desk: World) -> None:
    desk.fetch()
    with page_of(desk) as browser:
        response = download(browser)
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in response.headers


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"from": "yesterday"}, "yesterday is not a date"),
        ({"meter": "<b>attic</b>"}, "There is no meter <b>attic</b>"),
    ],
)
def test_what_cannot_be_had_is_said_above_the_form(desk: World, asked: dict[str, str], why: str) -> None:
    desk.fetch()
    with page_of(desk) as browser:
        response = download(browser, **asked)
    assert response.status_code == 400
    assert f"Not done {why}" in words_of(response)
    assert "<b>attic" not in response.text


def test_nothing_was_fetched_yet(desk: World) -> None:
    with page_of(desk) as browser:
        assert browser.get("/data/export").status_code == 200
        assert "Nothing was fetched yet" in words_of(download(browser))
        assert download(browser, form="exe").status_code == 400


def test_a_damaged_ledger_is_said_and_no_half_file_is_sent(desk: World) -> None:
    desk.fetch()
    with closing(sqlite3.connect(desk.data_dir / "ledger.sqlite")) as database:
        database.execute("UPDATE reading SET amount = amount + 1 WHERE daily = 0")
        database.commit()
    with page_of(desk) as browser:
        response = download(browser)
    assert response.status_code == 503
    assert "Content-Disposition" not in response.headers
    assert "damaged" in words_of(response)
