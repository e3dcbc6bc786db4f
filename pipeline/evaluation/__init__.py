"""What alignment gained and what it cost."""
