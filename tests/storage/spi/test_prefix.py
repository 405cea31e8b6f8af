"""The range of a prefix holds exactly the texts that begin with it."""

from hypothesis import given
from hypothesis import strategies as st

from crmkit.storage.spi.prefix import text_after

signs = st.one_of(st.sampled_from("ab\ud7ff\ue000\U0010ffff\uffff"), st.characters(exclude_categories=("Cs",)))
texts = st.text(signs, max_size=4)


@given(texts, texts)
def test_a_text_lies_in_the_range_if_it_begins_with_the_prefix(prefix, text):
    for each in (text, prefix + text):
        after = text_after(prefix)
        assert (prefix <= each and (after is None or each < after)) == each.startswith(prefix)


@given(texts)
def test_the_end_of_a_range_can_be_stored(prefix):
    after = text_after(prefix)
    assert after is None or after.encode().decode() == after
