"""Less memory at rest."""

import importlib
import sys
import warnings

_DETECTOR = "charset_normalizer"


def import_requests() -> None:
    """Import requests without its detector of character sets: 3 MB that nothing here ever uses.

    requests can do without and says so in a warning. Whoever imports the detector later still gets it.
    """
    if "requests" in sys.modules or _DETECTOR in sys.modules:
        return
    sys.modules[_DETECTOR] = None  # type: ignore[assignment] # the documented way to make an import fail
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("requests")
    finally:
        del sys.modules[_DETECTOR]
