"""What tree-sitter sees in programs: fingerprints, duplicates, style tags, measures, quality."""
