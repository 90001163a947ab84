"""A file that people edit by hand is changed where it was changed, and nowhere else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.setup.changing import changed
from bridge.setup.place import Place
from bridge.setup.writer import put_in_place

FILE = """\
# My bridge
mqtt:
  host: localhost   # in the cellar
  username: 'me'
  password: !secret mqtt

fluvius:
  portal:
    email: you@example.com
    password: plain text   # to be moved one day
    url: http://127.0.0.1:1

# Both meters
meters:
  # the one in the hall
  - name: home
    ean: "541448820000000008"
    serial: 1SAG1100042062
  - name: gas   # in the garage
    ean: 541448820000000015
    serial: 7FLO2100042062
    energy: gas

# From the tariff card of March
prices:
  - from: 2026-03-01
    consumption:
      energy: 0.1342
    vat: 6

# Of the page
web: true
schedule: {at: ["06:15", "12:15"], jitter_minutes: 5}
"""
SECRETS = "# of everything\nmqtt: old secret\nother: another\n"

Edit = Callable[[dict[str, Any]], object]


def edited(folder: Path, edit: Edit, text: str = FILE) -> tuple[str, str]:
    """The file and the secrets, after a change; read again, both say what they shall."""
    (folder / "fluvius2mqtt.yaml").write_text(text, "utf-8")
    (folder / "secrets.yaml").write_text(SECRETS, "utf-8")
    place = Place(folder / "fluvius2mqtt.yaml", {})
    before, answers = place.answers().tree, place.answers()
    edit(answers.tree)
    put_in_place(changed(answers, before))
    assert place.answers().tree == answers.tree
    return (folder / "fluvius2mqtt.yaml").read_text("utf-8"), (folder / "secrets.yaml").read_text("utf-8")


def set_to(path: str, value: Any) -> Edit:
    def edit(tree: dict[str, Any]) -> None:
        here: Any = tree
        *above, last = path.split(".")
        for part in above:
            here = here[int(part)] if part.isdigit() else here.setdefault(part, {})
        here[last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "old", "new"),
    [
        (set_to("mqtt.host", "10.0.0.7"), "host: localhost ", 'host: "10.0.0.7" '),
        (set_to("meters.0.name", "Mémé's huis"), "name: home", 'name: "Mémé\'s huis"'),
        (set_to("meters.1.name", "boiler"), "name: gas ", "name: boiler "),
        (set_to("prices.0.vat", "21"), "vat: 6", "vat: 21"),
        (
            set_to("language", "nl"),
            "5}\n",
            "5}\n\n# The language of names in Home Assistant, and of the page",
        ),
        (
            set_to("meters.0.energy", "electricity"),
            "1SAG1100042062\n",
            "1SAG1100042062\n    energy: electricity\n",
        ),
        (set_to("mqtt.port", "1884"), "!secret mqtt\n", "!secret mqtt\n  port: 1884\n"),
        (set_to("homeassistant.statistics", "false"), "5}\n", "5}\n\nhomeassistant:\n"),
        (
            lambda tree: tree["meters"].append({"ean": "541448820000000022", "serial": "1SAG1100042063"}),
            "    energy: gas\n",
            '    energy: gas\n  - ean: "541448820000000022"\n    serial: "1SAG1100042063"\n',
        ),
        (
            lambda tree: tree["meters"].pop(),
            FILE[FILE.index("  - name: gas") : FILE.index("\n# From")],
            "",
        ),
        (
            lambda tree: tree["meters"].pop(0),
            FILE[FILE.index("  # the one") : FILE.index("  - name: gas")],
            "",
        ),
        (
            lambda tree: tree["mqtt"].pop("username") and tree["mqtt"].pop("password"),
            "  username: 'me'\n",
            "",
        ),
        (lambda tree: tree["meters"][1].pop("name"), "name: gas   # in the garage\n    ean", "ean"),
        (
            lambda tree: tree.pop("prices"),
            "prices:\n  - from: 2026-03-01\n    consumption:\n      energy: 0.1342\n    vat: 6\n",
            "",
        ),
    ],
)
def test_nothing_else_changes_by_a_letter(tmp_path: Path, edit: Edit, old: str, new: str) -> None:
    text, secrets = edited(tmp_path, edit)
    assert new in text
    assert FILE.count(old) == 1
    if "username" in old:
        text = text.replace("  host: localhost   # in the cellar\n", "\0")
        assert "password: !secret" not in text
        return
    begin = FILE.index(old)
    assert text.startswith(FILE[:begin])
    assert text.endswith(FILE[begin + len(old) :])
    assert secrets == SECRETS


def test_a_list_in_brackets_stays_in_them(tmp_path: Path) -> None:
    text, _ = edited(tmp_path, set_to("schedule.at", ["07:00", "19:00"]))
    assert text == FILE.replace('"06:15", "12:15"', '"07:00", "19:00"')


def test_several_prices_and_what_is_within_them(tmp_path: Path) -> None:
    new = {"from": "2027-01-01", "consumption": {"energy": {"high": "0.3", "low": "0.2"}}, "vat": "0"}
    text, _ = edited(tmp_path, lambda tree: tree["prices"].append(new))
    assert text.startswith(FILE[: FILE.index("\n# Of the page")])
    assert text.endswith(FILE[FILE.index("\n# Of the page") :])
    edited(tmp_path, set_to("prices.0.consumption.energy", {"dynamic": {"factor": "1.04", "base": "0.01"}}))


def test_a_new_password_goes_where_the_old_one_was(tmp_path: Path) -> None:
    text, secrets = edited(tmp_path, set_to("mqtt.password", "new: #secret"))
    assert text == FILE
    assert secrets == SECRETS.replace("old secret", '"new: #secret"')


def test_a_password_that_a_comment_names_too_goes_where_it_was(tmp_path: Path) -> None:
    twice = FILE.replace("# Of the page", "# password: !secret mqtt")
    text, secrets = edited(tmp_path, set_to("mqtt.password", "new"), twice)
    assert (text, secrets) == (twice, SECRETS.replace("old secret", '"new"'))


def test_a_password_that_another_key_uses_too_stays(tmp_path: Path) -> None:
    used_twice = FILE.replace("plain text   #", "!secret mqtt   #")
    text, secrets = edited(tmp_path, set_to("mqtt.password", "new"), used_twice)
    assert text == used_twice.replace("!secret mqtt\n", "!secret mqtt_2\n", 1)
    assert secrets == f'{SECRETS}mqtt_2: "new"\n'


def test_a_password_that_stood_in_the_file_moves_to_the_secrets(tmp_path: Path) -> None:
    text, secrets = edited(tmp_path, set_to("fluvius.portal.password", "new"))
    assert text == FILE.replace("plain text", "!secret fluvius")
    assert secrets == f'{SECRETS}fluvius: "new"\n'


@pytest.mark.parametrize(
    "text",
    ["web: true\n", "# nothing but this\nweb: true", "mqtt:\nweb: true\n", "web: true # on\nmeters: []\n"],
)
def test_a_file_with_the_page_alone_is_filled(tmp_path: Path, text: str) -> None:
    def fill(tree: dict[str, Any]) -> None:
        tree["mqtt"] = {"host": "broker", "username": "me", "password": "secret"}
        tree["meters"] = [{"ean": "541448820000000008", "source": "file"}]

    whole, secrets = edited(tmp_path, fill, text)
    assert [line for line in text.splitlines() if "#" in line and line not in whole] == []
    assert secrets == f'{SECRETS}mqtt_2: "secret"\n'
