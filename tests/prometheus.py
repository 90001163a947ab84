"""The examples for Prometheus with a real Prometheus, which asks a real bridge.

python -m tests.prometheus [--binaries FOLDER] [--picture FILE.png]

Needs Debian's package `prometheus` (or its files in a folder), Mosquitto, and Chromium for a picture.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from bridge.simulator import DEFAULT_METERS, Simulator
from tests.rig.chromium import started
from tests.rig.commands import PASSWORD, ROOT, run
from tests.rig.mosquitto import Mosquitto, eventually, free_ports
from tests.rig.world import GAS, HOME, SHED, Clock, World

EXAMPLES = ROOT / "examples"
SECRET = "a long and random one"
QUERIES = ("fluvius2mqtt_meter_lag_bucket", "fluvius2mqtt_requests_total", "fluvius2mqtt_source_state")


class Prometheus:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **parameters: str) -> Any:
        """What its API answers."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            said = json.load(answer)
        assert said["status"] == "success", said
        return said["data"]

    def value(self, expression: str) -> float:
        """Of a single sample."""
        (sample,) = self.ask("query", query=expression)["result"]
        return float(sample["value"][1])

    def targets(self) -> list[dict[str, Any]]:
        targets: list[dict[str, Any]] = self.ask("targets")["activeTargets"]
        return targets

    def alerts(self) -> set[tuple[str, str]]:
        return {(each["labels"]["alertname"], each["state"]) for each in self.ask("alerts")["alerts"]}


@contextmanager
def asking(binary: str, folder: Path, bridge: int) -> Iterator[Prometheus]:
    """Prometheus as in the example, but soon, with a password, and where the bridge is."""
    configuration = yaml.safe_load((EXAMPLES / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    configuration["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = configuration["scrape_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{bridge}"]}]
    job["authorization"] = {"credentials_file": "secret"}
    folder.mkdir()
    (folder / "secret").write_text(SECRET)
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    shutil.copy(EXAMPLES / "prometheus" / "alerts.yaml", folder)
    (port,) = free_ports(1)
    options = [f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([binary, *options, f"--web.listen-address=127.0.0.1:{port}"], stderr=log) as process,
    ):
        try:
            prometheus = Prometheus(port)
            eventually(lambda: is_there(prometheus), 20)
            yield prometheus
        finally:
            process.terminate()


def is_there(prometheus: Prometheus) -> bool:
    try:
        return bool(prometheus.targets())
    except OSError:
        return False


def expressions() -> list[str]:
    """Of all alerts and panels, as Grafana would ask."""
    groups = yaml.safe_load((EXAMPLES / "prometheus" / "alerts.yaml").read_text("utf-8"))["groups"]
    panels = json.loads((EXAMPLES / "grafana" / "fluvius2mqtt.json").read_text("utf-8"))["panels"]
    asked = [rule["expr"] for group in groups for rule in group["rules"]]
    asked += [target["expr"] for panel in panels for target in panel["targets"]]
    words = {"$instance": ".+", "$job": "fluvius2mqtt", "$__rate_interval": "1m"}
    return [re.sub(r"\$\w+", lambda found: words[found[0]], each) for each in asked]


def silent(prometheus: Prometheus) -> list[str]:
    """Expressions that find nothing; asks all of them."""
    found = {each: prometheus.ask("query", query=each)["result"] for each in expressions()}
    return [each for each, samples in found.items() if not samples and not may_find_nothing(each)]


def may_find_nothing(expression: str) -> bool:
    """Of a bridge that is well, streams nothing and has no database."""
    return bool(re.search(r" (==|>|<) ", expression)) or bool(
        re.search("outbox_(readings|changes)", expression)
    )


def checked_by_promtool(promtool: str, exposition: bytes) -> Iterator[str]:
    """What it says of the examples, and of what a bridge says."""
    examples = EXAMPLES / "prometheus"
    for words in ["check", "config", "prometheus.yaml"], ["test", "rules", "alerts_test.yaml"]:
        subprocess.run([promtool, *words], cwd=examples, check=True, stdout=subprocess.PIPE)
        yield f"promtool {' '.join(words)}: fine"
    subprocess.run([promtool, "check", "metrics"], input=exposition, check=True)
    yield "promtool check metrics: fine"


def try_all(binaries: Path, folder: Path, picture: Path | None) -> Iterator[str]:
    simulated = [replace(meter, delay=timedelta(0)) for meter in DEFAULT_METERS]
    with Simulator(simulated, password=PASSWORD) as simulator, Mosquitto(folder / "mosquitto") as mosquitto:
        house = World(folder, simulator, Clock("2000-01-01 00:00"), mosquitto.port)
        house.password, house.meters = PASSWORD, [HOME, GAS, SHED]
        (port,) = free_ports(1)
        house.changes = {"metrics": {"port": port, "password": SECRET}}
        with (
            run(house) as bridge,
            asking(str(binaries / "prometheus"), folder / "prometheus", port) as prometheus,
        ):
            bridge.until_says("looking again at")
            eventually(lambda: [each["health"] for each in prometheus.targets()] == ["up"], 20)
            eventually(lambda: prometheus.value("sum(fluvius2mqtt_cycles_total)") == 1, 20)
            assert prometheus.value("sum(fluvius2mqtt_meters)") == 3
            assert prometheus.value('sum(fluvius2mqtt_requests_total{outcome="ok"})') == simulator.count()
            yield "a real Prometheus asks a real bridge with its password, and counts what Fluvius counted"
            eventually(lambda: silent(prometheus) == [], 20)
            yield f"{len(expressions())} expressions of alerts and dashboard are understood"
            assert prometheus.alerts() == set()
            yield "no alert is on"
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {SECRET}"}
            )
            with urllib.request.urlopen(request) as answer:
                yield from checked_by_promtool(str(binaries / "promtool"), answer.read())
            bridge.terminate()
            house.password = "a wrong one"
            house.changes["data_dir"] = str(folder / "anew")
            with run(house):
                eventually(lambda: ("FluviusRefused", "firing") in prometheus.alerts(), 30)
                yield "an account that Fluvius refuses sets off FluviusRefused"
                if picture:
                    take(prometheus, picture)
                    yield f"a picture is in {picture}"


def take(prometheus: Prometheus, picture: Path) -> None:
    with started() as browser:
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        for name, path in (
            ("alerts", "/classic/alerts"),
            ("targets", "/classic/targets"),
            *((query, f"/classic/graph?g0.tab=0&g0.range_input=2m&g0.expr={query}") for query in QUERIES),
        ):
            tab.goto(prometheus.url + path)
            tab.wait_for_timeout(1500)
            tab.screenshot(path=picture.with_name(f"{picture.stem}-{name}.png"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.prometheus")
    parser.add_argument("--binaries", type=Path, default=Path("/usr/bin"))
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for line in try_all(arguments.binaries, Path(folder), arguments.picture):
            print(line, flush=True)  # noqa: T201 - it is what this is for
    return 0


if __name__ == "__main__":
    sys.exit(main())
