"""Looks for what concerns processes: workers, forks, signals, the end. Room: python/fletbridge/check."""

from .findings import Finding


def look(app):
    for module in app.modules:
        for call in module.calls:
            name = app.names.outside(call.func)
            if name in ("os.fork", "os.forkpty", "pty.fork"):
                yield Finding("FB104", module.source, f"{name}() copies the process", call)
            elif name == "os._exit":
                yield Finding("FB105", module.source, "os._exit() ends the process at once", call)
