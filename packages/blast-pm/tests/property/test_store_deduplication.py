"""Property 7: content-addressed deduplication. The same content any number of times is one object."""

import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blast_pm.metadata.store import Database
from blast_pm.store.cache import GlobalCache, StoredDistribution
from blast_pm.store.testing import check_store, list_tree
from blast_pm.testing import make_wheel

_NAMES = st.sampled_from(["a", "b", "c/d", "c/e", "f/g/h"])
_WHEELS = st.lists(
    st.dictionaries(_NAMES.map("pkg/{}.py".format), st.binary(max_size=40), max_size=4), min_size=1, max_size=5
)


@pytest.mark.property
@settings(max_examples=25)
@given(_WHEELS, st.data())
def test_the_store_holds_each_content_once(contents: "list[dict[str, bytes]]", data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as top:
        home = os.path.join(top, "home")
        database = Database(os.path.join(home, "store", "meta.lmdb"))
        cache = GlobalCache(home, database)
        order = data.draw(st.lists(st.sampled_from(range(len(contents))), min_size=1, max_size=8))
        stored: dict[int, StoredDistribution] = {}
        for turn, number in enumerate(order):
            directory = os.path.join(top, str(turn))
            os.mkdir(directory)
            one = cache.add_wheel(make_wheel(directory, "pkg", "1", files=contents[number]))
            assert stored.setdefault(number, one) == one
            tree = list_tree(one.tree)
            assert {path: tree[path][1] for path in contents[number]} == contents[number]
        distinct = {tuple(contents[number].items()) for number in order}
        database.close()
        # Two wheels with the same files in another order are two containers, as they have two digests.
        assert len({one.blake3 for one in stored.values()}) == len(distinct)
        assert check_store(home) == len(distinct)
        assert len(os.listdir(os.path.join(home, "t"))) == len(distinct)
