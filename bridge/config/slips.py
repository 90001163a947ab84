"""What is wrong with a text that is no YAML, as a person would say it: line, key, and what to write.

The parser's own words name tokens and show what it stumbled over, which may be a secret, and its line is
often one below the slip.
"""

import re
from collections.abc import Iterator

import yaml

from bridge.config.keys import KEYS

_LOOKS_LIKE_A_SPACE = "\u00a0\u2007\u202f\u3000\u200b\ufeff"
_KEY = r"(?P<key>[A-Za-z0-9_][A-Za-z0-9_-]{0,39})"
_ENTRY = re.compile(rf"(?:- )*{_KEY} *:(?: |$)")
_WITHOUT_SPACE = re.compile(rf"(?:- )*{_KEY}:(?=[^\s:/])")
_WITHOUT_COLON = re.compile(rf"(?:- )*{_KEY}(?: *[=;]| +[^\s:]|$)")
_KNOWN = {str(path[-1]) for path in KEYS}
_IN_QUOTES = re.compile(r""""(?:\\.|[^"\\])*"|'(?:''|[^'])*'""")  # where every character is meant
_BACKSLASH = "in double quotes a backslash begins a code; write single quotes, or / instead of it"
_QUOTES = "put quotes around it"
_BEGIN_SOMETHING = {"alias": "*", "anchor": "&", "directive": "%"}


def unseen(text: str) -> str | None:
    """Where a character stands that only looks like a space; None where there is none that matters."""
    space = f"[{_LOOKS_LIKE_A_SPACE}]"
    matters = re.compile(rf"^[\s-]*{space}|: *{space}|^ *[\w-]+{space}+:|{space}\s*$|{space} *#")
    for number, line in enumerate(text.split("\n"), 1):
        if not line.lstrip().startswith("#") and matters.search(_IN_QUOTES.sub('""', line)):
            return (
                f"line {number}{_named(line)}: has a character that looks like a space but is not one, as on"
                " web pages; delete it, and type a space"
            )
    return None


def in_words(text: str, error: yaml.MarkedYAMLError) -> str:
    """Where the slip is, what it is, and what to write; shows nothing that may be a secret."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return "is not YAML"
    lines = text.split("\n")
    begin = error.context_mark.line if error.context_mark else mark.line
    for number, words in _guesses(lines, begin, mark, f"{error.context} {error.problem}"):
        line = lines[number] if number < len(lines) else ""
        return f"line {number + 1}{_named(line)}: {words}"
    return f"line {mark.line + 1}, column {mark.column + 1}: {_anonymous(error.problem or 'is not YAML')}"


def missing_colon(text: str, value: str, keys: set[str]) -> str | None:
    """What is wrong with a text where keys belong, if it is a key without its colon, or the space after it.

    Args:
        text: the whole file; empty where there is none.
        value: what was read.
        keys: those that belong there.
    """
    found = _WITHOUT_SPACE.match(value) or _WITHOUT_COLON.match(value)
    if not found or found["key"] not in keys:
        return None
    first = re.compile(rf"\s*(?:- )*{re.escape(found[0])}")
    number = next((n for n, line in enumerate(text.split("\n"), 1) if first.match(line)), None)
    return f"{f'line {number}: ' if number else ''}{_complaint(found)}"


def _guesses(lines: list[str], begin: int, mark: yaml.Mark, problem: str) -> Iterator[tuple[int, str]]:
    """The first one holds: the line's number from 0, and words."""
    at = mark.line
    line = lines[at] if at < len(lines) else ""
    here = line[mark.column : mark.column + 1]
    is_tab = here == "\t" or "\t" in line[: len(line) - len(line.lstrip())]
    is_open, is_nested = "flow" in problem, "mapping values" in problem
    open_sign = "{" if "flow mapping" in problem else "["
    sign = _odd_sign(line, here, problem)
    ends = next((n for n in range(at - 1, -1, -1) if lines[n].startswith("...")), at)
    after_quote = re.search(r""":\s+(?:"[^"]*"|'[^']*')\s*[^\s#,}\]]""", line)
    guesses = (
        (is_tab, at, "there is a tab here, and YAML takes only spaces; use spaces instead"),
        ("another document" in problem, at, "a second document begins here; take the line --- away"),
        ("document start" in problem and ends < at, ends, "the document ends here; take the line ... away"),
        ("escape" in problem, at, _BACKSLASH),
        ("document start" in problem, at, "begins in another column than the keys above it"),
        ("sequence entries" in problem, at, "a - begins a list; write it on the next line, below the key"),
        (" tag" in problem, at, f"a value begins with !; {_QUOTES}"),
        ("recursive" in problem, at, "a value holds itself; take the & and the * away"),
        ("end of stream" in problem and "quoted" in problem, begin, "a quote is opened and never closed"),
        (is_open, begin, f"the {open_sign} is not closed, or a comma is missing after it"),
        (sign, at, f"a value begins with {sign}; {_QUOTES}"),
        (is_nested and re.match(r"\s*-[^\s-]", line), at, "a space is missing after the -"),
        (is_nested and len(re.findall(r":(?: |$)", line)) > 1, at, f"the value holds a colon; {_QUOTES}"),
        (True, *_slip_above(lines, begin if "expected ':'" in problem else at, begin)),
        (after_quote, at, "something follows the closing quote; between single quotes, write ' twice"),
        ("expected ':'" in problem, begin, "a colon is missing after the key"),
        (is_nested or "block end" in problem, at, "begins in another column than the keys beside it"),
    )
    return ((number, words) for holds, number, words in guesses if holds and words)


def _odd_sign(line: str, here: str, problem: str) -> str:
    """What a value cannot begin with, where it does."""
    for scanned, sign in _BEGIN_SOMETHING.items():
        if scanned in problem:
            return sign
    if "block scalar" in problem:
        return "|" if "|" in line else ">"
    return here if "start any token" in problem or ("node content" in problem and here in "]},") else ""


def _slip_above(lines: list[str], at: int, begin: int) -> tuple[int, str]:
    """A key without its colon, or without the space after it: here, or on the line that came before."""
    above = range(at, -1, -1)
    said = [n for n in above if n < len(lines) and lines[n].strip() and not lines[n].lstrip().startswith("#")]
    for number in dict.fromkeys([*said[:2], begin]):
        written = lines[number].strip() if number < len(lines) else ""
        if found := _WITHOUT_SPACE.match(written) or _WITHOUT_COLON.match(written):
            return number, _complaint(found)
    return at, ""


def _complaint(found: re.Match[str]) -> str:
    """Names the key only where it is one of ours: anything else may be a secret."""
    key = found["key"] if found["key"] in _KNOWN else ""
    if found.re is _WITHOUT_SPACE:
        return f"a space is missing after {key}:"
    return f"a colon is missing after {key or 'the key'}"


def _named(line: str) -> str:
    """The line's key, where it has one."""
    found = _ENTRY.match(re.sub(f"[{_LOOKS_LIKE_A_SPACE}]", " ", line).strip())
    return f" ({found['key']})" if found else ""


def _anonymous(problem: str) -> str:
    """The parser's words, without the one that it stumbled over."""
    return re.sub("'[^']*'", lambda found: found[0] if len(found[0]) <= 3 else "a word", problem)
