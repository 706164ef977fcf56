"""A minimal client of Flet's wire generation 2: that of g3.py without its frames.

Room: tests/e2e. On a stream the messages, MessagePack [action, body], follow one another with nothing
between; so whatever is no message breaks the stream, and there are no data channels.
"""

import msgpack

import g3


class Client(g3.Client):
    def __init__(self, sock):
        super().__init__(sock)
        self.unpacker = msgpack.Unpacker(strict_map_key=False, max_buffer_size=1 << 30)

    def send(self, action, body, timeout=30.0):
        self.send_raw(g3.pack([action, body]), timeout)

    def send_data(self, channel, payload):
        raise AssertionError("generation 2 has no data channels")

    def _next_frame(self):
        self.unpacker.feed(bytes(self.inbox))
        self.inbox.clear()
        try:
            message = self.unpacker.unpack()
        except msgpack.OutOfData:
            return None
        if not isinstance(message, list) or len(message) != 2:
            raise AssertionError(f"no message of generation 2: {message!r}")
        return bytes([g3.CONTROL]) + g3.pack(message)
