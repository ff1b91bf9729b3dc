"""A relative link leads where the standard library says, however it is joined."""

from __future__ import annotations

from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blast_pm.index.links import LinkReader

pytestmark = pytest.mark.property

_SEGMENTS = st.lists(
    st.sampled_from(["..", ".", "", "files", "a-b", "x.y", "..a", "c_d", "s%41", "~", "é", ":"]), max_size=6
)
_BASES = st.sampled_from(
    [
        "https://index.invalid/simple/thing/",
        "https://index.invalid/simple/thing",
        "https://index.invalid/",
        "https://index.invalid",
        "https://index.invalid/a//b/",
        "https://index.invalid/a/../b/",
        "https://index.invalid:8443/simple/thing/?page=1",
        "http://[::1]/x/",
    ]
)


@given(_BASES, _SEGMENTS, st.booleans())
def test_link_leads_where_urljoin_says(base: str, segments: list[str], rooted: bool) -> None:
    href = "/".join(["", *segments] if rooted else segments)
    href = f"{href}/thing-1.0-py3-none-any.whl" if href else "thing-1.0-py3-none-any.whl"
    found = LinkReader(base, "test").read(href)
    expected = urljoin(base, href)
    if found is None:
        assert not expected.isascii() or not expected.startswith(("http://", "https://")) or "//" in href or ":" in href
    else:
        assert found.url == expected
