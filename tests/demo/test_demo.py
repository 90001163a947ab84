"""The demo as a person starts it: a process of its own, piped or in a terminal."""

import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from rich.console import Console

from bridge.demo.events import Arrived, Remark, Sentence
from bridge.demo.stage import Stage
from tests.rig.commands import shown_in
from tests.rig.mosquitto import Mosquitto

FAST = """
import sys
from bridge.commands import main
from bridge.demo import story
story.SECONDS_PER_SCENE, story.SECONDS_BETWEEN_REQUESTS = 0.2, 0.01
sys.exit(main())
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the demo; its temporary folders come to be below `tmp_path/temporary`."""
    processes = []
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def start(
        *options: str, fast: bool = False, output: int = subprocess.PIPE, **environ: str
    ) -> subprocess.Popen[str]:
        program = ["-c", FAST] if fast else ["-m", "bridge"]
        process = subprocess.Popen(
            [sys.executable, *program, "demo", *options],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(temporary), **environ},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.terminate()
        process.communicate(timeout=5)
    assert list(temporary.iterdir()) == [], "the demo leaves a folder behind"


def read_until(process: subprocess.Popen[str], words: str) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if words in line:
            return lines
    raise AssertionError(f"{words!r} never came:\n" + "\n".join(lines))


def ends_well(process: subprocess.Popen[str], within: float) -> str:
    """The rest of what it writes."""
    rest, complaints = process.communicate(timeout=within + 10)  # a busy machine takes its time
    assert (process.returncode, complaints) == (0, "")
    return rest


def test_it_tells_its_story_from_the_sign_in_to_the_present(start: Start) -> None:
    process = start(fast=True)
    lines = read_until(process, "This is the present. So far")
    process.terminate()
    ends_well(process, 2)

    sentences = [line for line in lines if line.startswith("# ")]
    topics = [line.split(" ")[1] for line in lines if not line.startswith("# ")]
    for meter, names in {
        "home": ("day", "day/net", "day/injection/high", "intervals", "total", "status"),
        "gas": ("day", "day/volume/total", "intervals", "total", "status"),
        "shed": ("day", "day/consumption/total", "total", "status"),
    }.items():
        assert {f"fluvius/{meter}/{name}" for name in names} <= set(topics)
    assert "fluvius/shed/intervals" not in topics
    assert topics.count("fluvius/bridge/response/refresh") == 5
    assert not any('"status": "error"' in line for line in lines)
    assert any("by +1.437 kWh: revision 2. The total follows" in sentence for sentence in sentences)
    assert ": 1 sign-in, " in sentences[-1]
    assert_that_the_late_day_came_with_the_second_refresh(lines)
    assert max(len(line) for line in lines if not line.startswith("# ")) <= 120


def assert_that_the_late_day_came_with_the_second_refresh(lines: list[str]) -> None:
    place = {
        words: next(number for number, line in enumerate(lines) if words in line)
        for words in ("are late", "They have come", "this is the present")
    }
    late = "\n".join(lines[place["are late"] : place["They have come"]])
    complete = "\n".join(lines[place["They have come"] : place["this is the present"]])
    assert " fluvius/gas/day " in late
    assert " fluvius/home/day " not in late
    assert " fluvius/home/day " in complete
    assert " fluvius/home/intervals " in complete


def test_it_ends_by_itself(start: Start) -> None:
    written = ends_well(start("--seconds", "2.5"), 4.5)
    assert written.startswith("# To listen in another terminal: mosquitto_sub -h 127.0.0.1 -p ")
    assert " fluvius/bridge/state online\n" in written
    assert " fluvius/home/day/consumption/total " in written


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to_in_the_middle_of_everything(start: Start, number: signal.Signals) -> None:
    process = start()
    read_until(process, "fluvius/home/day ")
    process.send_signal(number)
    ends_well(process, 2)


def test_who_reads_the_first_lines_only_sees_no_traceback(start: Start) -> None:
    process = start()
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.wait(5)


