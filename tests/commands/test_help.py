"""The commands to someone who has never typed one: help, and a line for each slip."""

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.commands import _COMMANDS, main
from bridge.commands.examples import EXAMPLES
from tests.rig.commands import DONE, WRONG, Ended, command, once, run, typed
from tests.rig.terminal import at_a_terminal
from tests.rig.world import HOME, World

NAMES = [*_COMMANDS, *(f"mandate {name}" for name in ("list", "request", "mock"))]


def typed_here(capsys: pytest.CaptureFixture[str], *words: str) -> Ended:
    capsys.readouterr()
    try:
        status = main(list(words))
    except SystemExit as ending:
        status = int(ending.code or 0)
    printed = capsys.readouterr()
    return Ended(status, printed.out, printed.err)


@pytest.mark.parametrize("name", NAMES)
def test_every_help_names_the_common_options_and_has_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = typed_here(capsys, *name.split(), "--help")
    assert ended.status == DONE
    assert {"--config", "--verbose", "--version"} <= set(re.findall("^  (--[a-z]+)", ended.out, re.MULTILINE))
    assert f"For example:\n  fluvius2mqtt {name}" in ended.out


def test_help_names_the_folders_in_which_the_configuration_is_looked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = " ".join(typed_here(capsys, "run", "--help").out.split())
    assert "here, then in ~/.config/fluvius2mqtt, ~/.config and /config" in words


@pytest.mark.parametrize("name", ["", *NAMES])
def test_every_help_fits_into_80_columns(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = typed_here(capsys, *name.split(), "--help").out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line.endswith("-")] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_long_example_goes_on_behind_a_backslash_as_a_shell_wants_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = typed_here(capsys, *name.split(), "--help").out.partition("For example:\n")[2]
    lines = [shlex.split(line) for line in shown.replace("\\\n", "").splitlines()]
    assert [words[1:] if words[0] != "curl" else words for words in lines] == [
        shlex.split(example) for example in EXAMPLES[name]
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_a_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = typed_here(capsys, *name.split(), "--help")
    options = re.split(r"\n  (?=-)", ended.out.partition("options:")[2].partition("\n\n")[0])[1:]
    assert [each for each in options if not re.search(r"\s{2,}\S", each)] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_typed_right(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the configuration, which is not there."""
    monkeypatch.setattr("bridge.simulator.command._wait_for_the_end", lambda: None)
    monkeypatch.setenv("HOME", "/nonexistent")
    for example in EXAMPLES[name]:
        words = example.split(" > ")[0].split()
        if words[0] in {"init", "demo", "curl", "simulate"}:  # which begin, or are no words of ours
            continue
        missing = [] if "--config" in words else ["--config", "/nonexistent/x.yaml"]
        ended = typed_here(capsys, *words, *missing)
        assert ended.status == DONE or "cannot be read (No such file" in ended.error, ended.error


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (), ("mandate",):
        ended = typed_here(capsys, *words)
        assert (ended.status, ended.out) == (WRONG, "")
        assert ended.error.startswith("usage: fluvius2mqtt")
        assert "COMMAND" in ended.error


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("simulate --port 99999", "--port 99999: write a number from 0 to 65535"),
        ("simulate --port http", "--port http: write a number from 0 to 65535"),
        ("simulate --today yesterday", "--today yesterday: write a date such as 2026-11-21, or 2026"),
        ("simulate --customers -1", "--customers -1: write a number from 0 to"),
        (
            "simulate --fault 429",
            "--fault 429: there is none of this name; simulate --list-f",
        ),
        (
            "simulate --fault stall:foo=1",
            "--fault stall:foo=1: stall has no parameter 'foo'; it has",
        ),
        (
            "simulate --fault stall:times=x",
            "--fault stall:times=x: a value is not of its kind; simul",
        ),
        ("simulate --fault stall:times", "--fault stall:times: write times=VALUE, or leave it out"),
        ("simulate --host nowhere.invalid", "cannot listen on nowhere.invalid:8187: "),
        ("demo --seconds -3", "--seconds -3: write a number above 0, such as 60"),
        ("demo --seconds nan", "--seconds nan: write a number above 0"),
        ("demo --seconds long", "--seconds long: write a number above 0"),
        ("demo --broker here:there", "--broker here:there: write HOST or HOST:PORT"),
        ("mandate request --eans 0", "--eans 0: write a number of EANs, such as 1"),
        ("coffee", "argument COMMAND: invalid choice: 'coffee'"),
        ("once --colour", "unrecognized arguments: --colour; see: fluvius2mqtt --help"),
        ("backfill", "the following arguments are required: --from; see: fluvius2mqtt backfill --help"),
    ],
)
def test_a_slip_on_the_command_line_is_told_in_one_line(
    words: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = typed_here(capsys, *words.split())
    assert ended.status == (1 if "listen" in complaint else WRONG)
    assert (ended.out, len(ended.complaint)) == ("", 1)
    assert ended.error.startswith(f"fluvius2mqtt: {complaint}")


def test_a_complaint_is_wrapped_between_words_at_a_terminal_alone(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path, "check") as person:
        assert person.ends() == WRONG
    shown = person.seen.splitlines()
    assert max(map(len, shown)) < 80
    assert [" ".join(shown)] == typed(tmp_path, "check").complaint
    assert len(shown) > 2


# --- what is said along the way


def test_once_with_nothing_to_say_says_nothing(house: World) -> None:
    for _ in range(2):
        ended = once(house)
        assert (ended.status, ended.out, ended.error) == (DONE, "", "")
    assert "Connected to the broker" in once(house, "--verbose").error


def test_run_says_that_nothing_is_missing_and_when_it_looks_again(house: World) -> None:
    with run(house) as bridge:
        bridge.until_says("looking again at ")
        (line,) = [line for line in bridge.log.splitlines() if "looking again" in line]
    found = re.fullmatch(r"(\S+ \S+) INFO    nothing is missing; looking again at (\S+)", line)
    assert found
    assert datetime.fromisoformat(found[2]) > datetime.now(UTC)


def test_run_says_whose_days_are_not_published_yet(house: World) -> None:
    house.simulator.fault("late-day", days=3)
    with run(house) as bridge:
        bridge.until_says("not published yet: days of home; looking again at ")


def test_a_line_of_the_log_has_its_offset(house: World) -> None:
    for zone, offset in (("Europe/Brussels", r"\+0[12]00"), ("UTC", r"\+0000")):
        file = str(house.write_configuration())
        words = ("once", "--verbose", "--config", file)
        line = typed(house.folder, *words, program=command(), TZ=zone).complaint[0]
        assert re.match(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d{offset} ", line), line


def test_what_is_on_this_machine_needs_no_proxy(house: World) -> None:
    file = str(house.write_configuration())
    nobody = "http://127.0.0.1:1"
    ended = typed(house.folder, "once", "--config", file, http_proxy=nobody, ALL_PROXY=nobody)
    assert (ended.status, ended.error) == (DONE, "")
    assert house.simulator.count("readings", ean=HOME["ean"]) > 0
