"""Languages: one folder each, with its row, its driver and its grammar.

`table` finds rows and grammars by name, `toolchains.Toolchains` finds and runs compilers in the sandbox, and
`toolchains.prepare` turns a program into a job of the sandbox.

To add a language:

1. Add its grammar, a wheel that works offline, to `pyproject.toml` (`tree-sitter-<name>`), and its name to
   `table.NAMES`. The folder's name is the language's.
2. `<name>/__init__.py` holds `LANGUAGE`, the row: commands, Debian packages, limits (`contract.Language`).
3. It has the row's driver too: `sources`, `tests`, `program` and `finds` (`contract.Driver`); beside it lies what
   is compiled with the solution. A driver loads the solution once, then reads arguments and writes values, as the
   tables below say. `tests/languages_kit.py` gets its program, which every test of languages then takes.
4. It ends in `GRAMMAR` (`grammar.Grammar`). The grammar's `node-types.json` has the names of kinds and fields.
   Begin with a copy of Go's, the shortest one:
   `names`, `comments`, `strings`, `numbers`: programs parse and get their exact fingerprint.
   `functions`, `scopes`, `binders`, `patterns`: local names are replaced. What a name means must never be guessed:
   a name that the tables don't explain keeps its own, so leave out what you are unsure of, and put kinds where
   names mean something else into `members` (attributes, labels) or `pins`.
   `entries`, `imports`, `types`, `kept_whole`: code is found in completions.
   `blocks`, `loops`, `ifs` and what follows, `tag_kinds`, `tag_calls`: tags and measures.
5. `tests/golden/<name>.toml` has 25 programs or more with the tags that they must get, and pairs with what makes
   them equal; `tests/test_syntax_golden.py` reads every file. Read each tag before you believe it.

Values that a driver carries, in the encoding of `schemas.values`, as far as its language has such values:

| value | JavaScript, TypeScript | Java | C++ |
| --- | --- | --- | --- |
| None | null, undefined | null, Optional | optional, nullptr |
| bool | boolean | boolean | bool |
| int | number to 2^53, else BigInt | int, long, BigInteger, ... | every integer type |
| float | number | double, float | double, float |
| str | string | String, char | string, string_view, char *, char |
| list | Array, typed arrays | List, Deque, arrays | vector, array, list, deque |
| tuple | Array | List, Map.Entry | tuple, pair |
| set | Set | Set | set, unordered_set |
| dict | object if all keys are text, else Map | Map | map, unordered_map |
| bytes | Uint8Array | byte[] (as an argument) | string (as an argument) |

| value | C (see `c`) | Go | Rust | Bash (see `inside.foreign`) |
| --- | --- | --- | --- | --- |
| None | NULL for text | nil | None, () | empty word |
| bool | bool | bool | bool | true, false |
| int | every integer type | every integer type, *big.Int | every integer type | digits |
| float | double, float | float64, float32 | f64, f32 | digits |
| str | char *, char | string, rune, byte | String, &str, char | word |
| list | T * and its length | slice, array | Vec, slice, VecDeque | words |
| tuple | none | several results, struct | tuple | words |
| set | none | map[T]struct{} | HashSet, BTreeSet | words |
| dict | none | map | HashMap, BTreeMap | lines of key,value |
| bytes | none | []byte (as an argument) | Vec<u8> (as an argument) | none |

An argument that the parameter's type can't hold is an `ArgumentError` of that call. An entry point must be one
function, no template, and overloaded only in Java and C++ (by number and types of arguments); it may be a method
of a class `Solution`, or of the class that it names (`Class.method`). An exception or panic is the call's, by
the name of its type; Go's last result of type `error` and Rust's `Err` are exceptions too. Bash: the status of
the function is one, such as `ExitStatus1`; its value is what it prints, without the last newline, and each call
starts from the state after loading. C has no exceptions: `abort` and a segmentation fault end the program, as
they do everywhere.
"""