def test_on_the_users_broker_it_leaves_nothing_behind(start: Start, tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "mosquitto", users={"demo": "secret"}) as broker:
        process = start(
            "--broker",
            f"localhost:{broker.port}",
            fast=True,
            FLUVIUS2MQTT_MQTT__USERNAME="demo",
            FLUVIUS2MQTT_MQTT__PASSWORD="secret",
        )
        read_until(process, "fluvius-demo/bridge/response/refresh")
        retained = broker.retained()
        assert {"fluvius-demo/bridge/state", "fluvius-demo/home/day", "fluvius-demo/gas/total"} <= set(
            retained
        )
        assert all(topic.startswith("fluvius-demo/") or "/fluvius_demo_" in topic for topic in retained)
        assert "homeassistant/sensor/fluvius_demo_bridge/version/config" in retained
        process.terminate()
        assert "retained topics are removed from the broker." in ends_well(process, 2)
        assert broker.retained() == {}


def test_a_broker_that_is_away_or_refuses_is_said_in_one_line(start: Start, tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "mosquitto", users={"demo": "secret"}) as broker:
        processes = {
            "no MQTT broker answers at localhost:1: Connection refused": start("--broker", "localhost:1"),
            "refuses the connection: not authorized": start("--broker", f"localhost:{broker.port}"),
        }
        for words, process in processes.items():
            written, complaints = process.communicate(timeout=10)
            assert (process.returncode, written) == (1, "")
            assert words in complaints
            assert complaints.count("\n") == 1


def test_an_address_that_is_none_is_said_too(start: Start) -> None:
    process = start("--broker", "mqtt://localhost")
    _, complaints = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "write HOST or HOST:PORT" in complaints


def test_a_terminal_is_as_before_when_it_ends(start: Start) -> None:
    ours, theirs = pty.openpty()
    process = start(
        "--seconds", "2", fast=True, output=theirs, TERM="xterm-256color", COLUMNS="80", LINES="24"
    )
    os.close(theirs)
    text = shown_in(ours)
    assert process.wait(5) == 0
    assert "home, " in text
    assert text.index("\x1b[?1049h") < text.index("home, ") < text.index("\x1b[?1049l")
    assert text.rindex("\x1b[?25l") < text.rindex("\x1b[?25h")


AMOUNTS = {
    "consumption": {"high": 1.5, "low": 0.5, "total": 2},
    "injection": {"high": 1, "low": 0, "total": 1},
}


def stage_of(quarters: int) -> Stage:
    stage = Stage()
    stage.base, stage.listen = "fluvius", "mosquitto_sub"
    day = {"date": "2026-11-20", "revision": 2, "net": 1, **AMOUNTS}
    start = "2026-11-20T{:02}:{:02}:00+01:00"
    intervals = [
        {
            "start": start.format(n // 4 % 24, n % 4 * 15),
            "tariff": "low",
            "consumption": n / 90,
            "injection": 0.2,
        }
        for n in range(quarters)
    ]
    stage.show(
        Sentence("A sentence that is longer than most terminals are wide. " * 4, datetime.now().astimezone())
    )
    stage.show(Remark("Something was logged."))
    for topic, payload in {
        "home/day": day,
        "home/intervals": {"intervals": intervals},
        "home/total": {"since": "2026-11-13", **AMOUNTS},
        "home/status": {"days_awaited": ["2026-11-21"]},
    }.items():
        stage.show(Arrived(f"fluvius/{topic}", json.dumps(payload)))
    while stage.is_moving:
        stage.move_on()
    return stage


@pytest.mark.parametrize("quarters", [92, 96, 100])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (124, 30), (250, 70), (40, 12), (10, 3), (1, 1)])
def test_the_picture_fits_every_terminal(size: tuple[int, int], quarters: int) -> None:
    width, height = size
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True)
    lines = console.render_lines(stage_of(quarters), console.options.update(height=height), pad=False)
    assert len(lines) == height
    assert {sum(segment.cell_length for segment in line) for line in lines} == {width}
