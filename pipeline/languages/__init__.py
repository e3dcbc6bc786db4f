"""Programs in languages other than Python: one table, a driver each, compiled and run in the same sandboxes.

`jobs.prepare` turns a program into a job of the sandbox, `toolchains.Toolchains` finds and runs compilers there.
"""
