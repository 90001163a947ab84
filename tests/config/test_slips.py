"""What people write who see YAML for the first time, and what they are told."""

import json
import re
from pathlib import Path

import pytest

from bridge.config import ConfigError, load, load_options

ACCOUNT = """\
fluvius:
  portal: {email: jan@home.test, password: hunter2}
meters:
  - {name: home, ean: 541448820000000008, serial: 1SAG1100042063}
"""
NBSP = "\u00a0"


def written(folder: Path, text: str, name: str = "fluvius2mqtt.yaml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    file.chmod(0o600)
    return file


def mistakes(file: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    return [each.removeprefix(f"{file.parent}/{file.name}: ") for each in caught.value.mistakes]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        # after the four lines of the account
        ("mqtt:\n\thost: x", "line 6 (host): there is a tab here, and YAML takes only spaces; use spaces"),
        ("mqtt:\n  host:\tx", "line 6: there is a tab here"),
        ("mqtt:\n  host: x\n\tport: 1883", "line 7 (port): there is a tab here"),
        ("mqtt: {\n\thost: x}", "line 6 (host): there is a tab here"),
        ("mqtt:\n  host: a\n  host: b", "line 7: host is already on line 6; keep one of the two"),
        ("meters:\n  - {ean: 1}", "line 5: meters is already on line 3; keep one"),
        ("mqtt: {hunter2, hunter2}", "line 5: hunter2 is already"),
        ("mqtt:\n  host localhost\n  port: 1883", "line 6: a colon is missing after host"),
        ("mqtt:\n  port: 1883\n  host localhost", "line 7: a colon is missing after host"),
        ("mqtt:\n  port 1883", "mqtt: line 6: a colon is missing after port"),
        ("mqtt\n  host: localhost", "line 5: a colon is missing after mqtt"),
        ("mqtt:\n  host:localhost\n  port:1883", "mqtt: line 6: a space is missing after host:"),
        ("mqtt:\n  host:localhost\n  port: 1883", "line 6: a space is missing after host:"),
        ('host" x\nmqtt:\n  port: 1', "line 5: a colon is missing after the key"),
        ("log=\n  level: info", "line 5: a colon is missing after log"),
        ("mqtt:\n  port: 1883\n  host = x", "line 7: a colon is missing after host"),
        ("mqtt:\n  port = 1883", "mqtt: line 6: a colon is missing after port"),
        ("---\nmqtt: {host: x}", "line 5: a second document begins here; take the line --- away"),
        ("...\nmqtt: {host: x}", "line 5: the document ends here; take the line ... away"),
        (
            'data_dir: "C:\\Users\\me"',
            "line 5 (data_dir): in double quotes a backslash begins a code; write",
        ),
        ('data_dir: "C:\\data"', "line 5 (data_dir): in double quotes a backslash begins a code"),
        (
            'data_dir: "C:\\new"',
            "data_dir: contains invisible characters; for a backslash, write",
        ),
        (
            f"mqtt:\n{NBSP}{NBSP}host: x",
            "line 6 (host): has a character that looks like a space but is not one",
        ),
        (f"mqtt:\n  host:{NBSP}x", "line 6 (host): has a character that looks like a space"),
        (f"mqtt:\n  port: 1883{NBSP}", "line 6 (port): has a character that looks like a space"),
        (
            "prices: - since: 2026-01-01",
            "line 5 (prices): a - begins a list; write it on the next line, below",
        ),
        ("schedule:\n  times: - 09:00", "line 6 (times): a - begins a list; write it on the next line"),
        ("mqtt:\n  host: x\n   port: 1", "line 7 (port): begins in another column than the keys beside it"),
        ("mqtt:\n  host: x\n port: 1", "line 7 (port): begins in another column than the keys beside it"),
        ("schedule: {at: [06:15, 09:15}", "line 5 (schedule): the [ is not closed, or a comma is missing"),
        ("schedule: {at: [06:15]\nlog: {}", "line 5 (schedule): the { is not closed, or a comma is missing"),
        ('mqtt:\n  host: "x\n  port: 1', "line 6 (host): a quote is opened and never closed"),
        ("mqtt: {password: *hunter2}", "line 5 (mqtt): a value begins with *; put quotes around it"),
        ("mqtt:\n  password: @hunter2", "line 6 (password): a value begins with @; put quotes around it"),
        ("mqtt:\n  password: %hunter2", "line 6 (password): a value begins with %; put quotes around it"),
        ("mqtt:\n  password: ]hunter2", "line 6 (password): a value begins with ]; put quotes around it"),
        ("mqtt:\n  password: |hunter2", "line 6 (password): a value begins with |; put quotes around it"),
        ("mqtt:\n  password: >9hunter2", "line 6 (password): a value begins with >; put quotes around it"),
        ("mqtt:\n  password: &", "line 6 (password): a value begins with &; put quotes around it"),
        ("mqtt:\n  password: *@hunter2", "line 6 (password): a value begins with *; put quotes around it"),
        ("mqtt: {password: !hunter2 x}", "line 5: a value begins with !; put quotes around it"),
        ("mqtt: {password: !hun!ter2}", "line 5 (mqtt): a value begins with !; put quotes around it"),
        ("mqtt:\n  password: hunter2: x", "line 6 (password): the value holds a colon; put quotes around it"),
        ("mqtt:\n  password: 'hunter2'x", "line 6 (password): something follows the closing quote"),
        ("mqtt:\n  password:\n    hunter2\n  x: y: z", "line 8 (x): the value holds a colon"),
        ("mqtt: {[a]: b}", "line 5: a list or a group of keys is where a key should be"),
        ("mqtt: &x {a: *x}", "line 5 (mqtt): a value holds itself; take the & and the * away"),
        ("meters2:\n  -{a: b, c: d}\n  x: y", "line 6: a space is missing after the -"),
    ],
)
def test_a_slip_is_told_with_its_line_its_key_and_what_to_write(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (mistake,) = mistakes(written(tmp_path, f"{ACCOUNT}{text}\n"))
    assert mistake.startswith(complaint)
    assert "hunter2" not in mistake.replace("hunter2 is already", "")
    assert ("put quotes" in mistake) == ("put quotes" in complaint or "holds a colon" in complaint)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mqtt: \a", "contains invisible characters"),
        ("[" * 1000, "is nested too deeply"),
        ("- mqtt", "holds no keys; write them as in config.example.yaml"),
        ("hunter2", "holds no keys; write them as in config.example.yaml"),
    ],
)
def test_what_holds_no_keys_is_told(tmp_path: Path, text: str, words: str) -> None:
    assert mistakes(written(tmp_path, text)) == [words]


