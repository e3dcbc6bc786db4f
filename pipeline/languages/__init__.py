"""Languages: one folder each, with its row, its driver and its grammar.

`table` finds rows and grammars by name, `toolchains.Toolchains` finds and runs compilers in the sandbox, and
`toolchains.prepare` turns a program into a job of the sandbox. `docs/how-to/add-a-language.md` says which values
drivers carry, and how to add a language.
"""
