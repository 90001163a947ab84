"""However people write their file by hand: what is changed is changed there, and every other line stays."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.config import ConfigError
from bridge.setup.changing import changed
from bridge.setup.place import Place
from bridge.setup.writer import put_in_place

HOME, GAS, THIRD = "541448820000000008", "541448820000000015", "541448820000000022"
NEW = {"name": "attic", "ean": THIRD, "serial": "1SAG1100042063"}
METERS: list[dict[str, Any]] = [
    {"name": "home", "ean": HOME, "serial": "1SAG1100042069"},
    {"name": "gas", "ean": GAS, "serial": "7FLO2100042062", "energy": "gas"},
]
PRICES: list[dict[str, Any]] = [
    {"from": "2026-01-01", "consumption": {"energy": "0.31"}, "vat": "6"},
    {"from": "2026-03-01", "consumption": {"energy": "0.29"}, "vat": "6"},
]

Edit = Callable[[dict[str, Any]], object]


def quoted(value: str) -> str:
    return f'"{value}"'


def as_lines(entry: dict[str, Any], style: str, remarks: str) -> Iterator[str]:
    """An entry of a list."""
    plain = {
        key: json.dumps(value) if isinstance(value, dict) else quoted(value) for key, value in entry.items()
    }
    word = entry.get("name") or entry["from"]
    if remarks:
        yield f"# before {word}"
    if style == "- {":
        yield f"- {{{', '.join(f'{key}: {value}' for key, value in plain.items())}}}   # at {word}"
        return
    first = "-   " if style == "-   key" else "- "
    if style == "-":
        yield f"-   # dash of {word}"
    for number, (key, value) in enumerate(plain.items()):
        named = f'"{key}"' if style == "quoted" else key
        indent = " " * len(first) if number or style == "-" else first
        yield f"{indent}{named}: {value}{f'   # at {key} of {word}' if remarks else ''}"
    if remarks:
        yield f"{' ' * len(first)}# after {word}"


@dataclass(frozen=True)
class Layout:
    """How somebody writes."""

    style: str = "- key"
    indent: int = 2
    remarks: str = "# yes"
    gap: str = ""
    grouped: bool = False
    line_end: str = "\n"
    mark: str = ""
    begin: str = ""
    end: str = "\n"

    def list_of(self, key: str, entries: list[dict[str, Any]]) -> Iterator[str]:
        yield f"{key}:{'   # all' if self.remarks else ''}"
        for entry in entries:
            for line in as_lines(entry, self.style, self.remarks):
                yield " " * self.indent + line
            yield from [self.gap] if self.gap else []

    def text(self) -> str:
        meters = [{**each, "ean": self.ean(each["ean"])} for each in METERS]
        lines = [
            *(["# on top", ""] if self.remarks else []),
            "mqtt: {host: a, username: me, password: hunter22}",
            "fluvius: {portal: {email: me@home.be, password: hunter33, url: 'http://127.0.0.1:1'}}",
            *self.list_of("meters", meters),
            "",
            "# of the costs",
            *self.list_of("prices", PRICES),
            "schedule:",
            "  # early",
            '  at: ["06:15", "12:15"]',
            "  # late",
        ]
        text = self.begin + "\n".join(lines) + self.end
        return self.mark + text.replace("\n", self.line_end)

    def ean(self, digits: str) -> str:
        return " ".join([digits[:4], digits[4:8], digits[8:]]) if self.grouped else digits


LAYOUTS = st.builds(
    Layout,
    style=st.sampled_from(["- key", "-   key", "- {", "-", "quoted"]),
    indent=st.sampled_from([0, 2, 4]),
    remarks=st.sampled_from(["", "# yes"]),
    gap=st.sampled_from(["", "  ", "# between"]),
    grouped=st.booleans(),
    line_end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
    begin=st.sampled_from(["", "---\n", "%YAML 1.1\n---\n"]),
    end=st.sampled_from(["\n", "", "\n...\n", "\n\n# the end\n", "\n...\n# the end"]),
)


def rename(tree: dict[str, Any]) -> None:
    tree["meters"][1]["name"] = "Mémé's huis"


def name_anew(tree: dict[str, Any]) -> None:
    del tree["meters"][0]["name"]


def price_anew(tree: dict[str, Any]) -> None:
    tree["prices"][0]["consumption"]["energy"] = {"high": "0.4", "low": "0.3"}


def swap(tree: dict[str, Any]) -> None:
    tree["prices"].reverse()
    tree["prices"][0]["vat"] = "21"


EDITS: dict[str, tuple[Edit, set[str]]] = {  # and what the lines that may change say
    "rename": (rename, {"name: ", '"name": '}),
    "name anew": (name_anew, {"home", "ean"}),
    "add a meter": (lambda tree: tree["meters"].append(dict(NEW)), set()),
    "add a first one": (lambda tree: tree["meters"].insert(0, dict(NEW)), set()),
    "remove the first": (lambda tree: tree["meters"].pop(0), {"home", HOME[8:], "1SAG1100042069"}),
    "remove the last": (lambda tree: tree["meters"].pop(), {"gas", GAS[8:], "7FLO"}),
    "remove all": (lambda tree: tree.pop("prices"), {"2026", "vat", "consumption", "prices:", "between"}),
    "an energy": (lambda tree: tree["meters"][0].update(energy="electricity"), {"home"}),
    "a price": (price_anew, {"consumption"}),
    "prices moved": (swap, {"2026-01-01", "vat", "before", "after"}),
    "a price between": (
        lambda tree: tree["prices"].insert(1, PRICES[0] | {"from": "2026-02-01"}),
        set(),
    ),
    "a time": (lambda tree: tree["schedule"].update(at=["07:00", "12:15"]), {"at: "}),
    "the host": (lambda tree: tree["mqtt"].update(host="b"), {"mqtt: "}),
    "no password": (lambda tree: tree["mqtt"].pop("password"), {"mqtt: "}),
    "a port": (lambda tree: tree["mqtt"].update(port="1884"), {"mqtt: "}),
    "a new section": (lambda tree: tree.update(language="nl", web="true"), set()),
    "a section within": (lambda tree: tree["mqtt"].update(tls={"insecure": "true"}), {"mqtt: "}),
}


def edited(folder: Path, text: str, edit: Edit, secrets: str | None = None) -> str:
    """The file after a change, to the letter; read again, it says what it shall."""
    file = folder / "fluvius2mqtt.yaml"
    file.write_bytes(text.encode())
    if secrets is not None:
        (folder / "secrets.yaml").write_bytes(secrets.encode())
    place = Place(file, {})
    before, answers = place.answers().tree, place.answers()
    edit(answers.tree)
    put_in_place(changed(answers, before))
    assert place.answers().tree == answers.tree
    return file.read_bytes().decode()


def lost(before: str, after: str) -> list[str]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [
        line for tag, i, j, _, _ in matcher.get_opcodes() if tag in ("delete", "replace") for line in old[i:j]
    ]


def prove_comments_stand_at_their_entries(layout: Layout, text: str) -> None:
    ours = {each["name"]: layout.ean(each["ean"]) for each in METERS} | {
        each["from"]: each["from"] for each in PRICES
    }
    for word, own in ours.items():
        last = f"# at {word}" if layout.style == "- {" else f"# after {word}"
        begin, end = text.find(f"# before {word}"), text.find(last)
        assert (begin >= 0) == (end >= 0) == (f'"{own}"' in text)
        within = text[begin:end] if begin >= 0 else own
        assert [other for other in [*ours.values(), THIRD, "2026-02"] if f'"{other}"' in f'"{within}"'] == [
            own
        ]


@example(Layout(style="- {", indent=0, grouped=True), "rename")
@example(Layout(mark="\ufeff"), "add a meter")
@example(Layout(line_end="\r\n", indent=4), "remove the first")
@example(Layout(end="\n...\n"), "a new section")
@given(LAYOUTS, st.sampled_from(sorted(EDITS)))
def test_every_change_in_every_layout(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, name: str
) -> None:
    (edit, touched), before = EDITS[name], layout.text()
    after = edited(tmp_path_factory.mktemp("edited"), before, edit)
    gone = [line for line in lost(before, after) if not any(word in line for word in touched)]
    assert [line for line in gone if line.strip() and line.strip("\r\n") + layout.line_end not in after] == []
    assert after.startswith(layout.mark + layout.begin.replace("\n", layout.line_end))
    assert after.count("\n") == after.count(layout.line_end)
    assert ("..." in after) == ("..." in before)
    if layout.remarks:
        prove_comments_stand_at_their_entries(layout, after)


COMMENTED = """\
meters:
  # the one in the hall
  - name: home
    ean: "541448820000000008"   # on the bill
    serial: 1SAG1100042069
    # energy: electricity
  # in the garage
  - name: gas
    ean: "541448820000000015"
    serial: 7FLO2100042062
    energy: gas
    # until 2030

  # - name: the neighbours'

