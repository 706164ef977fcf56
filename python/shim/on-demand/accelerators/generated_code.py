"""dataclasses: most of what importing Flet costs is the compiling of the methods that each of its controls
gets, the same texts in each run. Their code is kept as __pycache__ keeps the code of a module: by the text
itself, for this version of Python, for this user alone."""

import atexit
import marshal
import os
import sys
from _frozen_importlib_external import _RAW_MAGIC_NUMBER as magic
from _imp import source_hash


def patch(module, shim):
    file = "%s-%s-%d-%d" % (shim.code_cache, sys.implementation.cache_tag, magic, sys.flags.optimize)
    limit = 16 << 20  # bytes: of more than that only what was used last stays
    pid = os.getpid()

    def load():
        """The hash of a text -> its code in bytes; in a list, if the text came more than once."""
        try:
            with open(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as kept:
                status = os.fstat(kept.fileno())
                # Another user's word about what runs here is not taken.
                if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                    return {}
                data = kept.read()
            body = memoryview(data)[8:]
            return marshal.loads(body) if source_hash(magic, body) == data[:8] else {}
        except (OSError, EOFError, TypeError, ValueError):
            return {}

    codes = load()
    used, new = set(), {}

    def save():
        if not new or sys.dont_write_bytecode or os.getpid() != pid:
            return
        known = {**load(), **new}
        body = marshal.dumps(known)
        if len(body) > limit:
            body = marshal.dumps({key: kept for key, kept in known.items() if key in used})
        part = file + ".part"  # one for all: what two write at once is refused by its hash, what a killed one left goes
        try:
            os.makedirs(os.path.dirname(file), 0o700, exist_ok=True)
            try:
                anew = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
                with open(os.open(part, anew, 0o600), "wb") as out:
                    out.write(source_hash(magic, body) + body)
                os.replace(part, file)
            except OSError:
                os.unlink(part)
        except OSError:
            pass  # it is compiled again

    def remembering_exec(source, globals, locals, /):
        key = source_hash(magic, source.encode(errors="surrogatepass"))
        kept = codes.pop(key, None)  # most texts come once: what is not needed again takes no room
        if kept is None:
            code = compile(source, "<string>", "exec", dont_inherit=True)
            new[key] = marshal.dumps(code) if key not in used else [marshal.dumps(code)]
        elif isinstance(kept, list):
            codes[key] = kept
            code = marshal.loads(kept[0])  # one of its own for each class, as if compiled
        else:
            code = marshal.loads(kept)
        used.add(key)
        exec(code, globals, locals)

    atexit.register(save)
    module.exec = remembering_exec
