"""Stands where Flet's own module of this name stands, so that the shim wraps it in the same way: the
app of the conformance suite hears of its UI's end as every app does."""


async def run_async(body):
    await body()
