"""Chooses, among the fenced blocks of an answer, those that are the program: whole, in the order written."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from pairsmith.pipeline.extraction.declarations import function_names
from pairsmith.pipeline.extraction.fences import Block, find_blocks, is_withdrawn
from pairsmith.pipeline.extraction.needs import borrow_around, find_missing, missing_settings, prune, put_before
from pairsmith.pipeline.extraction.readers import Reader, as_written, find_stretch, join
from pairsmith.pipeline.extraction.statements import Pieces, Statement, find_owner
from pairsmith.schemas.candidate import Extraction, OtherBlock
from pairsmith.schemas.pair import Span

# How programs reach their input, in all languages of the table.
READS_INPUT = re.compile(
    r"\b(?:input\s*\(|stdin\b|open\s*\(\s*0|fileinput\b|cin\b|scanf\b|getline\b|getchar\b|gets\b|fgets\b|System\.in\b"
    r"|readline\b|readLine\b|os\.Stdin\b|fmt\.Scan|read\s+-?\w|mapfile\b|readarray\b|os\.read\s*\(\s*0"
    r"|readFileSync\s*\(\s*0|cat\b)"
)
_NAMED_AT_RUN_TIME = (
    r"[\"'`.\[]\s*NAME\b|\bNAME\s*[:,}]|\bexports\b|\beval\b|\bexec\b|\bglobals\b|^\s*#\s*define\s+NAME\b"
)
# How a part of a function begins.
_INSIDE = re.compile(r"\s*(?:return|else|elif|elseif|case|except|catch|finally)\b")


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a text.

    Attributes:
        form: where: `fenced`, `bare`, `continuation`, or `none`.
        code: the whole program. pruned: the pruned form, empty where it would be the same.
        others: whole programs of the other blocks that answer, where several do.
        spans: the parts of the text that `code` was taken from.
        method_of: class with the entry point as a method; empty where a function does.
        is_joined: whether several blocks make the program.
    """

    extraction: Extraction
    form: str
    code: str
    pruned: str = ""
    others: tuple[OtherBlock, ...] = ()
    spans: tuple[Span, ...] = ()
    method_of: str = ""
    is_joined: bool = False


@dataclass(slots=True)
class _Choice:
    """One block with its statements, and the blocks that it is joined with."""

    block: Block
    pieces: Pieces
    role: str = ""
    helpers: list["_Choice"] = field(default_factory=list)

    @property
    def statements(self) -> Sequence[Statement]:
        return self.pieces.statements


