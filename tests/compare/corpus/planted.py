"""The delay that a comparison is to find: `planted.delay()` in a handler, `await planted.adelay()` in one that awaits,
`planted.start()` in main().

COMPARE_PLANTED says where and how much: `3=+2ms`, `1:uds again=+160us`, `3=start+100ms`; several with commas; nothing
is planted without it. The variant's name is what `fletbridge compare` says in COMPARE_VARIANT. Delays
of a millisecond and more are slept: on a busy machine what a loop spins away is taken from what comes behind it. Shorter
ones are spun: what comes behind a sleep finds a cold processor, which costs a tenth of a millisecond. How long each has
really been is appended to the file COMPARE_PLANTED_LOG, as a double of seconds.
"""

import asyncio
import os
import struct
import time

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def _seconds(text):
    for unit, factor in _UNITS.items():
        if text.endswith(unit) and text[: -len(unit)].replace(".", "", 1).isdigit():
            return float(text[: -len(unit)]) * factor
    raise ValueError(f"COMPARE_PLANTED: {text!r} is no time; write 2ms, 160us or 1s")


def _planted(spec, variant):
    """Seconds in each handler, and at the start."""
    handler = start = 0.0
    for part in filter(None, spec.split(",")):
        name, _, delay = part.partition("=")
        where, plus, length = delay.partition("+")
        if not plus or where not in ("", "start"):
            raise ValueError(f"COMPARE_PLANTED: {part!r} is no delay; write 3=+2ms or 3=start+100ms")
        if name == variant and where == "start":
            start = _seconds(length)
        elif name == variant:
            handler = _seconds(length)
    return handler, start


_HANDLER, _START = _planted(os.environ.get("COMPARE_PLANTED", ""), os.environ.get("COMPARE_VARIANT", ""))


_SPUN = 0.001  # seconds, shorter ones

_LOG = os.environ.get("COMPARE_PLANTED_LOG")
_log = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if _LOG and (_HANDLER or _START) else None
_last = None


def _begin(length):
    """When it began, and how much is left. What is written is the delay before, so that it costs no handler anything."""
    began = time.perf_counter()
    if _log is not None and _last is not None:
        os.write(_log, struct.pack("d", _last))
    return began, max(0.0, began + length - time.perf_counter())


def _spin(length):
    until = time.perf_counter() + length
    while time.perf_counter() < until:
        pass


def _end(began):
    global _last
    _last = time.perf_counter() - began


def delay(length=_HANDLER):
    if length:
        began, left = _begin(length)
        if length < _SPUN:
            _spin(left)
        else:
            time.sleep(left)
        _end(began)


async def adelay():
    if _HANDLER:
        began, left = _begin(_HANDLER)
        if _HANDLER < _SPUN:
            _spin(left)
        else:
            await asyncio.sleep(left)
        _end(began)


def start():
    delay(_START)
