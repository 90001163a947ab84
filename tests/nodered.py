"""The flow of docs/node-red.md in a real Node-RED, between the real bridge, a real broker and a real browser.

python -m tests.nodered [--cache FOLDER] [--picture docs/node-red.png]

Needs npm, Mosquitto and Chromium. The cache keeps what npm downloaded.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bridge.metering.model import BRUSSELS
from bridge.simulator import Simulator
from tests.rig.mosquitto import Ear, Mosquitto, eventually, free_ports
from tests.rig.world import GAS, HOME, SHED, Clock, World, says

PAGE = Path(__file__).parent.parent / "docs" / "node-red.md"
CACHE = Path(".interop/node-red")
PACKAGES = {"node-red": "4", "@flowfuse/node-red-dashboard": "1", "playwright-core": "1"}
CHARTS = {"PT15M": "fluvius-electricity", "PT1H": "fluvius-gas"}

Flow = list[dict[str, Any]]
Chart = dict[str, list[tuple[int, Decimal]]]  # by series: milliseconds and kWh

SETTINGS = """\
module.exports = {
    flowFile: 'flows.json', uiHost: '127.0.0.1', uiPort: PORT, credentialSecret: false,
    telemetry: {enabled: false, updateNotification: false}
}
"""

BROWSER = """\
// For each line "look", "reload" or "picture FILE": what the dashboard shows, as a line of JSON.
const {chromium} = require('playwright-core')
const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync']

function shown () {
    const charts = Object.values(window.uiCharts || {}).filter((each) => each.$el.offsetHeight > 0)
    return {
        charts: Object.fromEntries(charts.map((each) => [each.id, Object.fromEntries(
            each.chart.getOption().series.map((series) => [series.name, series.data]))])),
        notification: document.querySelector('.nrdb-ui-notification')?.innerText || ''
    }
}

async function main () {
    const browser = await chromium.launch({executablePath: '/usr/bin/chromium', args: quiet})
    const page = await browser.newPage({
        viewport: {width: 1000, height: 770}, timezoneId: 'Europe/Brussels', locale: 'en-GB'})
    await page.addInitScript(() => { window.Cypress = true })  // the dashboard shows its charts to tests
    await page.goto(process.argv[2])
    for await (const line of require('readline').createInterface({input: process.stdin})) {
        const [command, file] = line.split(' ')
        if (command === 'reload') await page.reload()
        if (command === 'picture') await page.screenshot({path: file})
        console.log(JSON.stringify(await page.evaluate(shown)))
    }
    await browser.close()
}
main().catch((error) => { console.error(error); process.exit(1) })
"""


class Checks:
    """A line for each."""

    def __init__(self) -> None:
        self.failed = 0

    def that(self, what: str, holds: Callable[[], object]) -> None:
        """Wait until it holds."""
        try:
            eventually(holds, 20)
        except AssertionError:
            self.failed += 1
            tell(f"FAIL  {what}")
        else:
            tell(f"ok    {what}")


@dataclass
class NodeRed:
    """A Node-RED without its editor, and with one flow."""

    cache: Path
    folder: Path
    flow: Flow
    port: int = field(default_factory=lambda: free_ports(1)[0])

    def __post_init__(self) -> None:
        self.folder.mkdir()
        (self.folder / "settings.js").write_text(SETTINGS.replace("PORT", str(self.port)))
        (self.folder / "flows.json").write_text(json.dumps(self.flow))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "node-red.log").read_text()

    @contextmanager
    def running(self) -> Iterator[None]:
        program = self.cache / "node_modules" / "node-red" / "red.js"
        with (self.folder / "node-red.log").open("w") as log:
            process = subprocess.Popen(
                ["node", str(program), "--userDir", str(self.folder)], stdout=log, stderr=log
            )
        try:
            eventually(lambda: process.poll() is not None or "Connected to broker" in self.log, 60)
            assert process.poll() is None, f"Node-RED does not start:\n{self.log}"
            yield
        finally:
            process.terminate()
            process.wait(20)

    def press(self, inject: str) -> None:
        """Press the button of an inject node."""
        request = urllib.request.Request(f"{self.url}/inject/{inject}", method="POST")
        urllib.request.urlopen(request, timeout=10).close()


class Browser:
    """A dashboard that somebody looks at."""

    def __init__(self, cache: Path, url: str) -> None:
        self._cache, self._url = cache, url

    @contextmanager
    def open(self) -> Iterator[None]:
        (self._cache / "browser.js").write_text(BROWSER)
        with subprocess.Popen(
            ["node", "browser.js", self._url],
            cwd=self._cache,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as self._process:
            yield
            assert self._process.stdin is not None
            self._process.stdin.close()  # it ends by itself

    def charts(self) -> dict[str, Chart]:
        """Those that can be seen, by node."""
        return {
            chart: {name: [(x, Decimal(y)) for x, y in points] for name, points in series.items()}
            for chart, series in self._ask("look")["charts"].items()
        }

    def notification(self) -> str:
        return str(self._ask("look")["notification"])

    def reload(self) -> None:
        self._ask("reload")

    def take_picture(self, file: Path) -> None:
        self._ask(f"picture {file.resolve()}")

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline(), parse_float=Decimal)
        return answer


@dataclass
class Desk:
    """A household that has Node-RED, and everything that can be seen of it."""

    world: World
    mosquitto: Mosquitto
    node_red: NodeRed
    browser: Browser
    ear: Ear

    def expected(self) -> dict[str, Chart]:
        """The charts as they should be, out of the retained topics; one without points is hidden."""
        charts: dict[str, Chart] = {}
        retained = self.mosquitto.retained("fluvius/+/intervals")
        for topic in sorted(retained):
            day = says(retained, topic)
            for direction in ("consumption", "injection"):
                points = [
                    (milliseconds(each["start"]), Decimal(each[direction]))
                    for each in day["intervals"]
                    if direction in each
                ]
                if points:
                    name = f"{day['meter']}: {direction}, {day['date']}"
                    charts.setdefault(CHARTS[day["resolution"]], {})[name] = points
        return charts

    def sent(self) -> dict[str, Chart]:
        """What the flow sent to its charts last."""
        charts: dict[str, Chart] = {}
        for number, chart in enumerate(CHARTS.values()):
            last = (self.ear.payloads(f"probe/fluvius-points/{number}") or ["[]"])[-1]
            for point in json.loads(last, parse_float=Decimal):
                series = charts.setdefault(chart, {}).setdefault(point["series"], [])
                series.append((point["x"], Decimal(point["y"])))
        return charts

    def warned(self) -> list[str]:
        """The sentences for mail and Telegram, all so far."""
        return self.ear.payloads("probe/fluvius-late/1")

    def status(self) -> str:
        """What stands below the node."""
        return (self.ear.payloads("probe/status") or [""])[-1]

    def strike(self) -> None:
        """Let the hour strike, twice, so that all that came of the first time has been heard."""
        for _ in range(2):
            heard = len(self.ear.payloads("probe/status"))
            self.node_red.press("fluvius-clock")
            eventually(lambda heard=heard: len(self.ear.payloads("probe/status")) > heard)  # type: ignore[misc]

    def age(self, meter: str, **age: float) -> None:
        """Let a meter's latest day have come that long ago."""
        topic = f"fluvius/{meter}/day"
        day = json.loads(self.mosquitto.retained(topic)[topic])
        day["fetched_at"] = (datetime.now(BRUSSELS) - timedelta(**age)).isoformat(timespec="seconds")
        self.mosquitto.publish(topic, json.dumps(day), retain=True)


