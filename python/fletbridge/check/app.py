"""The app as a whole: its modules, and all that is found in them. Room: python/fletbridge/check."""

import os
import re
import shutil
import site
import sys
import tempfile
import weakref
import zipfile
from pathlib import Path

from . import look_loop, look_page, look_process, look_surroundings
from .contexts import STARTS_FLET, Contexts
from .findings import Finding
from .names import Module, Names
from .rules import RULES
from .source import Source, file_of_module, files_below, unpack

LOOKERS = (look_process, look_loop, look_page, look_surroundings)


def installed_flet(python):
    """The version of Flet that this interpreter would import, or ''. Its own folders are not on our path."""
    home = Path(os.path.abspath(python)).parent.parent  # not resolved: the link makes the environment
    folders = [home / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"]
    if not (home / "pyvenv.cfg").exists():
        folders = [Path(folder) for folder in [*site.getsitepackages(), site.getusersitepackages()]]
    for folder in folders:
        for found in folder.glob("flet-*.dist-info"):
            return found.name[len("flet-"):-len(".dist-info")]
    return ""


class WrongUsage(Exception):
    """Says what, why and what to do, in one line."""


class NoSuchApp(Exception):
    """Says what, why and what to do, in one line."""


class App:
    """`target` is a script, of which the app's own modules that it imports are part, a zip archive with a
    `__main__.py`, which is then that script, or a folder."""

    def __init__(self, target, facts=None):
        target = Path(target)
        self.facts = dict(facts or {})
        if not self.facts.get("flet") and self.facts.get("python"):
            self.facts["flet"] = installed_flet(self.facts["python"])
        if target.is_dir():
            self.root = target.resolve()
            paths = list(files_below(self.root))
        elif target.is_file() and zipfile.is_zipfile(target):
            self.root = Path(tempfile.mkdtemp(prefix="fletbridge-check-")).resolve()
            weakref.finalize(self, shutil.rmtree, self.root, ignore_errors=True)  # at the program's end too
            target, paths = self._in_archive(target), None
        elif target.is_file():
            self.root = target.resolve().parent
            paths = None
        else:
            raise NoSuchApp(f"cannot open {target}: there is no such file or folder; check the path")
        if paths is not None and not paths:
            raise NoSuchApp(f"there is no Python file in {target}; name the folder of the app")
        self.sources = [Source(path, self.root) for path in paths] if paths is not None else \
            self._reachable(target.resolve())
        self.modules = [Module(source) for source in self.sources if source.tree is not None]
        self.names = Names({module.name: module for module in self.modules})
        self.contexts = Contexts(self.names, self.modules)
        self.is_for_web = any(self._asks_for_web(call) for module in self.modules for call in module.calls)

    def _in_archive(self, archive):
        try:
            unpack(archive, self.root)
        except (OSError, ValueError) as error:
            raise NoSuchApp(f"cannot read {archive}: {error}; name an archive that python can run") from None
        main = self.root / "__main__.py"
        if not main.is_file():
            raise NoSuchApp(f"there is no __main__.py in {archive}; name an archive that python can run")
        return main

    def _asks_for_web(self, call):
        if self.names.outside(call.func) not in STARTS_FLET:
            return False
        # Since Flet 0.86 the web UI gives an app its browser.
        views = ["flet.FLET_APP_WEB"] if self._has_web_ui() else ["flet.FLET_APP_WEB", "flet.WEB_BROWSER"]
        return any(item.arg == "export_asgi_app" or item.arg == "view" and self.names.outside(item.value) in views
                   for item in call.keywords)

    def _has_web_ui(self):
        version = [int(part) for part in re.findall(r"\d+", self.facts.get("flet") or "")[:2]]
        return not version or version >= [0, 86]

    def web_stages(self, verdict):
        """For what works with a web server alone: nothing is lost unless the app is for one that no stage gives it."""
        return " ".join([verdict] * 3) if self.is_for_web else None

    def web_reason(self, what):
        return f"{what} came from Flet's web server, which this app asks for, and which no stage starts" \
            if self.is_for_web else None

    def imports_flet(self, source):
        return any(module.source is source and self.contexts.uses_flet[id(module)] for module in self.modules)

    def _reachable(self, script):
        """The script, and what of the app's own it imports, directly or by way of others."""
        found, todo = {}, [script]
        while todo:
            path = todo.pop(0)
            if path in found:
                continue
            source = found[path] = Source(path, self.root)
            if source.tree is None:
                continue
            module = Module(source)
            wanted = []
            for name, inner, _ in module.imports:
                parts = name.split(".")
                # The packages around it are loaded as well.
                wanted += [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
                if inner:
                    wanted.append(f"{name}.{inner}")
            todo += [p for p in (file_of_module(name, [self.root]) for name in wanted) if p]
        return list(found.values())

    def findings(self, rules=None):
        """All that is found and not silenced, in the order of the files; and how many were silenced."""
        kept, silenced, seen = [], 0, set()
        for finding in self._all():
            if rules is not None and finding.rule.id not in rules or finding.key() in seen:
                continue
            seen.add(finding.key())
            if finding.source.is_silenced(finding.rule.id, finding.line, finding.end_line):
                silenced += 1
            else:
                kept.append(finding)
        return sorted(kept, key=Finding.key), silenced

    def _all(self):
        for source in self.sources:
            if source.error is not None:
                line, column, why = source.error
                yield Finding("FB001", source, f"this file cannot be read: {why}", place=(line, column))
            for line, column, rule in source.comments:
                if rule not in RULES:
                    yield Finding("FB002", source, f"there is no rule {rule}", place=(line, column))
        for looker in LOOKERS:
            yield from looker.look(self)
