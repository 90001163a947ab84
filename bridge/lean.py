"""Less memory at rest."""

import importlib
import sys
import warnings
from types import ModuleType

_DETECTOR = "charset_normalizer"
_LETTERS = "idna"


def import_requests() -> None:
    """Import requests without what nothing here ever uses: 3 MB.

    Its detector of character sets, without which it can do and says so in a warning; and the tables of those
    letters that addresses may have beside ASCII's. Whoever needs them later still gets them.
    """
    if "requests" in sys.modules or _DETECTOR in sys.modules:
        return
    sys.modules[_DETECTOR] = None  # type: ignore[assignment] # the documented way to make an import fail
    letters = sys.modules.setdefault(_LETTERS, ModuleType(_LETTERS))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("requests")
    finally:
        del sys.modules[_DETECTOR]
        if not hasattr(letters, "__file__"):
            del sys.modules[_LETTERS]