def flow_of_the_page() -> Flow:
    [block] = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    flow: Flow = json.loads(block)
    return flow


def with_probes(flow: Flow, broker_port: int) -> Flow:
    """The flow for this broker, and its outputs on topics too."""
    probe = {"type": "mqtt out", "z": "fluvius-tab", "qos": "1", "broker": "fluvius-broker", "wires": []}
    probes: Flow = [
        {"id": "watch", "type": "status", "z": "fluvius-tab", "scope": ["fluvius-late"], "wires": [["text"]]},
        {
            "id": "text",
            "type": "function",
            "z": "fluvius-tab",
            "outputs": 1,
            "func": "return {payload: msg.status.text}",
            "wires": [["probe-status"]],
        },
        {**probe, "id": "probe-status", "topic": "probe/status"},
    ]
    for node in flow:
        if node["type"] == "mqtt-broker":
            node |= {"broker": "127.0.0.1", "port": str(broker_port)}
        if node["type"] == "function":
            for number, wires in enumerate(node["wires"]):
                name = f"{node['id']}/{number}"
                wires.append(name)
                probes.append({**probe, "id": name, "topic": f"probe/{name}"})
    return [*flow, *probes]


def milliseconds(instant: str) -> int:
    return int(datetime.fromisoformat(instant).timestamp() * 1000)


def install(cache: Path) -> None:
    """Have npm download what is not there yet."""
    cache.mkdir(parents=True, exist_ok=True)
    manifests = [cache / "node_modules" / name / "package.json" for name in PACKAGES]
    if not all(manifest.exists() for manifest in manifests):
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
        npm = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(cache), *wanted]
        subprocess.run(npm, check=True)
    for manifest in manifests:
        content = json.loads(manifest.read_text())
        tell(f"      {content['name']} {content['version']}")


def check_old_days(checks: Checks, desk: Desk) -> None:
    """The days came five days ago."""
    expected = desk.expected()
    tell(
        f"      {[f'{name}: {len(points)}' for chart in expected.values() for name, points in chart.items()]}"
    )
    checks.that("the flow sends every quarter-hour and every gas hour", lambda: desk.sent() == expected)
    checks.that("the dashboard shows them", lambda: desk.browser.charts() == expected)
    checks.that("a warning for each meter", lambda: len(desk.warned()) == 2)
    desk.strike()
    checks.that("and no second one", lambda: len(desk.warned()) == 2)
    tell(f"      {desk.warned()}")
    checks.that("the node says which", lambda: desk.status() == "no new day: gas, home")
    desk.age("home", days=5)
    checks.that("another day that came long ago is one more", lambda: len(desk.warned()) == 3)
    checks.that("the dashboard notifies", lambda: "No new day for home since" in desk.browser.notification())
    desk.world.once()  # publishes the true day, which is another again
    checks.that("the true day, five days old too, is one more", lambda: len(desk.warned()) == 4)