fluvius: {portal: {email: me@home.be, password: hunter33}}
"""
HALL = COMMENTED[COMMENTED.index("  # the one") : COMMENTED.index("  # in the")]
GARAGE = COMMENTED[COMMENTED.index("  # in the") : COMMENTED.index("\n  # - name")]
ATTIC = '  - name: attic\n    ean: "541448820000000022"\n    serial: "1SAG1100042063"\n'


@pytest.mark.parametrize(
    ("edit", "old", "new"),
    [
        (lambda meters: meters.pop(0), HALL, ""),
        (lambda meters: meters.pop(1), GARAGE, ""),
        (lambda meters: meters.reverse(), HALL + GARAGE, GARAGE + HALL),
        (lambda meters: meters.append(dict(NEW)), GARAGE, GARAGE + ATTIC),
        (lambda meters: meters.insert(1, dict(NEW)), HALL, HALL + ATTIC),
        (lambda meters: meters.insert(0, dict(NEW)), HALL, ATTIC + HALL),
        (lambda meters: meters.append(meters.pop(0) | {"name": "hall"}), HALL + GARAGE, None),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_comment_goes_where_its_entry_goes(
    tmp_path: Path, edit: Callable[[list[Any]], object], old: str, new: str | None, line_end: str
) -> None:
    if new is None:
        new = GARAGE + HALL.replace("name: home", "name: hall")
    after = edited(tmp_path, COMMENTED.replace("\n", line_end), lambda tree: edit(tree["meters"]))
    assert after == COMMENTED.replace(old, new).replace("\n", line_end)


@pytest.mark.parametrize(
    ("old", "edit", "new"),
    [
        (
            "{name: home, ean: '541448820000000008', serial: 1SAG}",
            lambda tree: tree["meters"][0].update(name="Mémé"),
            "{name: Mémé, ean: '541448820000000008', serial: 1SAG}",
        ),
        (
            "{name: home, ean: '541448820000000008', serial: 1SAG}",
            lambda tree: tree["meters"][0].pop("name"),
            "{ean: '541448820000000008', serial: 1SAG}",
        ),
        (
            "{ean: '541448820000000008', serial: 1SAG, name: home}",
            lambda tree: tree["meters"][0].pop("name"),
            "{ean: '541448820000000008', serial: 1SAG}",
        ),
        (
            "{\n    # my\n    ean: '541448820000000008',  # it\n    serial: 1SAG  # on it\n  }",
            lambda tree: tree["meters"][0].update(name="a"),
            "{\n    # my\n    ean: '541448820000000008',  # it\n    serial: 1SAG,  # on it\n    name: a\n  }",
        ),
    ],
)
def test_what_is_in_brackets_stays_in_brackets(tmp_path: Path, old: str, edit: Edit, new: str) -> None:
    begin = "fluvius: {portal: {email: me@home.be, password: hunter33}}\nmeters:\n- "
    assert edited(tmp_path, f"{begin}{old}   # mine\n", edit) == f"{begin}{new}   # mine\n"


def test_a_file_of_json(tmp_path: Path) -> None:
    portal = {"email": "me@home.be", "password": "hunter33"}
    text = json.dumps({"fluvius": {"portal": portal}, "meters": METERS}, indent=2)

    def edit(tree: dict[str, Any]) -> None:
        tree["meters"][1]["name"] = "boiler"
        tree["fluvius"]["portal"]["password"] = "new"
        tree["meters"].insert(0, dict(NEW))
        tree["language"] = "nl"

    after = edited(tmp_path, text, edit)
    assert lost(text, after) == [
        '      "password": "hunter33"\n',
        '      "name": "gas",\n',
        "  ]\n",
    ]


@pytest.mark.parametrize("text", ["{}\n", "# mine\n--- {}\n...\n", "~\n", "---\n", "---\n# mine\n...\n", ""])
def test_a_file_in_which_nothing_stands(tmp_path: Path, text: str) -> None:
    def edit(tree: dict[str, Any]) -> None:
        tree["fluvius"] = {"portal": {"email": "me@home.be", "password": "new"}}
        tree["meters"] = [dict(NEW)]

    after = edited(tmp_path, text, edit, text)
    assert after.count("# mine") == text.count("# mine")


def test_what_others_use_too_stays_theirs(tmp_path: Path) -> None:
    text = (
        "fluvius: {portal: {email: me@home.be, password: &p hunter33}}\n"
        "mqtt: {host: a, username: me, password: *p}\n"
        "meters:\n"
        "- {name: &n home, ean: '541448820000000008', serial: 1SAG}\n"
        "- {name: boiler, ean: '541448820000000015', serial: &s 7FLO, energy: gas}\n"
        "- {ean: '541448820000000022', serial: *s, energy: gas}\n"
        "homeassistant: {discovery_prefix: *n}\n"
    )
    after = edited(tmp_path, text, lambda tree: tree["meters"][0].update(name="hall"))
    assert after == text.replace("&n home", "&n hall").replace("*n", "home")
    after = edited(tmp_path, text, lambda tree: tree["meters"].pop(1))
    assert after == text.replace(text.splitlines(keepends=True)[4], "").replace("*s", "&s 7FLO")
    after = edited(tmp_path, text, lambda tree: tree["homeassistant"].update(discovery_prefix="ha"))
    assert after == text.replace("*n", "ha")
    after = edited(tmp_path, text, lambda tree: tree["fluvius"]["portal"].update(password="new"))
    assert "hunter33" not in after
    assert "password: &p !secret fluvius" in after


def test_secrets_keep_their_layout_too(tmp_path: Path) -> None:
    text = (
        "\ufefffluvius: {portal: {email: me@home.be, password: '!secret mine'}}\r\n"
        "meters: [{ean: '541448820000000008', serial: 1SAG}]\r\n"
    )
    secrets = "\ufeff# of all\r\nmine: old   # at last\r\nother: another\r\n...\r\n"

    def edit(tree: dict[str, Any]) -> None:
        tree["fluvius"]["portal"]["password"] = "new: one"
        tree["mqtt"] = {"host": "a", "username": "me", "password": "two"}

    after = edited(tmp_path, text, edit, secrets)
    assert after.startswith(text)
    written = (tmp_path / "secrets.yaml").read_bytes().decode()
    assert written == secrets.replace("old ", '"new: one" ').replace("...", 'mqtt: "two"\r\n...')


SHARED = """\
fluvius: {portal: {email: me@home.be, password: hunter33}}
meters: [{ean: '541448820000000008', serial: 1SAG}]
prices:
- from: 2026-01-01
  consumption: &same   # as ever
    energy:
      high: 0.3
      low: 0.2
  fees_per_year: &fees
    a, b and c: 35
  vat: 6
- {from: 2026-02-01, consumption: *same, fees_per_year: *fees, vat: 21}
"""


def test_what_stood_first_where_it_is_gone_stands_where_it_is_used(tmp_path: Path) -> None:
    after = edited(tmp_path, SHARED, lambda tree: tree["prices"].pop(0))
    last = SHARED.splitlines(keepends=True)[-1]
    last = last.replace("*same", "&same {energy: {high: 0.3, low: 0.2}}").replace(
        "*fees", '&fees {"a, b and c": 35}'
    )
    assert after == SHARED[: SHARED.index("- from")] + last


def test_what_does_not_read_as_it_was_meant_is_said_and_not_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.port is written in a way .* change it by hand"):
        edited(tmp_path, SHARED, lambda tree: tree.update(mqtt={"port": 1884}))  # and no text
    assert (tmp_path / "fluvius2mqtt.yaml").read_text("utf-8") == SHARED
