"""What someone has to know who wants a recording played back."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.simulator.replay.player import Replay
from bridge.simulator.replay.recording import Recording

_PORTAL = "/api/global/msal/config"
_API = "/api/mandate"
_AUTHORITY = ("/v2.0/.well-known/openid-configuration", "/oauth2/v2.0/token")


def introduction(replay: Replay) -> str:
    """Where it answers, and a configuration to go with it."""
    recording = replay.recording
    about, exchanges = recording.manifest, len(recording.exchanges)
    later = f", {replay.days_later} days later than it was" if replay.days_later else ""
    lines = "\n".join(configuration(recording, replay.url))
    return f"""\
A recorded visit answers on {replay.url}: {exchanges} requests
Recorded {_word(about, "recorded")} by fluvius2mqtt {_word(about, "bridge")}.
It is {replay.instant:%Y-%m-%d %H:%M} UTC there{later}.

A configuration to go with it:

{lines}

Ctrl-C ends it. Requests:"""


def configuration(recording: Recording, url: str) -> Iterator[str]:
    """The lines of a configuration, in YAML, with the test numbers of the recording."""
    sources, about = recording.manifest.get("sources") or [], recording.manifest
    yield from ("mqtt:", "  host: localhost", "fluvius:")
    if "portal" in sources:
        yield from ("  portal:", f"    url: {_base(recording, url, _PORTAL)}")
        if email := about.get("email"):
            yield from (f"    email: {_quoted(email)}", "    password: recorded")
        else:
            yield "    token: recorded"
    if "energy_api" in sources:
        yield "  energy_api:"
        yield from (f"    {name}: {value}" for name, value in _energy_api(recording, url).items())
    if isinstance(days := about.get("lookback_days"), int):
        yield from ("schedule:", f"  lookback_days: {days}")
    if meters := about.get("meters"):
        yield "meters:"
        yield from (f"  - {_meter(number, each)}" for number, each in enumerate(meters, 1))


def _energy_api(recording: Recording, url: str) -> Mapping[str, str]:
    recorded = "recorded"
    return {
        "environment": "sandbox",
        "url": _base(recording, url, _API),
        "authority": _base(recording, url, *_AUTHORITY),
        "tenant_id": recorded,
        "client_id": recorded,
        "client_secret": recorded,
        "scope": "recorded/.default",
        "subscription_key": recorded,
        "contract_number": recorded,
    }


def _meter(number: int, meter: Mapping[str, Any]) -> str:
    """A line, which is JSON and so YAML."""
    keys = {name: meter[name] for name in ("ean", "serial", "energy", "source") if meter.get(name)}
    return json.dumps({"name": f"meter{number}", **keys})


def _base(recording: Recording, url: str, *ends: str) -> str:
    """What comes before the end of a path that was asked for."""
    paths = [each.path for each in recording.exchanges]
    found = (path.removesuffix(end) for end in ends for path in paths if path.endswith(end))
    return f"{url}{next(found, '')}"


def _word(manifest: Mapping[str, Any], name: str) -> str:
    return ascii(str(manifest.get(name, "?"))[:40])[1:-1]


def _quoted(value: Any) -> str:
    return json.dumps(str(value))
