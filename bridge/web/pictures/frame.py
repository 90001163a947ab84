"""What every picture has: a scale, an axis, patterns, and words for those who do not see it.

Lengths are percents, so that a picture fills its place on a phone and on a wall, while words keep their size.
They hang over the edges of the plot, for which the stylesheet (`static/pictures.css`) leaves room. Nothing is
styled here, which a strict content security policy would forbid: colours belong to classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from bridge.publishing.scale import round_levels

Number = Callable[[Decimal], str]

HOLE, THEN = "hole", "then"  # what is unknown; the year before
_LETTER, _GAP = 7.5, 4  # pixels: of a word below the plot, in the widest of the usual fonts, and between two
_NARROW, _WIDE = 226, 630  # pixels: of the plot on a phone, and from where on the stylesheet shows more
_LARGER = {"kWh": "MWh", "MWh": "GWh", "GWh": "TWh", "kW": "MW", "MW": "GW", "GW": "TW"}
_LARGEST_LABEL = 10_000

_PATTERNS = {  # by the last word of a look
    HOLE: Markup('<path class="hatch" d="M-1 7L7 -1"/>'),
    "low": Markup(
        '<rect class="{look} ground" width="6" height="6"/>'
        '<path class="{look} stripe" d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5"/>'
    ),
}


@dataclass(frozen=True, slots=True)
class Caption:
    """What is said of a picture; all of it is escaped."""

    key: str  # unlike that of any other picture on the page; a word
    title: str  # what it shows
    description: str  # what is to be seen in it, for who does not see it
    unit: str  # of what is drawn
    names: Mapping[str, str]  # what looks mean; those without a name are not explained
    number: Number  # how an amount is written
    colon: str = ":"


@dataclass(frozen=True, slots=True)
class Mark:
    """A word below the plot."""

    at: float  # how many columns or steps from the left
    word: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Where amounts are, from the lowest at the bottom to the highest at the top."""

    lowest: Decimal  # zero or below
    highest: Decimal  # zero or above
    unit: str

    @classmethod
    def around(cls, lowest: Decimal, highest: Decimal, unit: str, flattest: Decimal) -> "Scale":
        """One for these amounts and zero; almost nothing looks like almost nothing."""
        lowest = min(lowest, Decimal(0))
        return cls(lowest, max(highest, Decimal(0), lowest + flattest), unit)

    def y(self, amount: Decimal) -> float:
        """Percent from the top."""
        return round(100 * float((self.highest - amount) / (self.highest - self.lowest)), 2)

    @property
    def zero(self) -> Markup:
        """The line that everything stands on."""
        return Markup('<line class="zero" x2="100%" y1="{0}%" y2="{0}%"/>').format(self.y(Decimal(0)))

    def axis(self, number: Number, *, signed: bool = False) -> Iterator[Markup]:
        """Lines and amounts at round levels, and what these are counted in.

        Args:
            number: how an amount is written.
            signed: whether below zero is less than nothing; else it is the other direction.
        """
        levels = round_levels(self.lowest, self.highest)
        unit, divisor = self.unit, Decimal(1)
        while unit in _LARGER and max(-levels[0], levels[-1]) / divisor >= _LARGEST_LABEL:
            unit, divisor = _LARGER[unit], divisor * 1000
        yield Markup('<text class="unit" dx="-0.6em" dy="-0.8em" text-anchor="end">{}</text>').format(unit)
        for level in levels:
            y = self.y(level)
            yield Markup('<line class="grid" x2="100%" y1="{0}%" y2="{0}%"/>').format(y)
            yield Markup(
                '<text class="level" y="{}%" dx="-0.6em" dy="0.35em" text-anchor="end">{}</text>'
            ).format(y, number((level if signed else abs(level)) / divisor))


def framed(caption: Caption, parts: Sequence[Markup], looks: Sequence[str]) -> Markup:
    """The parts, from the bottom of the pile to its top, as one picture; below it what its looks mean."""
    key = caption.key
    legend = Markup().join(
        Markup("<li>{} {}</li>").format(_swatch(key, look), caption.names[look])
        for look in looks
        if look in caption.names
    )
    return Markup(
        '<figure class="picture"><svg class="plot" width="100%" height="240" role="img"'
        ' aria-labelledby="{key}-title {key}-words"><title id="{key}-title">{title}</title>'
        '<desc id="{key}-words">{words}</desc><defs>{patterns}</defs>{parts}</svg>{legend}</figure>'
    ).format(
        key=key,
        title=caption.title,
        words=caption.description,
        patterns=Markup().join(_pattern(key, look) for look in looks if _pattern_of(look)),
        parts=Markup("\n").join(parts),
        legend=Markup('<figcaption><ul class="legend">{}</ul></figcaption>').format(legend) if legend else "",
    )


def paint(key: str, look: str) -> Markup:
    """The attributes that give a shape its look: classes, or where classes do not suffice, a pattern."""
    if _pattern_of(look):
        return Markup('fill="url(#{})"').format(_id(key, look))
    return Markup('class="{}"').format(look)


def below(marks: Sequence[Mark], width: float) -> Iterator[Markup]:
    """Words below the plot, as many as fit on a phone, and as many as fit on a wide page.

    Args:
        marks: the words, from left to right.
        width: of a column or a step, percent.
    """
    narrow, wide = (_fitting(marks, width * pixels / 100) for pixels in (_NARROW, _WIDE))
    for number, mark in enumerate(marks):
        shown = {(True, True): "mark", (True, False): "mark narrow", (False, True): "mark wide"}.get(
            (number in narrow, number in wide)
        )
        if shown:
            yield Markup(
                '<text class="{}" x="{}%" y="100%" dy="1.5em" text-anchor="middle">{}</text>'
            ).format(shown, round(mark.at * width, 2), mark.word)


def anchor(at: float) -> str:
    """To which side words go that belong to a place (percent from the left), lest they leave the plot."""
    return "start" if at < 34 else "end" if at > 66 else "middle"


def _fitting(marks: Sequence[Mark], width: float) -> set[int]:
    """Which of them have room, when a column is so many pixels wide; the first always."""
    room = max((len(mark.word) for mark in marks), default=0) * _LETTER + _GAP
    found: set[int] = set()
    free_from = marks[0].at * width if marks else 0
    for number, mark in enumerate(marks):
        if mark.at * width >= free_from:
            found.add(number)
            free_from = mark.at * width + room
    return found


def _pattern_of(look: str) -> Markup | None:
    return _PATTERNS.get(look.rpartition(" ")[2])


def _pattern(key: str, look: str) -> Markup:
    """On the page it is as large as here, however wide a column is."""
    return Markup('<pattern id="{}" width="6" height="6" patternUnits="userSpaceOnUse">{}</pattern>').format(
        _id(key, look), (_pattern_of(look) or Markup()).format(look=look)
    )


def _id(key: str, look: str) -> str:
    return f"{key}-{look.replace(' ', '-')}"


def _swatch(key: str, look: str) -> Markup:
    shape = (
        Markup('<line class="{}" x2="100%" y1="50%" y2="50%"/>').format(look)
        if look.startswith("line ")
        else Markup('<rect width="100%" height="100%" {}/>').format(paint(key, look))
    )
    return Markup('<svg class="swatch" width="16" height="16" aria-hidden="true">{}</svg>').format(shape)