def test_a_first_key_that_does_not_begin_at_the_edge_is_told(tmp_path: Path) -> None:
    said = "line 2 (meters): begins in another column than the keys above it"
    assert mistakes(written(tmp_path, " fluvius: {}\nmeters: []\n")) == [said]


def test_a_space_of_web_pages_in_a_comment_is_no_slip(tmp_path: Path) -> None:
    text = ACCOUNT.replace("name: home", "name: Jan en An").replace("meters", f"# a{NBSP}b\nmeters")
    assert "Jan" in load(written(tmp_path, text), {}).followed[0].label


# --- secrets


@pytest.mark.parametrize("form", ["!secret fluvius", "'!secret fluvius'", '"!secret  fluvius"'])
def test_a_secret_in_quotes_is_looked_up_too(tmp_path: Path, form: str) -> None:
    written(tmp_path, "fluvius: open sesame\n", "secrets.yaml")
    assert password(written(tmp_path, ACCOUNT.replace("hunter2", form))) == "open sesame"


def test_a_secret_in_quotes_that_is_missing_is_told(tmp_path: Path) -> None:
    (mistake,) = mistakes(written(tmp_path, ACCOUNT.replace("hunter2", "'!secret fluvius'")))
    assert re.search("secrets.yaml: cannot be read .* such as fluvius: ...", mistake)


@pytest.mark.parametrize(
    ("secrets", "complaint"),
    [
        ("fluvius:\n  - hunter2", "fluvius: holds a list; write its value behind the colon"),
        ("fluvius: {password: hunter2}", "fluvius: holds a group of keys; write its value behind the colon"),
        ("fluvius:", "fluvius: is empty; write its value behind the colon"),
        ("fluvis: hunter2", "fluvius: is missing; write fluvius: and its value"),
    ],
)
def test_a_secret_that_is_there_and_is_no_text_is_not_said_to_be_missing(
    tmp_path: Path, secrets: str, complaint: str
) -> None:
    file = written(tmp_path, secrets, "secrets.yaml")
    found = mistakes(written(tmp_path, ACCOUNT.replace("hunter2", "!secret fluvius")))
    assert found == [f"{file}: {complaint}"]


def test_a_secret_without_a_name_is_told(tmp_path: Path) -> None:
    written(tmp_path, "fluvius: open sesame\n", "secrets.yaml")
    file = written(
        tmp_path, ACCOUNT.replace(", password: hunter2}", "}").replace("{email", "{password: !secret , email")
    )
    assert mistakes(file) == ["line 2: a name is missing after !secret; write one from secrets.yaml"]


def test_a_secret_in_a_variable_is_looked_up_too(tmp_path: Path) -> None:
    written(tmp_path, "fluvius: open sesame\n", "secrets.yaml")
    environ = {"FLUVIUS2MQTT_FLUVIUS__PORTAL__PASSWORD": "!secret fluvius"}
    assert password(written(tmp_path, ACCOUNT), environ) == "open sesame"


