"""flet.messaging.flet_dart_bridge_server: packets mostly come on the event loop's own thread, and then go
into its queue at once; a new client ends the session of the one before."""

import asyncio
import threading

import _fletbridge_ffi as ffi
import dart_bridge


def serve_many(module, shim):
    """On the protocol's port the host says which clients come and go, "+PORT" and "-PORT"; each speaks on a port of its
    own, in packets of both types."""
    server = module.FletDartBridgeServer
    Client = shim.load("clients")["on"](module, server, shim)

    async def start(self):
        loop = asyncio.get_running_loop()
        clients = self._fletbridge_clients = {}  # port -> the client, its packets, who reads them

        def come(port):
            client = Client(self, lambda packet: dart_bridge.send_bytes(port, packet))
            packets = asyncio.Queue()

            async def read():
                try:
                    while True:
                        packet = await packets.get()
                        try:
                            await client.take(packet)
                        except Exception:
                            module.logger.error("Error dispatching dart_bridge frame", exc_info=True)
                finally:
                    await client.leave()

            clients[port] = asyncio.create_task(read())
            dart_bridge.set_enqueue_handler_func(port, on_loop(packets.put_nowait))

        def go(port):
            dart_bridge.set_enqueue_handler_func(port, None)
            reader = clients.pop(port, None)
            if reader is not None:
                reader.cancel()

        def on_loop(take):
            def put(packet):
                # An app's own handler, set outside of the loop, has all of them called elsewhere.
                if asyncio._get_running_loop() is loop:
                    take(packet)
                else:
                    loop.call_soon_threadsafe(take, packet)

            return put

        def hear(packet):
            (come if packet[:1] == b"+" else go)(int(packet[1:]))

        module.logger.info("Starting up dart_bridge server for several clients")
        dart_bridge.set_enqueue_handler_func(self._FletDartBridgeServer__port, on_loop(hear))

    close = server.close

    async def close_all(self):
        for port, reader in list(getattr(self, "_fletbridge_clients", {}).items()):
            dart_bridge.set_enqueue_handler_func(port, None)
            reader.cancel()
        await close(self)

    server.start = start
    server.close = close_all


def patch(module, shim):
    if shim.sessions:
        serve_many(module, shim)
        return
    server = module.FletDartBridgeServer
    start = server.start

    async def start_and_watch(self):
        await start(self)
        queue = self._FletDartBridgeServer__inbound_queue
        loop = asyncio.get_running_loop()

        def put(packet):
            # An app's own handler, set outside of the loop, has all of them called elsewhere.
            if asyncio._get_running_loop() is loop:
                queue.put_nowait(packet)
            else:
                loop.call_soon_threadsafe(queue.put_nowait, packet)

        dart_bridge.set_enqueue_handler_func(self._FletDartBridgeServer__port, put)

        def new_session():
            session, self.session = self.session, None
            if session is not None:
                session.close()
            # What the client before had sent and nobody has handled yet goes with it.
            while not queue.empty():
                queue.get_nowait()
            reader = self._FletDartBridgeServer__inbound_task
            for task in (reader, *self._FletDartBridgeServer__running_tasks):
                task.cancel()
            self._FletDartBridgeServer__inbound_task = asyncio.create_task(
                self._FletDartBridgeServer__inbound_loop())

        def new_session_on_loop():
            if asyncio._get_running_loop() is loop:
                new_session()
                return
            begun = threading.Event()
            loop.call_soon_threadsafe(lambda: (new_session(), begun.set()))
            begun.wait()

        ffi.set_new_session_handler(new_session_on_loop)

    server.start = start_and_watch
