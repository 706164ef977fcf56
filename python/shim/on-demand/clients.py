"""Several clients at a time, such as browsers: each has a connection and a session of its own, by the rules that Flet's
web server has. A client that has lost its line gets its session back, within FLET_SESSION_TIMEOUT; the pub/sub hub is
one for all; on_disconnect, on_connect and on_close run. Packets come and go by what the server's patch knows of."""

import asyncio
import inspect
import os
import traceback
from datetime import datetime, timezone
from urllib.parse import urlsplit

# What the host says, and we say to it, beside Flet's messages (src/ui/web/app_words.h).
HELLO = 100  # before all others of a connection: who the client is
HOST_UPLOADS = 101  # where uploads go, and what their addresses are signed with
HOST_LOGIN = 102  # a sign-in is under way; a provider has answered
TIMEOUT = 3600  # seconds; Flet's own defaults
LOGIN_TIMEOUT = 600


def number(name, otherwise):
    try:
        return max(0, int(os.environ.get(name) or otherwise))
    except ValueError:
        return otherwise


def on(module, server_class, shim):
    """The class of a server's clients. `module` has the names of Flet's that its servers import; they are looked up when
    they are needed, since an accelerator may have replaced them."""
    private = "_%s__" % server_class.__name__

    class Sessions:
        """Those of one server, by id and client."""

        def __init__(self, server):
            self.server = server
            self.all = {}
            self.sweep = None
            self.lines = set()  # what ends each connection
            self.logins = {}  # state of a sign-in -> (until, the session's key)
            self.uploads = None  # what the host was last told of them

        def begin_login(self, state, key, seconds):
            now = self.server.loop.time()
            self.logins = {name: login for name, login in self.logins.items() if login[0] > now}
            self.logins[state] = now + seconds, key

        def end_login(self, state):
            """The session that it belongs to, and its key."""
            until, key = self.logins.pop(state, (0, None))
            return self.all.get(key) if until > self.server.loop.time() else None, key

        def keep(self, key, session):
            self.all[key] = session

        def find(self, key):
            session = self.all.get(key)
            # While it has a connection, another client gets a session of its own.
            return session if session is not None and session.connection is None else None

        async def leave(self, key, session):
            if self.all.get(key) is not session:
                return
            await session.disconnect(number("FLET_SESSION_TIMEOUT", TIMEOUT))
            self.look()

        def look(self):
            """Ends the sessions whose client has not come back, and looks again when the next one's time is over."""
            if self.sweep is not None:
                self.sweep.cancel()
                self.sweep = None
            now, first = datetime.now(timezone.utc), None
            for key, session in list(self.all.items()):
                end = session.expires_at
                if end is None:
                    continue
                if end <= now:
                    del self.all[key]
                    self.end(session)
                elif first is None or end < first:
                    first = end
            if first is not None:
                left = (first - now).total_seconds()
                self.sweep = self.server.loop.call_later(max(0.01, left), self.look)

        def end(self, session):
            try:
                session.close()
            except Exception:
                module.logger.error("Error closing session", exc_info=True)

        def close(self):
            if self.sweep is not None:
                self.sweep.cancel()
                self.sweep = None
            sessions, self.all = list(self.all.values()), {}
            for session in sessions:
                self.end(session)
            for end in list(self.lines):
                end()

    class Client(module.Connection):
        """One connection. `send` takes a packet, as type and payload."""

        def __init__(self, server, send):
            super().__init__()
            sessions = server.__dict__.get("_fletbridge_sessions")
            if sessions is None:
                sessions = server._fletbridge_sessions = Sessions(server)
            self.sessions = sessions
            self.server, self.send = server, send
            self.loop, self.executor, self.pubsubhub = server.loop, server.executor, server.pubsubhub
            self.page_url = server.page_url
            self.session = self.key = None
            self.who = {}
            self.tasks = set()
            self._data_channels = {}

        def of_server(self, name):
            return getattr(self.server, private + name)

        def run(self, coroutine):
            task = asyncio.create_task(coroutine)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

        # -- what comes

        async def take(self, packet):
            if not packet:
                return
            kind = packet[0]
            if kind == 0:
                await self.on_message(module.msgpack.unpackb(packet[1:], ext_hook=module.decode_ext_from_msgpack))
            elif kind == 1 and len(packet) >= 5:
                channel = self._data_channels.get(int.from_bytes(packet[1:5], "little"))
                if channel is not None:
                    channel._deliver(packet[5:])

        async def on_message(self, data):
            if data[0] == HELLO:
                self.who = data[1]
                self.page_url = self.who.get("url") or self.page_url
                self.page_name = urlsplit(self.page_url).path.strip("/")
                return
            if data[0] == HOST_LOGIN:
                session = self.sessions.end_login(data[1]["state"])[0]
                if session is not None:
                    self.run_main(self.logged_in(session, data[1]))
                return
            action, body = module.MessageAction(data[0]), data[1]
            if action == module.MessageAction.REGISTER_CLIENT:
                await self.register(module.RegisterClientRequestBody(**body))
            elif action == module.MessageAction.CONTROL_EVENT:
                event = module.ControlEventBody(**body)
                self.run(self.session.dispatch_event(event.target, event.name, event.data))
            elif action == module.MessageAction.UPDATE_CONTROL_PROPS:
                change = module.UpdateControlPropsBody(**body)
                self.session.apply_patch(change.id, change.props)
            elif action == module.MessageAction.INVOKE_METHOD:
                result = module.InvokeMethodResponseBody(**body)
                self.session.handle_invoke_method_results(result.control_id, result.call_id, result.result,
                                                          result.error)
            else:
                raise RuntimeError("a client does not say %r" % action)

        def key_of(self, session_id):
            ip = self.who.get("ip", "")
            # A browser of this machine has either address.
            return session_id, "" if ip in ("127.0.0.1", "::1") else ip, self.who.get("agent", "")

        async def register(self, asked):
            if self.session is not None:  # a client that begins anew has lost what it had
                await self.leave()
            known = self.sessions.find(self.key_of(asked.session_id)) if asked.session_id and self.who else None
            self.local_data_transport = not self.who
            login = self.who.pop("login", None)  # its browser was sent back by the provider
            returned, key = self.sessions.end_login(login["state"]) if login else (None, None)
            known = returned or known
            session = self.session = known or module.Session(self)
            self.key = key if returned else self.key_of(session.id)
            if known is None:
                self.sessions.keep(self.key, session)
            page, error = session.page, ""
            route = page.route
            session.apply_page_patch(asked.page)
            if known is None:
                if self.who:
                    page.client_ip = self.who.get("ip")
                    page.client_user_agent = self.who.get("agent")
                try:
                    before_main = self.of_server("before_main")
                    if inspect.iscoroutinefunction(before_main):
                        await before_main(page)
                    elif callable(before_main):
                        before_main(page)
                except Exception as raised:
                    error = "%s\n%s" % (raised, traceback.format_exc())
                    module.logger.error("Unhandled error in before_main() handler", exc_info=True)
            self.send_message(module.Message(module.MessageAction.REGISTER_CLIENT, module.RegisterClientResponseBody(
                session_id=session.id, page_patch=session.get_page_patch() if known is None else page, error=error)))
            if error:
                session.error(error)
            elif known is None:
                main = self.of_server("on_session_created")
                if main is not None:
                    # Not one of this connection's: it goes on when the line is lost.
                    self.run_main(main(session))
            else:
                attach = getattr(session, "attach_connection", None)
                if attach is None:  # before Flet 0.85
                    self.run(session.connect(self))
                else:
                    attach(self)
                    self.run(self.connected(session))
                if page.route and page.route != route:
                    self.run(page._trigger_event("route_change", {"route": page.route}))
                if returned:
                    self.run_main(self.logged_in(session, login))

        async def logged_in(self, session, answer):
            try:
                await session.page._authorize_callback(answer)
            except Exception as raised:
                module.logger.error("Unhandled error in the callback of a sign-in", exc_info=True)
                session.error(str(raised))

        def run_main(self, coroutine):
            running = self.server.__dict__.setdefault("_fletbridge_mains", set())
            task = asyncio.create_task(coroutine)
            running.add(task)
            task.add_done_callback(running.discard)

        async def connected(self, session):
            try:
                await session.dispatch_connect_event()
            except Exception as raised:
                module.logger.error("Unhandled error in on_connect", exc_info=True)
                session.error(str(raised))

        async def leave(self):
            """The line is lost, or the client has gone."""
            session, self.session = self.session, None
            if session is None or session.connection is not self:
                return
            if self.who:
                await self.sessions.leave(self.key, session)
            elif self.sessions.all.pop(self.key, None) is session:  # a window: it does not come back
                self.sessions.end(session)

        # -- what goes; Flet's Connection

        def send_message(self, message):
            self.send(b"\0" + module.msgpack.packb(
                [message.action, message.body], default=module.configure_encode_object_for_msgpack(module.BaseControl)))

        def send_data_channel_frame(self, channel_id, payload):
            self.send(b"\1" + channel_id.to_bytes(4, "little") + payload)

        def data_channel_for(self, channel_id):
            from flet.data_channel import _ProtocolMuxedDataChannel

            channel = self._data_channels.get(channel_id)
            if channel is None:
                channel = self._data_channels[channel_id] = _ProtocolMuxedDataChannel(channel_id, self)
            return channel

        def unregister_data_channel(self, channel_id):
            self._data_channels.pop(channel_id, None)

        def dispose(self):
            self.session = None

        def tell_host(self, word, body):
            packet = b"\0" + module.msgpack.packb([word, body])
            if asyncio._get_running_loop() is self.loop:
                self.send(packet)
            else:
                self.loop.call_soon_threadsafe(self.send, packet)

        def get_upload_url(self, file_name, expires):
            from flet_web.uploads import build_upload_url

            url = build_upload_url("/%s/upload" % self.page_name, file_name, expires, None)
            # The app may set all of these at any time, as Flet's server reads them.
            folder = os.environ.get("FLET_UPLOAD_DIR") or shim.upload_dir
            terms = {"folder": os.path.abspath(folder) if folder else "",
                     "key": os.environ.get("FLET_SECRET_KEY", ""), "most": number("FLET_MAX_UPLOAD_SIZE", 0)}
            if terms != self.sessions.uploads:
                self.sessions.uploads = terms
                self.tell_host(HOST_UPLOADS, terms)
            return url

        def oauth_authorize(self, attrs):
            patience = number("FLET_OAUTH_STATE_TIMEOUT", LOGIN_TIMEOUT)
            self.sessions.begin_login(attrs["state"], self.key, patience)
            self.tell_host(HOST_LOGIN, {"state": attrs["state"], "seconds": patience,
                                        "html": attrs.get("completePageHtml") or "",
                                        "url": attrs.get("completePageUrl") or ""})

    close = server_class.close

    async def close_all(self):
        """The app ends: on_close runs in every session."""
        sessions = self.__dict__.get("_fletbridge_sessions")
        if sessions is not None:
            sessions.close()
        await close(self)

    server_class.close = close_all
    return Client
