"""flet.core.page, before Flet 0.70: inputs for controls that have just come."""

import functools


def patch(module, shim):
    """An app adds controls from a thread, and its client hears of them a moment before the page itself knows their
    ids. An input that comes in between would be lost; it waits until the change is complete, as far as a second."""
    on_event = module.Page.on_event_async

    @functools.wraps(on_event)
    async def on_event_async(self, e):
        lock = getattr(self, "_Page__lock", None)
        if e.target not in self._index and hasattr(lock, "acquire") and lock.acquire(timeout=1):
            lock.release()
        await on_event(self, e)

    module.Page.on_event_async = on_event_async
