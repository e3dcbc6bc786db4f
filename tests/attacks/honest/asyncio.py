# Solves it in an event loop.
# expects: passed
import asyncio


async def part(i, x):
    await asyncio.sleep(0)
    return (i + 1) * x * x


async def total(xs):
    return sum(await asyncio.gather(*(part(i, x) for i, x in enumerate(xs))))


def solve(xs):
    return asyncio.run(total(xs)) % 99991
