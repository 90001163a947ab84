"""Files are given to the page, and what came of them is said there."""

import errno
import os
import shutil
import socket
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
import requests

from bridge.service.window import Window
from bridge.web import uploads
from bridge.web.doors import Door
from tests.rig.files import Writer
from tests.rig.mosquitto import eventually
from tests.rig.pages import Browser, page_of, words_of
from tests.rig.world import HOME, World

pytestmark = pytest.mark.usefixtures("_quick")

TOO_MUCH = "HTTP/1.1 413 "
FIRST, LAST = date(2026, 11, 10), date(2026, 11, 19)


@pytest.fixture
def of_files(desk: World) -> World:
    """A household without an account, and without a broker: files need neither."""
    desk.meters = [{"name": "home", "ean": HOME["ean"], "source": "file"}]
    desk.changes = {"fluvius": {}}
    return desk


@pytest.fixture
def browser(of_files: World) -> Iterator[Browser]:
    """The page of its running bridge."""
    window = Window()
    with (
        of_files.running(window=window) as bridge,
        page_of(of_files, window=window, wish=bridge.wish) as browser,
    ):
        yield browser


def quarters(world: World, name: str = "quarters.csv") -> bytes:
    writer = Writer(world.simulator, HOME["ean"])
    return writer.write(world.folder / name, writer.intervals(FIRST, LAST)).read_bytes()


def give(browser: Browser, *files: tuple[str, bytes]) -> requests.Response:
    return browser.post("/data/import", files=[("files", each) for each in files])


def came_of(world: World, browser: Browser) -> str:
    """What the page says when nothing waits any more."""

    def is_over() -> bool:
        world.clock.pass_by(seconds=10)
        return "data-live" not in browser.get("/data/files").text

    eventually(is_over, 20)
    return words_of(browser.get("/data/files"))


def test_a_file_is_imported_and_what_was_taken_is_said_of_each_meter(
    of_files: World, browser: Browser
) -> None:
    given = give(browser, ("quarters.csv", quarters(of_files)))
    assert given.url.endswith("/data/files")
    said = came_of(of_files, browser)
    assert "quarters.csv" in said
    assert "home From Tuesday, 10 November 2026 to Thursday, 19 November 2026" in said
    assert "Readings: 1920 new, 0 replaced, 0 known already" in said
    assert of_files.total() == of_files.truth(HOME["ean"], FIRST, LAST)
    assert not any((of_files.data_dir / "dropped").iterdir())


def test_several_at_once_and_the_same_ones_again(of_files: World, browser: Browser) -> None:
    content = quarters(of_files)
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../again.csv", content)
    given = give(
        browser, ("quarters.csv", content), ("all.zip", archive.getvalue()), ("quarters.csv", content)
    )
    assert given.status_code == 200, given.text
    said = came_of(of_files, browser)
    assert "1920 new, 0 replaced, 0 known already" in said
    assert said.count("0 new, 0 replaced, 1920 known already") == 2
    assert "again.csv" in said


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("bill.xls", b"\xd0\xcf\x11\xe0" + bytes(100), "it is an Excel file"),
        ("other.csv", b"Datum;Verbruik\n2026-11-10;1,5\n", "Nothing of it was taken"),
        ("cut.zip", b"PK\x03\x04" + bytes(50), "the archive is not whole"),
        ("<script>alert(1)</script>.csv", b"x", "script_.csv"),
    ],
)
def test_what_cannot_be_taken_is_said_with_the_reason(
    of_files: World, browser: Browser, name: str, content: bytes, why: str
) -> None:
    give(browser, (name, content))
    said = came_of(of_files, browser)
    assert "Nothing of it was taken" in said
    assert why in said
    assert "<script>" not in browser.get("/data/files").text
    assert not any((of_files.data_dir / "dropped").iterdir())


def test_a_bomb_is_no_more_than_a_line(of_files: World, browser: Browser) -> None:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for number in range(11):
            file.writestr(f"{number}.csv", bytes(100 * 1024**2))
    give(browser, ("bomb.zip", archive.getvalue()))
    assert "more than 1000 files, or more than 1 GB" in came_of(of_files, browser)


def test_no_file_is_said_too(browser: Browser) -> None:
    response = browser.post("/data/import", files=[("files", ("", b""))])
    assert response.status_code == 400
    assert "No file was chosen." in words_of(response)


def test_a_file_waits_for_a_bridge_that_does_not_run_its_owner_s_alone(of_files: World) -> None:
    of_files.data_dir.mkdir()
    with page_of(of_files) as browser:
        give(browser, ("..\\..\\quarters.csv", quarters(of_files)))
        said = words_of(browser.get("/data/files"))
    assert "Waiting quarters.csv They are kept, and imported as soon as the bridge runs." in said
    [file] = (of_files.data_dir / "dropped").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with of_files.running():
        eventually(lambda: not file.exists(), 10)
    assert of_files.total() == of_files.truth(HOME["ean"], FIRST, LAST)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("/etc/passwd", "passwd.csv"),
        ("..", "file.csv"),
        (".hidden.csv", "hidden.csv"),
        ("a\0b\r\n.csv", "a_b__.csv"),
        ("history.csv.part", "history.csv.part.csv"),
        ("Verbruikshistoriek_élec (1).csv", "Verbruikshistoriek_élec (1).csv"),
        ("x" * 500 + ".zip", "x" * 56 + ".zip"),
    ],
)
def test_names_lead_nowhere(name: str, kept: str) -> None:
    assert uploads.harmless(name) == kept


