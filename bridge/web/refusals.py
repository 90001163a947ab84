"""What the bridge refuses, in the page's words: those of a terminal name commands, and are English.

What is not here stays English, marked as such: it is long, rare, and made of what others said.
"""

import re
from collections.abc import Mapping

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def N_(words: str) -> str:  # noqa: N802 - the name by which translators find sentences
    """A sentence, to be translated when it is said."""
    return words


_SENTENCES = {
    r"(?P<what>.+) is not a date; .+": N_("%(what)s is not a date."),
    r"(?P<what>.+) is not between the years .+": N_("%(what)s is not a date."),
    r"(--)?from,? .+ (comes|is) after (--)?to,? .+": N_("The first day comes after the last one."),
    rf"--from (?P<first>{_DAY}) is in the future": N_("That day has not come yet: %(first)s."),
    rf"(?P<first>{_DAY}) is not over yet; the newest day is (?P<last>{_DAY})": N_(
        "That day is not over yet: %(first)s. The newest one is %(last)s."
    ),
    r"from is missing; .+": N_("The first day is missing."),
    r"there are no meters yet; .+": N_("No meter is known yet."),
    r"there is no meter (?P<what>.+); there (is|are) .+": N_("There is no meter %(what)s."),
    r"nothing has been fetched yet; .+": N_("Nothing was fetched yet."),
    r"nothing has been fetched yet for (?P<what>.+); start .+": N_("Nothing was fetched yet for %(what)s."),
    rf"nothing of these days is known of (?P<what>.+), only of (?P<first>{_DAY}) to (?P<last>{_DAY})": N_(
        "Nothing of these days is known of %(what)s, only from %(first)s to %(last)s."
    ),
    r"nothing of these days lies within the bounds of (?P<what>.+) \(from, until\)": N_(
        "%(what)s is not followed on these days."
    ),
    r"no (quarter-)?hours are known of (?P<what>.+), only days": N_("Of %(what)s only days are known."),
    r"there are no prices in the configuration; .+": N_("No prices are configured."),
    r"(?P<what>.+) was changed meanwhile; nothing was written": N_(
        "%(what)s was changed meanwhile; nothing was written. Begin again."
    ),
    r"(?P<what>.+): is written in a way that cannot be changed here; .+": N_(
        "%(what)s is written in a way that cannot be changed here; change it by hand."
    ),
    r"(?P<what>.+): (?P<key>[^:]+) is written in a way that cannot be changed here; .+": N_(
        "%(what)s: %(key)s is written in a way that cannot be changed here; change it by hand."
    ),
    r"(?P<what>.+): nothing can be added to it; .+": N_(
        "%(what)s is written in a way that cannot be changed here; change it by hand."
    ),
    r"(?P<what>\S+|/.+|[A-Z]:.+) cannot be written( \(.*\))?(; nothing was changed)?": N_(
        "%(what)s cannot be written."
    ),
    r"This form is too old, .+": N_("This form is too old, or not of this page: go back and try again."),
    r"Another site led here: .+": N_("Another site led here: open this page by its own address."),
    r"This was sent from (?P<what>.+), but here the page is called (?P<key>.+): another site .+": N_(
        "This was sent from %(what)s, but here the page is called %(key)s: another site led here, or a proxy"
        " before the page says another name than the browser does. Have the proxy pass on Host as it came"
        " (nginx: proxy_set_header Host $http_host)."
    ),
    r"this is a fault of the page; .+": N_(
        "This is a fault of the page. What happened stands in the log; please report it."
    ),
    r"has (?P<what>[0-9]+) digits; .+": N_("It has %(what)s digits; an EAN has 18."),
    r"contains something other than digits; .+": N_("An EAN has digits alone."),
    r"there is a slip in it, most likely: .+": N_(
        "There is a slip in it, most likely: the last digit of an EAN is worked out from the other 17, and"
        " this one does not fit them. If it is right all the same, answer once more."
    ),
    r"is that of meters\[[0-9]+\] too; .+": N_("That is the EAN of a meter that is there already."),
    r"is missing; .+": N_("This is missing."),
    r"is empty; .+": N_("This is missing."),
    r"is not an e-mail address; .+": N_("That is not an e-mail address."),
    r"(is not a host name; |write a name or an IP address, ).+": N_(
        "That is not the name of a computer, nor its IP address."
    ),
    r"(?P<what>.+) is not a time of day; .+": N_("%(what)s is not a time of day, such as 06:15."),
    r"holds the same time twice; .+": N_("The same time stands there twice."),
    r"is the bridge's own topic; .+": N_("The bridge itself is called so: choose another name."),
    r"has no letter a-z and no digit; .+": N_("A name needs a letter from a to z, or a digit."),
    r"gives the same topic as the name of meters\[[0-9]+\]; .+": N_(
        "Another meter is called so, or nearly so."
    ),
    r"(?P<what>.+) is (not a price|out of range); write percent.*": N_(
        "%(what)s is not a percentage, such as 6."
    ),
    r"(?P<what>.+) is not a price; .+": N_("%(what)s is not a price."),
    r"(?P<what>.+) is out of range; .+": N_("%(what)s is too much, or too little."),
    r"(?P<what>.+) is not a whole number; .+": N_("%(what)s is not a whole number."),
    r"(?P<what>.+) is neither a date nor an instant; .+": N_("%(what)s is not a date."),
    r"(?P<what>.+) is not a date of the calendar, .+": N_("%(what)s is not a date."),
    r"is not an address with ws:// .+": N_(
        "That is not the address of Home Assistant, such as http://homeassistant.local:8123."
    ),
    r"contains invisible characters; .+": N_("There are invisible characters in it: type it anew."),
    r"write the name of a file": N_("No file was chosen."),
}
_ALL = {re.compile(words): sentence for words, sentence in _SENTENCES.items()}


def understood(words: str) -> tuple[str, Mapping[str, str]] | None:
    """The page's sentence for what the bridge says, and what stands in it: `first` and `last` are days.

    None where it has none.
    """
    for pattern, sentence in _ALL.items():
        if found := pattern.fullmatch(words):
            return sentence, found.groupdict()
    return None
