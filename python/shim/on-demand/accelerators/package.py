"""The package fletbridge.accelerate, as the host wants it: loaded when Flet has come so far, or when the app itself
imports it, from the host's own folder; the parent package need not be there. What comes of it is written into
the host's note (common/app/app_note.h), where it stays whatever becomes of this process."""

import atexit
import os
import sys
import time
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location

NAME = "fletbridge.accelerate"
PLACE = 32 << 10  # bytes, of each of the note's two
SELDOM = 0.5  # seconds, between notes of what is counted; the last one comes at the end


class Package:
    def __init__(self, shim):
        words, _, self.folder = shim.accelerate.partition(":")
        self.names = list(filter(None, words.split(",")))
        self.options = {}
        if "verify" in self.names:
            self.names.remove("verify")
            self.options["verify"] = True
        self.shim = shim
        self.module = self.failed = self.state = None
        self.told_at = 0
        self.written = 0
        self.note = int(shim.note) if shim.note else None
        if self.note is not None:
            self.inode = os.fstat(self.note).st_ino
            shim.forgets.append(self.forget)

    def find_spec(self):
        class Loader(SourceFileLoader):
            @staticmethod
            def exec_module(module):
                module.hosted = True
                SourceFileLoader.exec_module(loader, module)
                self.switch_on(module)

        loader = Loader(NAME, self.folder + "/__init__.py")
        return spec_from_file_location(NAME, loader.path, loader=loader, submodule_search_locations=[self.folder])

    def load(self):
        """Never raises: an app runs without it."""
        if not self.names or NAME in sys.modules:
            return
        spec = self.find_spec()
        module = sys.modules[NAME] = module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[NAME]
            self.failed = "%s: %s" % (type(error).__name__, error)
            self.tell()
            return
        # An app that imports it has the parent as well.
        self.shim.finder.after_execution(NAME.partition(".")[0],
                                         lambda parent: vars(parent).setdefault("accelerate", module))

    def switch_on(self, module):
        self.module = module
        module.on_change = self.on_change
        module.switch_on(self.names, self.shim.finder.after_execution, **self.options)
        atexit.register(self.tell)

    def on_change(self):
        state = self.module.state()
        if state != self.state or time.monotonic() > self.told_at + SELDOM:
            self.state, self.told_at = state, time.monotonic()
            self.tell()

    def tell(self):
        if self.note is None or os.getpid() != self.shim.pid:
            return
        try:
            import json

            if self.module is not None:
                found = getattr(self.module, "differences", list)()
                told = {"state": self.module.state(), "counters": self.module.counters(),
                        "differences": [str(one)[:300] for one in found[:30]]}
            elif self.failed:
                told = {"state": dict.fromkeys(self.names, self.failed)}
            else:
                return
            text = json.dumps(told).encode()
            if len(text) > PLACE - 4:
                text = json.dumps({**told, "differences": told["differences"][:3]}).encode()
            # An app may close what it does not know, and get the number for a file of its own.
            if len(text) > PLACE - 4 or os.fstat(self.note).st_ino != self.inode:
                return
            self.written += 1
            os.pwrite(self.note, len(text).to_bytes(4, "little") + text, 8 + self.written % 2 * PLACE)
            os.pwrite(self.note, self.written.to_bytes(8, "little"), 0)
        except Exception:
            pass  # the host knows what was written before

    def forget(self):
        """In a fork: the note is the app's."""
        try:
            if self.note is not None and os.fstat(self.note).st_ino == self.inode:
                os.close(self.note)
        except OSError:
            pass
        self.note = None


def of(shim):
    if shim.package is None:
        shim.package = Package(shim)
    return shim.package


def patch(module, shim):
    """flet.controls.base_control, which each Flet has that there are accelerators for, before its controls."""
    of(shim).load()
