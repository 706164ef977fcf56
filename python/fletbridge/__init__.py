"""Runs an unmodified Flet app in two processes or in one, over sockets or direct calls.

This package is only the way in from Python: `python -m fletbridge run app.py` is `fletbridge run
app.py` with this very interpreter. All else is the program that it belongs to: in a wheel the whole
installation lies in this folder, elsewhere this folder lies in the installation.

FLET_VIEW_PATH is the folder of our `flet`, the client that Flet starts where that variable names it.
"""

import os as _os

__version__ = "@PROJECT_VERSION@"

_here = _os.path.realpath(_os.path.dirname(__file__))
_parts = _os.path.join(_here, "lib", "fletbridge", "python", "fletbridge")
if _os.path.isdir(_parts):  # a wheel: fletbridge.accelerate and fletbridge.check are where the program has them
    __path__.append(_parts)
    FLET_VIEW_PATH = _os.path.join(_here, "bin")
else:
    _inside = _os.path.normpath(_os.path.join(_here, _os.pardir, _os.pardir, "bin"))  # a system's package
    FLET_VIEW_PATH = (_inside if _os.path.isdir(_inside) else
                      _os.path.normpath(_os.path.join(_here, *[_os.pardir] * 4, "bin")))
