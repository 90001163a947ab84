"""What the sources of readings can do. Another one is one more line here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a source offers, and what it needs."""

    has_peaks: bool  # it says monthly peaks itself
    needs_mandate: bool  # for each meter
    at_once: bool  # days and intervals come together, and what was stored anew is said by itself
    is_asked: bool = True  # over the network; the others are brought to us


SOURCES = {
    "portal": Abilities(has_peaks=True, needs_mandate=False, at_once=False),
    "energy_api": Abilities(has_peaks=False, needs_mandate=True, at_once=True),
    "file": Abilities(has_peaks=False, needs_mandate=False, at_once=False, is_asked=False),
}
