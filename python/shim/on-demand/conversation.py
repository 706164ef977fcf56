"""What host and app say to one another on the channel while ft.run() is under way: that the UI has closed, that a
signal has come, that the event loop turns, that ft.run() returns."""

import os


class Conversation:
    def __init__(self, channel):
        self.channel = channel
        self.closed = False  # the UI has
        self.runs = []  # the calls of ft.run() that are under way: (loop, what to do)
        self.owner = None  # the loop that reads
        self.heeded = set()  # the signals that have ended an ft.run()

    def take(self):
        """The messages that wait: (letter, number)."""
        while self.channel.good():
            try:
                message = os.read(self.channel.fd, 2)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                message = b""
            if not message:
                self.channel.fd = None
                return
            yield chr(message[0]), message[1]

    def hear(self, is_ours):
        """On the event loop, so whoever waits for an answer knows that it turns. `is_ours(number)`:
        whether the signal ends ft.run()."""
        fd = self.channel.fd
        for letter, number in self.take():
            if letter == "c":
                self.closed = True
                self.channel.say("h")
                self.ask()
            elif letter == "s" and not is_ours(number):
                self.channel.say("o", number)
            elif letter == "s":
                self.channel.say("h")
                self.ask()
        if self.channel.fd is None:
            self.owner.remove_reader(fd)
            self.ask()  # nobody is left who could show this app

    def ask(self):
        for loop, asked in self.runs:
            try:
                loop.call_soon_threadsafe(asked)
            except RuntimeError:
                pass  # that loop has ended

    def listen(self, loop, asked, is_ours):
        """From now on the host is heard on this loop, unless another one does that already."""
        self.runs.append((loop, asked))
        if self.closed:
            asked()
        if self.owner is not None or not self.channel.good():
            return
        self.owner = loop
        try:
            loop.add_reader(self.channel.fd, self.hear, is_ours)
        except NotImplementedError:  # a foreign loop: somebody else reads for it
            import select
            import threading

            def wait():
                while self.owner is loop and self.channel.good():
                    if select.select((self.channel.fd,), (), (), 1)[0] and self.owner is loop:
                        done = threading.Event()
                        try:
                            loop.call_soon_threadsafe(lambda: (self.hear(is_ours), done.set()))
                        except RuntimeError:
                            return
                        done.wait()

            threading.Thread(target=wait, name="fletbridge", daemon=True).start()
        self.channel.say("b")

    def tell_wish(self, text):
        """How the app asks to be shown, before the host hears that it runs: a message for each character, all of which
        a pipe takes at once."""
        if len(text) <= 2000 and self.channel.good():
            try:
                os.write(self.channel.out, b"".join(b"v" + bytes((byte,)) for byte in text.encode("ascii")))
            except OSError:
                pass

    def leave(self, loop, asked):
        """ft.run() returns. Waits until the host has written what the session came to: from here on
        the process may end in any way."""
        self.runs.remove((loop, asked))
        if self.owner is loop:
            self.owner = None
            try:
                if self.channel.good():
                    loop.remove_reader(self.channel.fd)
            except (NotImplementedError, RuntimeError):
                pass
        if self.runs or not self.channel.good():
            return
        import select
        import time

        self.channel.say("r")
        until = time.monotonic() + 1
        while self.channel.good() and \
                select.select((self.channel.fd,), (), (), max(0, until - time.monotonic()))[0]:
            for letter, number in self.take():
                if letter == "k":
                    return
                if letter == "c":
                    self.closed = True
                    self.channel.say("h")
                if letter == "s" and number in self.heeded:  # it has already been acted on
                    self.channel.say("h")
                elif letter == "s":
                    self.channel.say("o", number)  # it is Python's again
