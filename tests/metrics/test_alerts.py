"""Alerts, dashboard and the page about metrics name metrics that there are."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from bridge.service.window import Window
from tests.rig.mosquitto import Mosquitto, eventually
from tests.rig.scrapes import ROOT, metrics_of, scraped
from tests.rig.world import World

EXAMPLES = ROOT / "examples"
NAME = re.compile(r"\b(?:fluvius2mqtt|process)_\w+")
LABEL = re.compile(r"(\w+)=~?\"")
OF_PROMETHEUS = {"instance", "job", "alertname"}

pytestmark = pytest.mark.usefixtures("_quick")


@pytest.fixture
def exposed(home: World, mosquitto: Mosquitto) -> dict[str, set[str]]:
    """Every sample of a bridge that has everything: its labels by its whole name."""
    home.changes["mqtt.stream"] = True
    window = Window()
    with metrics_of(home.settings, window, home.clock) as address:
        with home.running(window=window):
            eventually(lambda: scraped(address).get('cycles_total{outcome="ok"}') == 1, 10)
        with_a_database(window)
        samples = scraped(address)
    assert mosquitto.retained("fluvius/home/#")
    found: dict[str, set[str]] = {}
    for sample in samples:
        name, _, labels = sample.partition("{")
        name = name if name.startswith("process_") else f"fluvius2mqtt_{name}"
        found.setdefault(name, set()).update(LABEL.findall(labels))
    return found


def with_a_database(window: Window) -> None:
    """One for which seven changes wait."""
    assert window.status
    database = {**window.status.health["portal"], "waiting": 7}
    window.status = replace(window.status, health={**window.status.health, "postgresql": database})


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((EXAMPLES / "prometheus" / "alerts.yaml").read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def asked_by_the_dashboard() -> list[str]:
    dashboard = json.loads((EXAMPLES / "grafana" / "fluvius2mqtt.json").read_text("utf-8"))
    variables = [
        each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"
    ]
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]] + variables


def described() -> set[str]:
    """The metrics that the page about them names."""
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    return set(re.findall(r"^\| `(fluvius2mqtt_\w+)` \|", page, re.MULTILINE))


def test_every_metric_that_is_asked_for_is_there_and_every_one_is_described(
    exposed: dict[str, set[str]],
) -> None:
    expressions = [*(rule["expr"] for rule in alerts()), *asked_by_the_dashboard()]
    asked = {name for each in expressions for name in NAME.findall(each)}
    assert len(asked) > 15
    assert asked - exposed.keys() == set()
    for expression in expressions:
        for name, selector in re.findall(r"(\w+)\{([^}]*)\}", expression):
            if NAME.fullmatch(name):
                assert set(LABEL.findall(selector)) <= exposed[name] | OF_PROMETHEUS, expression
    assert described() == {re.sub("_(bucket|gcount|gsum)$", "", name) for name in exposed if name[0] == "f"}


def test_each_alert_is_one_of_a_kind_and_says_what_is_wrong_in_a_sentence() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names) > 8
    for rule in alerts():
        assert re.fullmatch(r".+\.", rule["annotations"]["summary"])
        assert rule["labels"]["severity"] in {"warning", "critical"}


def test_each_alert_is_set_off_in_the_test_for_promtool() -> None:
    tests = (EXAMPLES / "prometheus" / "alerts_test.yaml").read_text("utf-8")
    assert {rule["alert"] for rule in alerts()} == set(re.findall(r'alertname="(\w+)"', tests))


def test_prometheus_finds_the_bridge_where_it_is_by_default(desk: World) -> None:
    asked = yaml.safe_load((EXAMPLES / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    (job,) = asked["scrape_configs"]
    desk.changes["metrics"] = True
    alone = desk.settings.metrics_alone
    assert alone
    assert job["static_configs"] == [{"targets": [f"{alone.host}:{alone.port}"]}]
    assert f'job="{job["job_name"]}"' in "".join(rule["expr"] for rule in alerts())
    assert [(EXAMPLES / "prometheus" / name).exists() for name in asked["rule_files"]] == [True]


def test_the_dashboard_has_no_address_of_anybody_and_each_panel_a_place_of_its_own() -> None:
    text = (EXAMPLES / "grafana" / "fluvius2mqtt.json").read_text("utf-8")
    dashboard = json.loads(text)
    assert "://" not in text
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {"${datasource}"}
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
