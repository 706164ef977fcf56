# Run inside an interpreter that the bridge has started, before the program; see interpreter.cc.
import io
import sys

import dart_bridge


class _DartBridgeNativeWriter(io.TextIOBase):
    """sys.stdout or sys.stderr on C's stream: an app's window has no terminal, but may have a log."""

    encoding = "utf-8"
    errors = "backslashreplace"
    mode = "w"

    class _Buffer(io.BufferedIOBase):
        _write = dart_bridge._native_log_write  # reachable even while the interpreter ends

        def __init__(self, is_stderr):
            self._is_stderr = is_stderr

        def writable(self):
            return True

        def write(self, data):
            data = bytes(data)
            if data:
                self._write(self._is_stderr, data)
            return len(data)

        def flush(self):
            self._write(self._is_stderr, b"")

    def __init__(self, is_stderr):
        self._is_stderr = 1 if is_stderr else 0
        self.name = "<stderr>" if is_stderr else "<stdout>"
        self.buffer = self._Buffer(self._is_stderr)

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self.buffer.write(text.encode(self.encoding, self.errors))
        return len(text)

    def flush(self):
        self.buffer.flush()

    def reconfigure(self, *, encoding=None, errors=None, newline=None, line_buffering=None, write_through=None):
        """Accepted, as code that asks for UTF-8 does it at its start; the stream stays as it is."""


def redirect_stdio():
    sys.stdout = _DartBridgeNativeWriter(False)
    sys.stderr = _DartBridgeNativeWriter(True)


def prepare(program_name, module_paths):
    """sys.argv; the module paths first in sys.path, in their order, each once, with their .pth files."""
    import os

    sys.argv = [program_name]
    sys.path[:] = module_paths + [entry for entry in sys.path if entry not in module_paths]
    folders = [path for path in module_paths if os.path.isdir(path)]
    if folders:
        import site

        for folder in folders:
            site.addsitedir(folder)