def check_new_days(checks: Checks, desk: Desk, picture: Path | None) -> None:
    """The next days come."""
    before, warned = desk.expected(), len(desk.warned())
    desk.world.clock.pass_by(days=4)
    desk.world.once()
    after = desk.expected()
    assert not series(before) & series(after)
    checks.that("new days replace the old ones in the flow", lambda: desk.sent() == after)
    checks.that("and on the open dashboard", lambda: desk.browser.charts() == after)
    desk.browser.reload()
    checks.that("and on a dashboard opened later", lambda: desk.browser.charts() == after)
    if picture:
        desk.browser.take_picture(picture)
    desk.strike()
    checks.that("no warning for recent days", lambda: len(desk.warned()) == warned)
    checks.that("the node is content", lambda: desk.status() == "up to date: gas, home")


def check_warnings(checks: Checks, desk: Desk) -> None:
    """The days grow old."""
    before = len(desk.warned())
    desk.age("home", days=3, hours=23)
    desk.strike()
    checks.that("three days and 23 hours are not late", lambda: len(desk.warned()) == before)
    desk.age("home", days=4, minutes=1)
    checks.that("the new day armed the warning again", lambda: len(desk.warned()) == before + 1)
    desk.age("gas", days=5)
    checks.that("for each meter", lambda: len(desk.warned()) == before + 2)
    checks.that("the dashboard names both", lambda: both_named(desk.browser.notification()))
    desk.strike()
    checks.that("once", lambda: len(desk.warned()) == before + 2)
    desk.world.once()  # publishes the true days
    checks.that("the true days end it", lambda: desk.status() == "up to date: gas, home")


def check_removal(checks: Checks, desk: Desk) -> None:
    """Meters come and go."""
    change_meters(desk, [HOME, GAS, SHED])
    checks.that("one more meter", lambda: desk.browser.charts() == desk.sent() == desk.expected())
    checks.that("is watched too", lambda: "shed" in desk.status())
    for nonsense in ("nonsense", "null", "3", "[]", "{}"):
        desk.mosquitto.publish("fluvius/home/intervals", nonsense)
        desk.mosquitto.publish("fluvius/home/day", nonsense)
    change_meters(desk, [HOME])
    checks.that("meters that were removed disappear", lambda: len(series(desk.sent())) == 2)
    checks.that("a chart without meters is hidden", lambda: desk.browser.charts() == desk.expected())
    checks.that("a meter that was removed is not watched", lambda: desk.status() == "up to date: home")
    change_meters(desk, [HOME, GAS])
    checks.that("and shown again", lambda: desk.browser.charts() == desk.sent() == desk.expected())
    checks.that("Node-RED logged no error", lambda: "[error]" not in desk.node_red.log)


def check_restart(checks: Checks, desk: Desk) -> None:
    """Node-RED was restarted."""
    checks.that("after a restart the charts are there again", lambda: desk.sent() == desk.expected())
    checks.that("in the browser too", lambda: desk.browser.charts() == desk.expected())
    checks.that("and the days are watched", lambda: desk.status() == "up to date: gas, home")


def change_meters(desk: Desk, meters: list[dict[str, str]]) -> None:
    desk.world.meters = meters
    desk.world.once()


def both_named(text: str) -> bool:
    return "for home since" in text and "for gas since" in text


def series(charts: dict[str, Chart]) -> set[str]:
    return {name for chart in charts.values() for name in chart}


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def perform(folder: Path, cache: Path, picture: Path | None) -> int:
    """All checks; how many failed."""
    checks = Checks()
    clock = Clock(f"{datetime.now(BRUSSELS).date() - timedelta(days=5)} 09:00")
    with Simulator(now=clock) as simulator, Mosquitto(folder / "mosquitto") as mosquitto:
        world = World(folder, simulator, clock, mosquitto.port)
        world.meters = [HOME, GAS]
        world.once()
        node_red = NodeRed(cache, folder / "node-red", with_probes(flow_of_the_page(), mosquitto.port))
        browser = Browser(cache, f"{node_red.url}/dashboard/fluvius")
        with mosquitto.listen("probe/#") as ear, node_red.running(), browser.open():
            desk = Desk(world, mosquitto, node_red, browser, ear)
            check_old_days(checks, desk)
            check_new_days(checks, desk, picture)
            check_warnings(checks, desk)
            check_removal(checks, desk)
        with mosquitto.listen("probe/#") as desk.ear, node_red.running(), browser.open():
            check_restart(checks, desk)
    return checks.failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.nodered", description="Try docs/node-red.md.")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where npm installs")
    parser.add_argument("--picture", type=Path, help="where to put a picture of the dashboard")
    arguments = parser.parse_args()
    cache = arguments.cache.resolve()
    install(cache)
    with tempfile.TemporaryDirectory() as folder:
        return 1 if perform(Path(folder), cache, arguments.picture) else 0


if __name__ == "__main__":
    sys.exit(main())
