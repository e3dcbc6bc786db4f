"""Python: its grammar. The sandbox runs it without a driver."""
