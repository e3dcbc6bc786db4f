"""Judges what programs answered: values, printed text, labels."""
