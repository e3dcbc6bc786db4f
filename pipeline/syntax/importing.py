"""Plans for imports: names that are kept as they are, and where imports stand, so that they may be sorted."""

from tree_sitter import Node

from pairsmith.pipeline.languages.grammar import Grammar
from pairsmith.pipeline.syntax.walking import Call, Plan, Walk, make_mark


def expand_import(row: Grammar) -> Plan:
    """Return what notes an import, whose names are kept, and where it stands."""

    def plan(walk: Walk, node: Node) -> None:
        facts, scope, stream = walk.facts, walk.scope, walk.facts.stream
        found = list(row.find_imports(node, walk.source)) if row.find_imports is not None else []
        for one in found:
            if one.bound:
                scope.bind(one.bound, 0, "kept", anew=False)
        start = len(stream)
        before = facts.import_end
        sortable = bool(found) and scope.parent is None and all(one.standard and one.bound for one in found)
        names = {one.bound for one in found}
        if sortable and facts.import_group and before == start and names.isdisjoint(facts.import_names):
            group = facts.import_group
        else:
            group = facts.import_group = node.start_byte + 1 if sortable else 0
            facts.import_names.clear()
        facts.import_names |= names
        facts.imports += found

        def close() -> None:
            facts.import_end = len(stream)
            written = stream[start:]
            for one in found:
                facts.import_tokens[one.bound] = facts.import_tokens.get(one.bound, 0) + written.count(one.bound)
            if group:
                facts.swaps.setdefault(-group, []).append((start, len(stream)))

        walk.stack.append(Call(close))
        _expand_plain(walk, node)

    return plan


def _expand_plain(walk: Walk, node: Node) -> None:
    """Take all leaves below a node as tokens, and no names."""
    waiting = [node]
    stream, comments = walk.facts.stream, walk.tables.comments
    while waiting:
        inner = waiting.pop()
        children = inner.children
        if children and inner.type not in walk.tables.row.strings:
            if walk.commented:
                children = [child for child in children if child.kind_id not in comments]
            children = [child for child in children if child.type != ";"]
            stream.append(make_mark(inner.kind_id, len(children)))
            waiting += children[::-1]
        else:
            stream.append(walk.text(inner))
