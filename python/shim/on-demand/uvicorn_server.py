"""uvicorn on stage `legacy`, for Flet's own web server alone: its peers, and signals, which are Flet's and the app's.
How it speaks is not changed."""

import asyncio
import contextlib
import functools


def patch(module, shim):
    broker, port = shim.broker
    check = shim.load("flet_socket_server")["make_check"](broker)

    def is_flets(config):
        return config.port == port and config.host == "127.0.0.1"

    def guarded(protocol):
        """A class of uvicorn's: each connection is checked before a byte of it is read."""

        class Guarded(protocol):
            def connection_made(self, transport):
                if check(transport):
                    return super().connection_made(transport)
                transport.set_protocol(asyncio.Protocol())

        return functools.update_wrapper(Guarded, protocol, updated=())

    load = module.Config.load

    @functools.wraps(load)
    def load_and_guard(self):
        load(self)
        if is_flets(self):
            self.http_protocol_class = guarded(self.http_protocol_class)

    module.Config.load = load_and_guard

    # What ft.run() and the shim have set for signals stays, as on the other stages.
    def leave_signals(name, instead):
        method = getattr(module.Server, name, None)
        if method is None:
            return

        @functools.wraps(method)
        def of_others(self, *args):
            return instead() if is_flets(self.config) else method(self, *args)

        setattr(module.Server, name, of_others)

    leave_signals("capture_signals", contextlib.nullcontext)
    leave_signals("install_signal_handlers", lambda: None)  # before uvicorn 0.29
