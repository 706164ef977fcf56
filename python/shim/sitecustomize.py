# Loaded by the app's interpreter before the app's first line, on every stage: in an executable of
# ours as a built-in module, in the interpreter's own from a folder on PYTHONPATH. There it loads our
# extension, if the process that has become this interpreter says so (stages 2 and 3).
#
# This file is what must run first: it takes its traces from the environment and from sys.path, opens the
# channel to the host, sees Flet's modules come, and gives way to the machine's own sitecustomize. It imports nothing
# heavy. What changes a module lies in a file of its own in on-demand, read when that module comes: a
# function patch(module, shim). Flet runs in its embedded mode, in which ft.run() never returns; the largest
# of them (flet_app) makes it return as it does in `python app.py` when the window closes.
#
# Each file's code comes from the bytecode beside it, which the build makes; none becomes a module that an
# app could import, and so the folder has a name that no import statement can have.
import _signal
import os
import sys
# The frozen modules: importlib.util costs more than all the rest of this file.
from _frozen_importlib import ModuleSpec, module_from_spec
from _frozen_importlib_external import PathFinder, SourceFileLoader
from _thread import get_ident


def load(name):
    """The names of a file of on-demand."""
    loader = SourceFileLoader(__name__, "%s/on-demand/%s.py" % (__file__.rpartition("/")[0], name))
    names = {"__name__": __name__, "__file__": loader.path}
    exec(loader.get_code(__name__), names)
    return names


def unset_in_forks(forgets):
    """What the shim and the host have set in this process is unset in each fork of it, by these functions,
    before the app's first line there; a signal that comes meanwhile waits."""
    masks = {}  # of the threads that fork

    def block():
        masks[get_ident()] = _signal.pthread_sigmask(
            _signal.SIG_BLOCK, (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM))

    def restore():
        mask = masks.pop(get_ident(), None)
        if mask is not None:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)

    def forget():
        try:
            for part in forgets:
                part()
        finally:
            restore()
            masks.clear()

    os.register_at_fork(before=block, after_in_parent=restore, after_in_child=forget)


class Channel:
    """The host's own channel with this process: what concerns the life of the run goes here, and so
    never by the app's signals, streams or connections. A message is a letter and a number (the host's
    common/app/app_channel.h has them all). Without a host, and in a fork, it is silent. What is said on it
    while ft.run() is under way: on-demand/conversation.py."""

    def __init__(self, numbers):
        self.fd = None  # where the host is heard
        self.out = None  # where it hears
        if numbers:
            self.fd, self.out = map(int, numbers.split(":"))
            for fd in self.fd, self.out:
                os.set_inheritable(fd, False)
            self.inodes = self._inodes()

    def _inodes(self):
        return os.fstat(self.fd).st_ino, os.fstat(self.out).st_ino

    def forget(self):
        """In a fork: it is the app's, not the fork's."""
        if self.good():
            os.close(self.fd)
            os.close(self.out)
        self.fd = None

    def good(self):
        """An app may close what it does not know, and get the number for a file of its own."""
        try:
            return self.fd is not None and self._inodes() == self.inodes
        except OSError:
            return False

    def say(self, letter, number=0):
        if self.good():
            try:
                os.write(self.out, letter.encode() + bytes((number,)))
            except OSError:
                pass  # the host has gone, or does not listen


def make_finder(host, built_in, patches, ours):
    """Sees modules come, before any other finder, and has each one's `patches` called with it. `built_in`: the
    names of those that the host makes; `ours`: a name -> what finds that module."""
    patched, missed, searches = {}, [], set()  # name -> the module; names; (thread, name)

    class BuiltIn:
        """What is a built-in module in an executable of ours."""

        @staticmethod
        def create_module(spec):
            return host.create(spec.name)

        @staticmethod
        def exec_module(module):
            pass

    class Loader:
        """A module's own loader, and then its patches. That loader is not changed: an archive has one for all of
        its modules. The module shows nothing of this."""

        def __init__(self, name, loader):
            self._fletbridge = name, loader

        def __getattr__(self, attribute):
            name, loader = self._fletbridge
            found = getattr(loader, attribute)
            if attribute not in ("exec_module", "load_module"):
                return found

            def execute(module):  # which for load_module, that some loaders still have alone, is its name
                spec = getattr(module, "__spec__", None)
                if getattr(spec, "loader", None) is self:
                    spec.loader = loader
                if getattr(module, "__loader__", None) is self:
                    module.__loader__ = loader
                loaded = found(module) or module
                patched[name] = loaded
                for patch in list(patches[name]):  # one may add to them
                    patch(loaded)
                return loaded

            return execute

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if missed or sys.meta_path[:1] != [Finder]:
                Finder.catch_up()
            if name in built_in:
                return ModuleSpec(name, BuiltIn, origin="built-in")
            if name in ours:
                return ours[name]()
            search = get_ident(), name
            # One of those asked below may ask us in turn.
            if name not in patches or search in searches:
                return None
            searches.add(search)
            try:
                for finder in list(sys.meta_path):
                    find = None if finder is Finder else getattr(finder, "find_spec", None)
                    spec = find(name, path, target) if find else None
                    if spec is not None:
                        break
                else:
                    return None
            finally:
                searches.remove(search)
            if spec.loader is not None:
                spec.loader = Loader(name, spec.loader)
            return spec

        @staticmethod
        def after_execution(name, patch):
            """Has it called with the module whenever that has been executed. Also for what `check` watches."""
            patches.setdefault(name, []).append(patch)
            if name in patched:
                patch(patched[name])
            else:
                Finder.catch_up()

        @staticmethod
        def catch_up():
            """Another finder came before ours and imported modules itself: patches those now."""
            if sys.meta_path[:1] != [Finder]:
                sys.meta_path[:] = [Finder, *(finder for finder in sys.meta_path if finder is not Finder)]
            missed.clear()
            for name in list(patches):
                module = sys.modules.get(name)
                if module is None or patched.get(name) is module:
                    continue
                if getattr(getattr(module, "__spec__", None), "_initializing", False):
                    missed.append(name)  # it is looked for again at the next import
                    continue
                patched[name] = module
                before = dict(vars(module))
                for patch in list(patches[name]):
                    patch(module)
                # The package has taken the names that it offers.
                offered = vars(sys.modules.get(name.partition(".")[0], module))
                for key, value in before.items():
                    now = vars(module).get(key)
                    if now is not value and offered.get(key) is value:
                        offered[key] = now

    return Finder


