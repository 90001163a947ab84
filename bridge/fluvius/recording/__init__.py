"""One visit to Fluvius, recorded for a public bug report: nothing that tells who, or how much.

What comes in is taken apart at once; nothing is kept as it was. Only what is known to be nobody's stays:
names of fields, codes, words of errors. Everything else becomes its shape, or a name that stands for it.
"""

from bridge.fluvius.recording.archive import write
from bridge.fluvius.recording.recorder import Recorder

__all__ = ["Recorder", "write"]
