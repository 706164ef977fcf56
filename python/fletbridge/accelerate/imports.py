"""Calls functions after modules have been imported, by any loader and finder."""

import sys


class _Loader:
    """A module's own loader, and then what waits for the module, which shows nothing of this."""

    def __init__(self, loader, functions):
        self._own = loader, functions

    def __getattr__(self, name):
        return getattr(self._own[0], name)

    def exec_module(self, module):
        loader, functions = self._own
        module.__spec__.loader = module.__loader__ = loader
        loader.exec_module(module)
        for function in functions:
            function(module)


class _Finder:
    """Stands first: pytest, say, puts a finder before it that loads Flet by itself. Gone when nothing waits."""

    def __init__(self):
        self.waiting = {}  # module -> functions

    def find_spec(self, name, path=None, target=None):
        others = [finder for finder in sys.meta_path if finder is not self]
        if sys.meta_path[0] is not self:
            sys.meta_path[:] = [self, *others]
            self.catch_up()
        functions = self.waiting.pop(name, None)  # one of those asked below may ask us in turn
        if functions is None:
            return None
        for finder in others:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find else None
            if spec is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _Loader(spec.loader, functions)
                if not self.waiting:
                    sys.meta_path.remove(self)
                return spec
        self.waiting[name] = functions  # it may come to be found
        return None

    def catch_up(self):
        for name in list(self.waiting):
            module = sys.modules.get(name)
            if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
                for function in self.waiting.pop(name):
                    function(module)


_finder = _Finder()


def after_import(name, function):
    module = sys.modules.get(name)
    if module is not None:
        function(module)
        return
    _finder.waiting.setdefault(name, []).append(function)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
