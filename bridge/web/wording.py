"""What is asked on the page, in the visitor's language: the words of a terminal in those of a page."""

import re
from collections.abc import Mapping
from functools import lru_cache

from bridge.setup.questions import Step
from bridge.web.speech import Language, speech

_METER = re.compile(r"Name of (electricity|gas) meter ([0-9]+)")
_NEARBY = re.compile(r"Where readings are published\. Found nearby: (.+)\.")
_PRICES = re.compile(r"Prices: (electricity|gas)(.*)")
_NTH = re.compile(r"Meter ([0-9]+)")


def told(language: Language, text: str) -> str | None:
    """The page's words for those of the set-up; None if it has none, and it stays English."""
    say = speech(language)
    if found := _METER.fullmatch(text):
        kind = say.gettext("electricity") if found[1] == "electricity" else say.gettext("gas")
        return say.gettext("Name of the meter %(ean)s (%(kind)s)") % {"ean": found[2], "kind": kind}
    if found := _PRICES.fullmatch(text):
        kind = say.gettext("electricity") if found[1] == "electricity" else say.gettext("gas")
        return say.gettext("Prices: %(whose)s") % {"whose": kind + found[2]}
    if found := _NEARBY.fullmatch(text):
        if found[1] == "none":
            return say.gettext("Where readings are published. None was found nearby.")
        return say.gettext("Where readings are published. Found nearby: %(names)s.") % {"names": found[1]}
    if found := _NTH.fullmatch(text):
        return say.gettext("Meter %(number)s") % {"number": found[1]}
    return _words(language).get(text)


def title(language: Language, step: Step) -> str:
    """The heading of a step."""
    say = speech(language)
    name = re.sub(r" [0-9]+$", "", step.name)
    own = {
        "more": say.gettext("Another meter?"),
        "token": say.gettext("Home Assistant's Energy dashboard"),
        "schedule": say.gettext("When Fluvius is asked"),
        "prices": say.gettext("What it costs"),
    }
    return own.get(name) or told(language, step.title) or step.title