def patch_of(file, shim):
    read = []  # once, however often the module comes

    def patch(module):
        if not read:
            read.append(load(file)["patch"])
        read[0](module, shim)

    return patch


def install():
    host = None
    if "_fletbridge" in sys.builtin_module_names:  # an interpreter in an executable of ours
        import _fletbridge as host

        hosted = load("hosted")
        hosted["change_variables_by"](host)

    folder = os.environ.pop("FLETBRIDGE_SHIM", None)
    if folder:
        sys.path[:] = [entry for entry in sys.path if entry != folder]
        before = os.environ.pop("FLETBRIDGE_PYTHONPATH", None)
        given = ":".join(filter(None, (folder, before)))
        now = os.environ.get("PYTHONPATH", given)
        if now != given:  # a script that starts Python has added to it
            os.environ["PYTHONPATH"] = ":".join(entry for entry in now.split(":") if entry != folder)
        elif before is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = before

    extension = os.environ.pop("FLETBRIDGE_EXTENSION", None)
    descriptor, _, wanted = os.environ.pop("FLETBRIDGE_HANDOVER", "").partition(":")
    built_in = ()
    if extension and wanted == str(os.getpid()):
        try:
            from _imp import create_dynamic

            host = create_dynamic(ModuleSpec("_fletbridge", None, origin=extension))
            sys.modules["_fletbridge"] = host
            hosted = load("hosted")
            hosted["change_variables_by"](host)
            built_in = host.start(int(descriptor)).decode().split()
        except Exception as error:
            text = "fletbridge: cannot load %s: %s; choose another with --hosting\n" % (extension, error)
            os.write(2, text.encode(errors="backslashreplace"))
            os._exit(70)

    def told(name):
        """A value from the host: by a call if it shares this process, else from the environment."""
        value = host.told(name.encode()) if host else None
        return os.environ.pop(name, None) if value is None else os.fsdecode(value)

    class Shim:
        """What the files of on-demand share."""

        load = staticmethod(load)
        channel = Channel(told("FLETBRIDGE_CHANNEL"))
        channel.say("1")
        # For direct mode a socket for Flet's server, which listens already.
        listener = told("FLETBRIDGE_LISTENER_FD")
        # Without a socket: where a Flet that has no bridge listens, by its name alone.
        stream = told("FLETBRIDGE_STREAM")
        # Stage `legacy`: the broker's process and the port of Flet's web server.
        broker = tuple(map(int, filter(None, (told("FLETBRIDGE_BROKER") or "").split(":"))))
        sessions = told("FLETBRIDGE_SESSIONS")  # the app may have several clients at a time
        held = told("FLETBRIDGE_HOLDS_SIGTERM")  # until its clients have had their time
        code_cache = told("FLETBRIDGE_CODE_CACHE")
        accelerate, note = told("FLETBRIDGE_ACCELERATE"), told("FLETBRIDGE_NOTE")
        upload_dir = None  # of ft.run()
        conversation = None  # on the channel, once ft.run() can be called
        package = None  # fletbridge.accelerate, once it has been looked for
        pid = os.getpid()
        servers = []  # Flet's, of the calls of ft.run() that are under way: (loop, server)
        forgets = [channel.forget]  # what is called in a fork

    for number in filter(None, (Shim.listener, Shim.note)):
        os.set_inheritable(int(number), False)
    if host:
        Shim.forgets.append(hosted["share_process"](host))
    unset_in_forks(Shim.forgets)
    patches = {
        "flet.app": ["flet_app"],
        "flet.messaging.flet_dart_bridge_server": ["flet_dart_bridge_server"],
        "flet.messaging.flet_socket_server": ["flet_socket_server"],
        "flet.flet_socket_server": ["flet_socket_server"],  # before Flet 0.70
        "flet.core.page": ["flet_page"],  # the same
        "flet.flet": ["flet_fletd"],  # Flet 0.1
    }
    if Shim.stream:
        patches["asyncio"] = ["ffi_streams"]
    if Shim.broker:
        patches["uvicorn.server"] = ["uvicorn_server"]
    if Shim.code_cache:
        patches["dataclasses"] = ["accelerators/generated_code"]
    ours = {}
    if Shim.accelerate:
        if not Shim.accelerate.startswith(":"):  # some are to be on
            patches["flet.controls.base_control"] = ["accelerators/package"]
            # What the package waits for may import that one, and so is under way when it comes.
            patches.update(dict.fromkeys(("flet.messaging.connection", "flet.messaging.protocol",
                                          "flet.messaging.session"), ()))
        ours["fletbridge.accelerate"] = lambda: load("accelerators/package")["of"](Shim).find_spec()
    Shim.finder = make_finder(host, built_in, {name: [patch_of(file, Shim) for file in files]
                                               for name, files in patches.items()}, ours)
    Shim.finder.catch_up()


def give_way():
    """To the machine's own sitecustomize, whose place this one took."""
    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None and spec.origin != __file__:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


install()
give_way()
