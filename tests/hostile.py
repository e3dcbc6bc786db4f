"""Text as a hostile candidate may write it; nothing of it may reach a terminal or a page as it is."""

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x1b[31m"
BIDI = "\u202e\u2066evil\u2069\u200f"
MARKUP = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>&lt;[bold red]"
PILE = "a" + "\u0301" * 500
HOSTILE = f"def f(x):\n    return 1  # {ESCAPES}{BIDI}{MARKUP}{PILE}\x00\x85\u2028\ufeff\n"
LARGE = HOSTILE + "x = 1\n" * 1_700_000
"""Some 10 MB."""
FORBIDDEN = ("\x1b", "\x07", "\u202e", "\u2066", "\u200f", "\x00", "\x85", "\u2028", "\ufeff", "\u0301" * 5)
"""What must be in nothing that is shown."""
