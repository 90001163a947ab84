"""Lines that `--help` prints of each command, to be typed as they stand or nearly so."""

import textwrap

EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": ("init", "init --config /config/fluvius2mqtt.yaml"),
    "run": ("run", "run --config /config/fluvius2mqtt.yaml"),
    "once": ("once", "once --verbose"),
    "check": ("check", "check --ledger"),
    "backfill": ("backfill --from 2025-01-01", "backfill --from 2025-01-01 --to 2025-03-31 --meter home"),
    "import": ("import --dry-run Verbruik.csv", "import Verbruik.csv history.zip"),
    "show": ("show", "show --days 30 --meter home --costs"),
    "export": (
        "export --format csv --resolution day --output days.csv",
        "export --format json --resolution interval --from 2026-11-01 --meter home",
        "export --format parquet --resolution interval --output readings",
    ),
    "compare": ("compare --prices green.yaml dynamic.yaml --from 2025-12-01 --to 2026-11-30",),
    "mandate": ("mandate list", "mandate request --help"),
    "mandate list": ("mandate list --reference customer-42",),
    "mandate request": (
        "mandate request --reference customer-42 --flow B2C --service quarter-hour --from 2026-11-01",
    ),
    "mandate mock": ("mandate mock --reference customer-42 --ean 541440110000000001 --from 2026-11-01",),
    "remove": ("remove", "remove --yes"),
    "token": ("token", 'curl -H "Authorization: Bearer $(fluvius2mqtt token)" https://mijn.fluvius.be/...'),
    "simulate": (
        "simulate",
        "simulate --port 9000 --fault too-many-requests:times=2",
        "simulate --list-faults",
    ),
    "demo": ("demo", "demo --broker 192.168.1.5:1883"),
    "healthcheck": ("healthcheck",),
    "schema": ("schema > fluvius2mqtt.schema.json",),
}


def in_words(name: str) -> str:
    """The examples of a command, for below its options."""
    lines = (line if line.startswith("curl") else f"fluvius2mqtt {line}" for line in EXAMPLES[name])
    return "\n".join(["For example:", *map(_folded, lines)])


def _folded(line: str) -> str:
    """Within 80 columns, as a shell takes it."""
    parts = textwrap.wrap(line, 70, break_long_words=False, break_on_hyphens=False)
    return "  " + " \\\n      ".join(parts)