class Blocks:
    """The fenced blocks of one answer, read for one entry point."""

    def __init__(
        self,
        text: str,
        entry_point: str,
        given: Sequence[Statement],
        reader: Reader,
        blocks: Sequence[Block] | None = None,
    ) -> None:
        """Read the blocks of a text.

        Args:
            entry_point: name that is defined at the top level; empty for a program on stdin.
            given: statements that the prompt showed: an answer may count on them.
            blocks: what stands for fenced blocks in a text without fences.
        """
        self.text, self.entry_point, self.given, self.reader = text, entry_point, given, reader
        blocks = find_blocks(text, reader.is_program) if blocks is None else blocks
        ranks = [reader.tag_rank(block.tag) for block in blocks]
        least = 1 if any(ranks) else 0
        kept = [block for block, rank in zip(blocks, ranks, strict=True) if rank >= least]
        if entry_point and reader.language is not None:
            kept = [self._without_prose_behind(block) for block in kept]
        self.choices = [_Choice(block, reader.cut(_tidy(block.code), False)) for block in kept]
        self.all = blocks

    def find_function(self, order: str, accept_method: bool) -> Found | None:
        """Return the program of the blocks that define the entry point; None if no block shows it."""
        for choice in self.choices:
            choice.role = self._role(choice)
        defining = [choice for choice in self.choices if choice.role == "defines"]
        defining = [choice for choice in defining if not self._only_imports(choice)] or defining
        broken = [choice for choice in self.choices if choice.role == "broken"]
        if not defining and not broken and accept_method and (found := self._find_method(order)) is not None:
            return found
        if not defining:
            named = [choice for choice in self.choices if choice.role == "names"]
            defining = sorted(named, key=lambda choice: -len(choice.block.code))[:1]
        if not defining and not broken:
            defining = [choice for choice in self.choices if choice.role == "sketches"][-1:]
        if defining:  # a broken block in front of a whole one was a sketch; one behind it is another answer
            last = defining[-1].block.start
            defining += [choice for choice in broken if choice.block.start > last]
        found = self._found(defining or broken, order) if defining or broken else None
        if found is not None and order == "agree" and self._is_edited(found.code, found.spans[-1].end):
            return replace(found, extraction=Extraction.AMBIGUOUS, others=())
        return found

    def is_broken_whole(self) -> bool:
        """Return whether a closed block, so none that was cut off, defines the entry point and can't be compiled.

        Only in Python, whose compiler says so; asked after `find_function`.
        """
        broken = [choice.block for choice in self.choices if choice.role == "broken"]
        return self.reader.language is None and bool(broken) and all(block.is_closed for block in broken)

    def find_program(self, order: str, wanted: Callable[[str], object]) -> Found | None:
        """Return the whole program for stdin or a suite: of the blocks with the wanted behaviour, else of any."""
        does = [choice for choice in self.choices if does_anything(choice.block.code)]
        programs = [choice for choice in does if self.reader.compiles(choice.block.code)]
        meant = [choice for choice in does if wanted(choice.block.code)]
        broken = [choice for choice in meant if choice not in programs]
        chosen = [choice for choice in meant if choice in programs]
        if chosen:
            last = chosen[-1].block.start
            chosen += [choice for choice in broken if choice.block.start > last]
        elif not broken:
            chosen = programs
        for choice in chosen:
            choice.role = "defines"
        chosen = chosen or broken or self.choices[:1]
        return self._found(chosen, order) if chosen else None

    def _without_prose_behind(self, block: Block) -> Block:
        """Return a block without its closing fence, up to the end of its program."""
        if block.is_closed or block.is_program:
            return block
        code = find_stretch(block.code, self.entry_point, self.reader)
        place = self.text.find(code, block.start) if code else -1
        return block if place < 0 else replace(block, code=code, start=place, end=place + len(code))

    def _is_edited(self, code: str, behind: int) -> bool:
        """Return whether a later block changes a part of a program: a diff, or lines of a function's inside."""
        have = {line.strip() for line in code.split("\n")}
        for block in self.all:
            lines = [line for line in block.code.split("\n") if line.strip()]
            if block.start < behind or not lines:
                continue
            if block.tag in ("diff", "patch"):
                lines = [line[1:] for line in lines if line.startswith("+") and not line.startswith("+++")]
            elif not self._is_inside(block, lines[0]):
                continue
            if any(line.strip() not in have for line in lines):
                return True
        return False

    def _is_inside(self, block: Block, first: str) -> bool:
        """Return whether a block begins like the inside of a function, not like a use of one, nor like output."""
        rank = self.reader.tag_rank(block.tag)
        if _INSIDE.match(first):
            return rank > 0
        is_code = rank == 2 or (rank == 1 and does_anything(block.code))
        return is_code and first[0].isspace() and self.entry_point not in block.code

    def _role(self, choice: _Choice) -> str:
        """Return what a block is to the entry point: defines, sketches, broken, names, uses or empty."""
        name, code = self.entry_point, choice.block.code
        binding = [row for row in choice.statements if name in row.binds and row.kind != "guard"]
        if binding:
            if all(row.stub for row in binding):
                return "sketches"
            return "defines" if self.reader.compiles(_tidy(code)) or self._is_cut_off(choice) else "broken"
        if name in choice.pieces.broken:
            return "broken"
        pattern = _NAMED_AT_RUN_TIME.replace("NAME", re.escape(name))
        is_there = re.search(rf"\b{re.escape(name)}\b", code) is not None
        if is_there and re.search(pattern, code, re.MULTILINE) and self.reader.compiles(code):
            return "names"
        language = self.reader.language
        if (
            is_there
            and language is not None
            and (name in function_names(code, language) or not self.reader.is_program(code))
        ):
            return "names"  # deep inside, or in a way that a compiler reads and the grammar doesn't
        return "uses" if is_there else ""

    def _only_imports(self, choice: _Choice) -> bool:
        """Return whether a block imports the entry point, as tests do that are in a file of their own."""
        return all(row.kind == "import" for row in choice.statements if self.entry_point in row.binds)

    def _is_cut_off(self, choice: _Choice) -> bool:
        """Return whether a block was cut off behind all that the entry point needs."""
        missing = find_missing(choice.statements, self.reader.builtins)
        return not choice.block.is_closed and choice.pieces.broken.isdisjoint(missing) and not choice.pieces.whole

    def _found(self, chosen: list[_Choice], order: str) -> Found:
        kept = [
            choice for choice in chosen if not is_withdrawn(self.text, [row.block for row in chosen], choice.block)
        ]
        chosen = kept or chosen
        different = {self._whole(choice): choice for choice in chosen}
        codes, choices = list(different), list(different.values())
        place = 0 if order == "first" else len(codes) - 1
        if order == "agree":
            good = [n for n, code in enumerate(codes) if self.reader.compiles(code)]
            place = good[-1] if good else place
        choice = choices[place]
        parts = sorted([choice, *choice.helpers], key=lambda part: part.block.start)
        code, pruned, is_ok = self._forms(codes[place], choice)
        others = [self._forms(other, choices[n])[:2] for n, other in enumerate(codes) if n != place]
        return Found(
            extraction=Extraction.OK if is_ok else Extraction.SYNTAX_ERROR,
            form="fenced",
            code=code,
            pruned=pruned,
            others=tuple(OtherBlock(*forms) for forms in others) if order == "agree" else (),
            spans=tuple(Span(part.block.start, part.block.end) for part in parts),
            is_joined=len(parts) > 1,
        )

    def _forms(self, code: str, choice: _Choice) -> tuple[str, str, bool]:
        """Return the whole program, its pruned form (empty where that is the same), and whether it is a program.

        What is joined, or cut off behind all that the entry point needs, need not compile.
        """
        pruned = self._pruned(choice) if self.entry_point else ""
        is_ok = self.reader.compiles(code) and bool(code.strip())
        can_prune = bool(pruned) and pruned != code and self.reader.compiles(pruned)
        if not is_ok and can_prune and (choice.helpers or self._is_cut_off(choice)):
            return pruned, "", True
        return code, pruned if is_ok and can_prune else "", is_ok

    def _whole(self, choice: _Choice) -> str:
        """Return a block as it was written, joined with the blocks and the prompt's code that it needs."""
        choice.helpers = self._find_helpers(choice)
        parts = sorted([choice, *choice.helpers], key=lambda part: part.block.start)
        if len(parts) > 1 and self.reader.language is not None:
            return self._join_foreign(parts)
        statements = [row for part in parts for row in part.statements]
        code = "\n\n".join(as_written(_tidy(part.block.code)) for part in parts)
        lead, _ = borrow_around(statements, self.given, (), self.reader)
        return put_before(lead, code, statements)

    def _join_foreign(self, parts: list[_Choice]) -> str:
        """Return blocks joined, each import, include or package once and first."""
        rows = [row for part in parts for row in part.statements]
        lead, _ = borrow_around(rows, self.given, (), self.reader)
        settings = missing_settings((), rows)
        imports = list({row.text.strip(): row for row in rows if row.kind == "import"}.values())
        others = [row for row in rows if row.kind not in ("setting", "import", "guard")]
        return self.reader.finish("\n".join(join(rows) for rows in (settings, imports, lead, others) if rows))

    def _find_helpers(self, choice: _Choice) -> list[_Choice]:
        """Return the blocks that bind names which a block lacks, and which those then lack."""
        helpers: list[_Choice] = []
        usable = [other for other in self.choices if other is not choice and self._may_help(other)]
        while True:
            have = [row for part in (choice, *helpers) for row in part.statements]
            missing = find_missing(have, self.reader.builtins)
            more = [other for other in usable if other not in helpers and self._helps(other, have, missing)]
            if not more:
                return helpers
            helpers += more

    def _may_help(self, choice: _Choice) -> bool:
        """Return whether a block isn't an answer of its own, nor a use of one."""
        if choice.role in ("defines", "sketches", "broken", "names"):
            return False
        if not choice.statements or not self.entry_point:
            return bool(choice.statements)
        return not any(
            self.entry_point in row.reads
            for row in choice.statements
            if row.kind not in ("definition", "addition")
        )

    def _helps(self, choice: _Choice, have: Sequence[Statement], missing: set[str]) -> bool:
        if self.reader.language is None:
            not_helping = ("guard", "demo")
            return any(
                not row.binds.isdisjoint(missing) for row in choice.statements if row.kind not in not_helping
            )
        kinds = ("definition", "addition", "import", "other", "setting")
        binds = any(not row.binds.isdisjoint(missing) for row in choice.statements if row.kind in kinds)
        only_settings = all(row.kind in ("setting", "import") for row in choice.statements)
        return binds or (only_settings and bool(missing_settings(have, choice.statements)))

    def _pruned(self, choice: _Choice) -> str:
        place = self.choices.index(choice)
        others = [other for other in self.choices if other.role not in ("defines", "sketches", "broken", "names")]
        before = [s for other in others if self.choices.index(other) < place for s in other.statements]
        after = [s for other in others if self.choices.index(other) > place for s in other.statements]
        return prune(choice.statements, [*self.given, *before], after, self.entry_point, self.reader)

    def _find_method(self, order: str) -> Found | None:
        """Return the program with a class that has the entry point as a method; Python only."""
        if self.reader.language is not None:
            return None
        owners = [
            (choice, owner)
            for choice in self.choices
            if (owner := find_owner(_tidy(choice.block.code), self.entry_point))
        ]
        if not owners:
            return None
        owner, name = owners[0 if order == "first" else -1][1], self.entry_point
        chosen = [choice for choice, its_owner in owners if its_owner == owner]
        for choice in chosen:
            choice.role = "defines"
        self.entry_point = owner
        found = replace(self._found(chosen, order), method_of=owner)
        self.entry_point = name
        if order == "agree" and len(chosen) < len(owners):
            return replace(found, extraction=Extraction.AMBIGUOUS, others=())
        return found


def does_anything(code: str) -> bool:
    """Return whether a text has something of a program in it: examples of input and output are blocks too."""
    return bool(
        re.search(r"[(={;]|^import\b|^#include|\b(?:echo|cat|awk|sed|sort|tac|rev|tr|wc)\b", code, re.MULTILINE)
    )


def _tidy(block: str) -> str:
    """Return a block at the margin with one line end behind it, so that it is parsed once."""
    return _dedent(block).rstrip("\n") + "\n"


def _dedent(block: str) -> str:
    """Return a block that is indented as a whole, as in a list, moved to the margin."""
    first = next((line for line in block.split("\n") if line.strip()), "")
    width = len(first) - len(first.lstrip())
    if not width:
        return block
    return "\n".join(line[width:] if not line[:width].strip() else line for line in block.split("\n"))
