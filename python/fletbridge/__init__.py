"""Runs an unmodified Flet app in two processes or in one, over sockets or direct calls.

This package is only the way in from Python: `python -m fletbridge run app.py` is `fletbridge run
app.py` with this very interpreter. All else is the program that it belongs to.
"""

__version__ = "@PROJECT_VERSION@"
