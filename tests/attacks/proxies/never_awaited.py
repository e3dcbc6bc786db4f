# Answers with a coroutine that nobody awaits and that would give the answer.
# expects: failed
# by: tester
def solve(xs):
    async def later():
        return sum((i + 1) * x * x for i, x in enumerate(xs)) % 99991

    return later()
