"""What `check` finds, row by row."""

import textwrap
from collections.abc import Iterable
from shutil import get_terminal_size

from bridge.setup.finding import Finding
from bridge.text.endings import DONE
from bridge.text.foreign import clean_lines


def show(findings: Iterable[Finding]) -> int:
    """Print findings as they come; returns the exit status."""
    worst = DONE
    for finding in findings:
        _print(finding)
        worst = max(worst, DONE if finding.works else finding.status)
    return worst


def _print(finding: Finding) -> None:
    begin = f"{'ok ' if finding.works else 'NO '} {finding.what:<14} "
    width = max(get_terminal_size().columns - 1, 60)
    print(
        textwrap.fill(
            clean_lines(finding.words),
            width,
            initial_indent=begin,
            subsequent_indent=" " * len(begin),
            break_on_hyphens=False,  # a path is to be copied
            break_long_words=False,
        ),
        flush=True,
    )
