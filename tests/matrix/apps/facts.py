"""What an app can see of where it runs: a text for each fact. Runs on each Flet from 0.1 on; it has no steps of its own."""

import os
import re
import threading

import flet as ft


def kind(url):
    """A page's address without what differs in each run."""
    if str(url).startswith("/") and not str(url).startswith("/dev/null/"):
        return "a socket's path"
    return re.sub(r"\d+$", "N", str(url))


def main(page):
    def fail(e):
        raise ValueError("on purpose")

    facts = {
        "page.url": kind(page.url),
        "page.web": bool(page.web),
        "page.platform": str(getattr(page.platform, "value", page.platform)),
        "page.client_ip": getattr(page, "client_ip", None) or "none",
        "a sync main() runs on": "the main thread" if threading.current_thread() is threading.main_thread()
                                 else "a thread of its own",
        "FLET_PLATFORM": os.environ.get("FLET_PLATFORM", "unset"),
    }
    page.add(*(ft.Text("%s = %s" % fact) for fact in facts.items()),
             (ft.ElevatedButton if not hasattr(ft, "run") else ft.Button)("Fail", on_click=fail))


run = getattr(ft, "run", None)
if run:
    run(main)
else:
    ft.app(target=main)