def test_a_secret_that_home_assistant_did_not_put_in_is_told(tmp_path: Path) -> None:
    portal = {"email": "jan@home.test", "password": "!secret fluvius"}
    meters = [{"ean": "541448820000000008", "serial": "1SAG1100042063"}]
    options = written(tmp_path, json.dumps({"fluvius": {"portal": portal}, "meters": meters}), "options.json")
    with pytest.raises(ConfigError) as caught:
        load_options(options, {})
    assert caught.value.mistakes == (
        "Home Assistant knows no secret fluvius; write it into Home Assistant's secrets.yaml",
    )


def password(file: Path, environ: dict[str, str] | None = None) -> str:
    portal = load(file, environ or {}).fluvius.portal
    assert portal
    assert portal.password
    return portal.password.get_secret_value()


def test_a_password_that_ends_at_a_comment_is_a_warning(tmp_path: Path) -> None:
    block = ACCOUNT.replace(
        "{email: jan@home.test, password: hunter2}", "\n    email: jan@home.test # me\n    X"
    )
    file = written(tmp_path, block.replace("X", "password: hunter2 # mine"))
    (warning,) = load(file, {}).warnings
    assert warning == (
        f"{file}: fluvius.portal.password: on line 4 the value ends before the #, and the rest is a comment;"
        " put quotes around what is meant: 'value # rest of it', or 'value' # comment"
    )
    for clear in "'hunter2' # mine", "'hunter2 # mine'", "hunter2#mine":
        assert load(written(tmp_path, block.replace("X", f"password: {clear}")), {}).warnings == ()


def test_a_secret_that_ends_at_a_comment_is_a_warning(tmp_path: Path) -> None:
    secrets = written(tmp_path, "# all\nfluvius: open # sesame\n", "secrets.yaml")
    (warning,) = load(written(tmp_path, ACCOUNT.replace("hunter2", "!secret fluvius")), {}).warnings
    assert warning.startswith(f"{secrets}: fluvius: on line 2 the value ends before the #")


# --- what is probably not meant


def test_the_example_as_it_is_reaches_nobody(tmp_path: Path) -> None:
    example = (Path(__file__).parents[2] / "config.example.yaml").read_text("utf-8")
    found = mistakes(written(tmp_path, example))
    assert [each.split(": ")[0] for each in found] == [
        "fluvius.portal.email",
        "fluvius.portal.password",
        "meters[0].ean",
        "meters[0].serial",
    ]
    assert all("is still that of the example; write the " in each for each in found)
    here = example.replace("https://mijn.fluvius.be", "http://localhost:8087")
    assert load(written(tmp_path, here), {}).warnings == ()


def test_the_serial_number_of_the_example_alone_reaches_nobody_either(tmp_path: Path) -> None:
    text = ACCOUNT.replace("541448820000000008", "541448820000000022")
    (mistake,) = mistakes(written(tmp_path, text.replace("1SAG1100042063", "1sag 1100042062")))
    assert mistake.startswith("meters[0].serial: is still that of the example; write ")


def test_a_serial_number_may_stand_in_groups_and_small_letters(tmp_path: Path) -> None:
    text = ACCOUNT.replace("1SAG1100042063", " 1sag 11 0004\t2063 ".replace("\t", " "))
    assert load(written(tmp_path, text), {}).followed[0].serial == "1SAG1100042063"


def test_a_gas_meter_that_is_said_to_count_electricity_is_a_warning(tmp_path: Path) -> None:
    gas = ACCOUNT.replace("1SAG1100042063", "7FLO2100042062")
    (warning,) = load(written(tmp_path, gas), {}).warnings
    assert "meters[0].energy: the serial number 7FLO2100042062 looks like that of a gas meter" in warning
    assert load(written(tmp_path, gas.replace("serial", "energy: gas, serial")), {}).warnings == ()


@pytest.mark.parametrize("base", ["homeassistant", "homeassistant/fluvius", "ha/x"])
def test_a_base_topic_that_is_home_assistants_is_a_warning(tmp_path: Path, base: str) -> None:
    more = f"mqtt: {{base_topic: {base}}}\nhomeassistant: {{discovery_prefix: ha}}\n"
    (warning,) = load(written(tmp_path, ACCOUNT + more), {}).warnings
    assert f"mqtt.base_topic: {base} is Home Assistant's own" in warning


def test_variables_that_a_file_makes_idle_are_a_warning(tmp_path: Path) -> None:
    file = written(tmp_path, ACCOUNT)
    environ = {
        "FLUVIUS_LOGIN": "an@home.test",
        "FLUVIUS_PASSWORD": "hunter2",  # the same
        "FLUVIUS_EAN": "541448820000000015",
    }
    assert load(file, environ).warnings == (
        f"FLUVIUS_LOGIN: is ignored, because this comes first: {file}: fluvius.portal.email",
        f"FLUVIUS_EAN: is ignored, because this comes first: {file}: meters[0].ean",
    )
