"""What is probably not meant, though it can be done: told once, and not in the way."""

from collections.abc import Iterator

from bridge.config.fluvius import MeterSettings
from bridge.config.keys import KeyPath
from bridge.config.settings import Settings
from bridge.metering.model import Energy

_SERIALS_OF_GAS = "7"  # how the serial numbers of digital gas meters begin


def doubts(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    """Which keys, and why."""
    base, prefix = settings.mqtt.base_topic, settings.homeassistant.discovery_prefix
    if f"{base}/".startswith((f"{prefix}/", "homeassistant/")):
        yield (
            ("mqtt", "base_topic"),
            f"{base} is Home Assistant's own, where it looks for devices; write fluvius, or leave it out",
        )
    for index, meter in enumerate(settings.meters):
        yield from _of_meter(index, meter)
    for index, followed in enumerate(settings.every_meter):
        prices = [each for each in settings.prices if each.energy is followed.energy]
        if prices and not any(each.concerns(followed) for each in prices):
            yield ("meters", index), "no price is for it, so its costs stay unknown"


def _of_meter(index: int, meter: MeterSettings) -> Iterator[tuple[KeyPath, str]]:
    if not check_digit_fits(meter.ean):
        yield ("meters", index, "ean"), "the last digit does not fit the others; is there a slip in it?"
    looks_like_gas = bool(meter.serial) and str(meter.serial).startswith(_SERIALS_OF_GAS)
    if looks_like_gas and meter.energy is not Energy.GAS:
        yield (
            ("meters", index, "energy"),
            f"the serial number {meter.serial} looks like that of a gas meter; if it is one, write gas",
        )


def check_digit_fits(ean: str) -> bool:
    """GS1's check digit: the digits weigh 3 and 1 in turn, and add up to a multiple of ten."""
    return sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(ean)) % 10 == 0