@lru_cache
def _words(language: Language) -> Mapping[str, str]:
    _ = speech(language).gettext
    two_tariffs = _("One number, or two for the high and the low tariff, such as 0.34 0.29.")
    market = _("Or, by the market: market 1.04 0.0089 stands for 1.04 times the day-ahead price plus 0.0089.")
    no_vat = _("Euros without VAT, such as 0.1342.")
    return {
        "Your MQTT broker": _("Your MQTT broker"),
        "Trying the broker": _("Trying the broker…"),
        "Address": _("Address"),
        "A name or an IP address; with its port where that is not 1883, and mqtts:// where it is"
        " encrypted.": _(
            "A name or an IP address; with its port where that is not 1883, and mqtts:// where it is"
            " encrypted."
        ),
        "User name": _("User name"),
        "Press Enter if it takes anyone.": _("Leave it empty if the broker takes anyone."),
        "Write - if it takes anyone.": _("Leave it empty if the broker takes anyone."),
        "Password": _("Password"),
        "Where readings come from": _("Where readings come from"),
        "Which": _("Which way suits you?"),
        "account": _("With your account"),
        "you sign in on mijn.fluvius.be with e-mail and password: the bridge does the same, and brings"
        " yesterday's readings every day by itself": _(
            "You sign in on mijn.fluvius.be with e-mail and password: the bridge does the same, and brings"
            " yesterday's readings every day by itself."
        ),
        "files": _("With files"),
        "you sign in with itsme or eID, or want no password here: you download your history on"
        " mijn.fluvius.be now and then, and the bridge reads the files": _(
            "You sign in with itsme or eID, or want no password here: you download your history on"
            " mijn.fluvius.be now and then, and give the files to the bridge."
        ),
        "Your files": _("Your files"),
        "On mijn.fluvius.be choose a meter, its history (Historiek), Historiek downloaden, and quarter-hours"
        " (Kwartiertotalen; of gas, hours: Uurtotalen). There is a file for each meter, and it says which one"
        " it is of.": _(
            "On mijn.fluvius.be choose a meter, its history (Historiek), Historiek downloaden, and"
            " quarter-hours (Kwartiertotalen; of gas, hours: Uurtotalen). There is a file for each meter, and"
            " it says which one it is of."
        ),
        "Reading": _("Reading the files…"),
        "Files": _("Files"),
        "Drag them into this window, or write their names, or that of their folder; CSV, or zip archives.": _(
            "CSV, or zip archives; several at once. They are imported when you have answered everything."
        ),
        "Your account": _("Your account"),
        "The password is tried once now, and goes to no one but Fluvius. It is kept in secrets.yaml, which"
        " only you can read.": _(
            "The password is tried once now, and goes to no one but Fluvius. It is kept in secrets.yaml,"
            " which only the bridge's user can read."
        ),
        "Signing in": _("Signing in…"),
        "E-mail address": _("E-mail address"),
        "Your meter": _("Your meter"),
        "Asking Fluvius for its readings": _("Asking Fluvius for its readings…"),
        "EAN, address or file": _("EAN, or the address of its page"),
        "The EAN has 18 digits and stands on every bill. Or paste the address of the meter's page on"
        " mijn.fluvius.be (.../verbruik/5414.../detail), or the name of a file that you downloaded there: it"
        " holds everything.": _(
            "The EAN has 18 digits and stands on every bill. Or paste the address of the meter's page on"
            " mijn.fluvius.be (…/verbruik/5414…/detail), or give a file that you downloaded there: it holds"
            " everything."
        ),
        "It counts": _("It counts"),
        "electricity": _("electricity"),
        "gas": _("gas"),
        "Serial number": _("Serial number"),
        "On the meter itself, and on its page on mijn.fluvius.be, such as 1SAG1100042062.": _(
            "On the meter itself, and on its page on mijn.fluvius.be, such as 1SAG1100042062."
        ),
        "Another meter?": _("Another meter?"),
        "yes": _("Yes"),
        "no": _("No"),
        "Names": _("Names"),
        "Of the devices in Home Assistant and of the topics.": _(
            "Of the devices in Home Assistant and of the topics."
        ),
        "Home Assistant's Energy dashboard": _("Home Assistant's Energy dashboard"),
        "It shows each hour's energy at the hour at which it was used, if Home Assistant lets fluvius2mqtt"
        " write its statistics.": _(
            "It shows each hour's energy at the hour at which it was used, if Home Assistant lets"
            " fluvius2mqtt write its statistics."
        ),
        "Write them?": _("Write them?"),
        "Trying it": _("Trying it…"),
        "Address of Home Assistant": _("Address of Home Assistant"),
        "Access token": _("Access token"),
        "Make one in Home Assistant, as an administrator: your profile (bottom left), Security, Long-lived"
        " access tokens.": _(
            "Make one in Home Assistant, as an administrator: your profile (bottom left), Security,"
            " Long-lived access tokens."
        ),
        "What it costs": _("What it costs"),
        "If you like, what each day and month costs. You can also write prices into the file later.": _(
            "If you like, what each day and month costs. You can also do this later."
        ),
        "Prices": _("Prices"),
        "later": _("Later"),
        "not now": _("You can do this in the settings at any time."),
        "all-in": _("One price"),
        "one price for a kWh, with everything in it": _("One price for a kWh, with everything in it."),
        "parts": _("Its parts"),
        "the parts of the bill, as on the supplier's tariff card: exact, capacity tariff included": _(
            "The parts of the bill, as on the supplier's tariff card: exact, capacity tariff included."
        ),
        "as it is": _("They stay as they are"),
        "From which day do they hold": _("From which day do they hold?"),
        "Before it, costs are unknown.": _("Before it, costs are as they were, or unknown."),
        "A kWh of electricity costs": _("A kWh of electricity costs"),
        "A kWh of gas costs": _("A kWh of gas costs"),
        "Euros with VAT, such as 0.31; or two numbers, for the high and the low tariff. Without the capacity"
        " tariff, which is not by the kWh.": _(
            "Euros with VAT, such as 0.31. Without the capacity tariff, which is not by the kWh."
        )
        + f" {two_tariffs}",
        "Euros with VAT, such as 0.31.": _("Euros with VAT, such as 0.31."),
        "Energy: a kWh of electricity costs": _("Energy: a kWh of electricity costs"),
        "Energy: a kWh of gas costs": _("Energy: a kWh of gas costs"),
        "Euros without VAT, such as 0.1342.": no_vat,
        "Euros without VAT, such as 0.1342; or two numbers, for high and low; or `market 1.04 0.0089` for"
        " 1.04 x the day-ahead price + 0.0089.": f"{no_vat} {two_tariffs} {market}",
        "Grid: euros for a kWh": _("Grid: euros for a kWh"),
        "Levies: euros for a kWh": _("Levies: euros for a kWh"),
        "Capacity tariff: euros for a kW and year": _("Capacity tariff: euros for a kW and year"),
        "A kWh into the grid brings": _("A kWh into the grid brings"),
        "Euros, such as 0.03. Press Enter if the meter injects nothing.": _(
            "Euros, such as 0.03; leave it empty where the meter injects nothing."
        ),
        "Fixed fees: euros a year, all together": _("Fixed fees: euros a year, all together"),
        "VAT in percent": _("VAT in percent"),
        "6 for households, 21 for others.": _("6 for households, 21 for others."),
        "Language": _("Language"),
        "Names in Home Assistant are in": _(
            "Names in Home Assistant, and this page for other browsers, are in"
        ),
        "Times of day": _("Times of day"),
        "In Belgium, such as 06:15 12:15. Yesterday's readings come in the course of the morning; Fluvius is"
        " asked only for what is missing.": _(
            "In Belgium, such as 06:15 12:15. Yesterday's readings come in the course of the morning; Fluvius"
            " is asked only for what is missing."
        ),
    }
