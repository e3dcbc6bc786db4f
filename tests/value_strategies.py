"""Hypothesis strategies of decoded values."""

from hypothesis import strategies as st

KEYS = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 2.5, -0.0]) | st.sampled_from("ab")
)
SMALL = st.recursive(
    KEYS
    | st.sets(KEYS, max_size=2)
    | st.frozensets(KEYS, max_size=2)
    | st.sampled_from([b"a", 1j, 2**80, 2.0**80]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=2)
    ),
    max_leaves=4,
)
