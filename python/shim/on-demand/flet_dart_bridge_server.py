"""flet.messaging.flet_dart_bridge_server: packets mostly come on the event loop's own thread, and then go
into its queue at once; a new client ends the session of the one before."""

import asyncio
import threading

import _fletbridge_ffi as ffi
import dart_bridge


def patch(module, shim):
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