def test_a_full_disk_is_said_and_nothing_stays(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.data_dir.mkdir()

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", no_room)
    with page_of(desk) as browser:
        response = give(browser, ("quarters.csv", b"x"))
    assert response.status_code == 503
    assert "No space left on device); the disk is full: make room" in words_of(response)
    assert not any((desk.data_dir / "dropped").iterdir())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of werkzeug's own file
def test_no_room_for_what_comes_in_is_said_too(
    desk: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with page_of(desk) as browser:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        response = give(browser, ("quarters.csv", bytes(515_000)))  # too large for memory
    assert response.status_code == 503
    assert "gone cannot be written" in words_of(response)


def test_a_folder_that_cannot_be_made_is_said(desk: World) -> None:
    desk.data_dir.mkdir()
    (desk.data_dir / "dropped").write_text("in the way")
    with page_of(desk) as browser:
        response = give(browser, ("quarters.csv", b"x"))
    assert response.status_code == 503
    assert "dropped cannot be written" in words_of(response)


def test_what_is_too_large_is_answered_before_it_is_sent(desk: World) -> None:
    with page_of(desk) as browser:
        answer = announced(browser, 2 * 1024**3)
    assert TOO_MUCH in answer
    assert "more than 256 MB" in answer


def test_a_file_is_not_received_before_its_sender_signed_in(desk: World) -> None:
    a_history = 200 * 1024**2
    with page_of(desk, door=Door("open sesame")) as browser:
        answer = announced(browser, a_history)
        assert TOO_MUCH in answer
        assert "has to be signed in" in answer
        browser.post("/sign-in", {"password": "open sesame"})
        ((name, value),) = browser.session.cookies.items()
        signed_in = f"Cookie: {name}={value}"
        assert TOO_MUCH not in announced(browser, a_history, signed_in)
        assert TOO_MUCH in announced(browser, a_history, signed_in, "Sec-Fetch-Site: cross-site")
        assert TOO_MUCH in announced(browser, a_history, signed_in, "Origin: http://attacker.example")
        assert TOO_MUCH in announced(browser, a_history, signed_in, path="/prices/compare")


def test_a_file_that_is_too_large_is_refused_on_a_page_in_the_visitor_s_language(desk: World) -> None:
    desk.data_dir.mkdir()
    with page_of(desk) as browser:
        answer = announced(browser, uploads.LARGEST + 1, "Accept-Language: nl", "Sec-Fetch-Site: same-origin")
        stranger = announced(browser, uploads.LARGEST, "Accept-Language: nl", path="/prices/compare")
    assert TOO_MUCH in answer
    assert "Dat is meer dan 256 MB" in answer
    assert '<html lang="nl">' in answer
    assert "Content-Security-Policy" in answer
    assert "moet aangemeld zijn" in stranger
    assert "generated by" not in answer + stranger


def test_what_is_no_request_is_refused_in_few_words(desk: World) -> None:
    with page_of(desk) as browser, socket.create_connection(("127.0.0.1", browser.port), 5) as line:
        line.sendall(b"GET / HTTP/1.1\r\nno header\r\n\r\n")
        answer = line.recv(4096).decode()
    assert "400 Bad Request" in answer
    assert "generated by" not in answer


def announced(browser: Browser, length: int, *more: str, path: str = "/data/import") -> str:
    """What is answered to the head of a file that is to come."""
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: multipart/form-data; boundary=x",
        f"Content-Length: {length}",
        *more,
    ]
    with socket.create_connection(("127.0.0.1", browser.port), 5) as line:
        line.sendall("".join(f"{each}\r\n" for each in [*head, ""]).encode())
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while part := line.recv(4096):
            answer += part
    return answer.decode()


def test_a_stranger_and_another_site_put_nothing_anywhere(desk: World) -> None:
    desk.data_dir.mkdir()
    with page_of(desk) as browser:
        other = browser.post(
            "/data/import", files=[("files", ("x.csv", b"x"))], headers={"Origin": "http://attacker.example"}
        )
        assert other.status_code == 403
        no_token = browser.session.post(
            f"{browser.root}/data/import", files=[("files", ("x.csv", b"x"))], timeout=10
        )
        assert no_token.status_code == 403
        for path in "/state/ask/refresh", "/data/import":  # what is no file would go into memory
            assert browser.post(path, {"x": "y" * 100_000}).status_code == 413
    assert not (desk.data_dir / "dropped").exists()


def test_what_was_broken_off_long_ago_does_not_stay(tmp_path: Path) -> None:
    old, young = tmp_path / ".a.part", tmp_path / ".b.part"
    for each in old, young:
        each.write_bytes(b"x")
    os.utime(old, (0, 0))
    uploads.keep(tmp_path, "x.csv", BytesIO(b"y"))
    assert {each.name for each in tmp_path.iterdir() if each.is_file()} == {".b.part", "x.csv"}
    assert uploads.waiting(tmp_path) == ["x.csv"]
