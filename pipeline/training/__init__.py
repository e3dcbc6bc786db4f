"""Training through TRL: a method of the table, on a start, on the rows of a dataset.

What is checked rather than trusted: that the first step shows policy and reference equal (DPO's loss is ln 2),
that every loss and gradient is finite, that no row is dropped or cut in silence, that a resumed run has the same
inputs. Torch, transformers, trl and peft (`pip install 'pairsmith[train]'`) are imported when training starts.
"""
