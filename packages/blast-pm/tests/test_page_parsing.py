"""Pages, honest, odd and hostile, become checked files or errors."""

from __future__ import annotations

import json

import pytest

from blast_core.errors import IndexAccessError
from blast_pm.index import html_pages
from blast_pm.index.html_pages import parse_html
from blast_pm.index.pages import parse_json, parse_page

URL = "https://index.invalid/simple/flask/"
SHA = "9da884457e910bf0847d396cb4b778ad9f3c3d17db1c5997cb861937bd284237"
FILES = "https://files.invalid/p"
USUAL = f"""<!DOCTYPE html>
<html>
<head><meta name="pypi:repository-version" content="1.3"><title>Links for Flask</title></head>
<body>
<h1>Links for Flask</h1>
<a href="{FILES}/Flask-0.1.tar.gz#sha256={SHA}" data-upload-time="2010-04-16T14:29:37Z">Flask-0.1.tar.gz</a><br/>
<a href="{FILES}/flask-3-py3-none-any.whl#sha256={SHA}" data-requires-python="&gt;=3.9" \
data-yanked="a &quot;b&quot; &amp;amp;">x</a><br />
<a href="../../p/flask-2-py3-none-any.whl#sha256={SHA}" data-dist-info-metadata="sha256={SHA}" \
data-core-metadata="true">x</a>
<a href="/p/flask-2+l%2Bx-py3-none-any.whl#md5=abc&amp;sha256={SHA.upper()}" data-core-metadata="sha256={SHA}">x</a>
</body>
</html>
<!--SERIAL 123-->"""


def test_usual_page_is_read_without_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = html_pages._read_odd(USUAL, URL, "i")
    monkeypatch.setattr(html_pages, "_read_odd", None)
    assert parse_html(USUAL, URL, "i") == expected


def test_every_attribute_is_read() -> None:
    sdist, yanked, relative, odd = parse_html(USUAL, URL, "i")
    assert (sdist.filename, sdist.url, sdist.sha256) == ("Flask-0.1.tar.gz", f"{FILES}/Flask-0.1.tar.gz", SHA)
    assert (sdist.upload_time, sdist.has_metadata, sdist.yanked) == ("2010-04-16T14:29:37Z", None, None)
    assert sdist.index == "i"
    assert (yanked.requires_python, yanked.yanked) == (">=3.9", 'a "b" &amp;')
    assert (relative.url, relative.has_metadata) == ("https://index.invalid/p/flask-2-py3-none-any.whl", True)
    assert relative.metadata_sha256 == "", "core-metadata counts, not its old name"
    assert (odd.filename, odd.sha256, odd.metadata_sha256) == ("flask-2+l+x-py3-none-any.whl", SHA, SHA)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("<A HREF='a-1.zip'>a</A>", id="capitals-and-single-quotes"),
        pytest.param('<a\n  href = "a-1.zip"\n>a</a>', id="line-breaks"),
        pytest.param("<a href=a-1.zip>a</a>", id="no-quotes"),
        pytest.param('<a href="a-1.zip" data-yanked>a</a>', id="attribute-without-value"),
        pytest.param('<a href="a-1.zip" data-requires-python=">=3.6">a</a>', id="unescaped-greater"),
        pytest.param('<a rel="internal" href="a-1.zip">a</a>', id="other-order"),
        pytest.param('<!-- <a href="evil-1.zip">a</a> --><a href="a-1.zip">a</a>', id="comment"),
        pytest.param('<script>"<a href=\\"evil-1.zip\\">"</script><a href="a-1.zip">a</a>', id="script"),
        pytest.param('<abbr>x</abbr><a href="a-1.zip">a</a>', id="other-element"),
    ],
)
def test_odd_html_is_read_by_the_parser(page: str) -> None:
    files = parse_html(page, URL, "i")
    assert [file.filename for file in files] == ["a-1.zip"]
    assert files[0].url == URL + "a-1.zip"


def test_unescaped_requires_python_is_kept() -> None:
    page = '<a href="a-1.zip" data-requires-python=">=3.6, <4">a</a>'
    assert [file.requires_python for file in parse_html(page, URL, "i")] == [">=3.6, <4"]


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)//a-1.zip",
        "data:application/zip,a-1.zip",
        "file:///etc/a-1.zip",
        "ftp://h/a-1.zip",
        "https://h/..%2fa-1.zip",
        "https://h/%2e%2e%2fa-1.zip",
        "https://h/a%00-1.zip",
        "https://h/a\\..\\-1.zip",
        "https://h/.a-1.zip",
        "https://h/a-1.zip%2f",
        "https://h/\u0430b-1.zip",
        "https://h/%D0%B0-1.zip",
        "https://h/a%252f-1.zip",
        "https://h/con:a-1.zip",
        "https://[bad/a-1.zip",
        "https://h/" + "a" * 300 + "-1.zip",
        "https://h/a-1.exe",
        "",
        "https://h/",
    ],
)
def test_hostile_links_are_left_out(href: str) -> None:
    assert parse_html(f'<a href="{href}">a</a><a href="ok-1.zip">ok</a>', URL, "i")[-1].filename == "ok-1.zip"
    assert len(parse_html(f'<a href="{href}">a</a><a href="ok-1.zip">ok</a>', URL, "i")) == 1
    document = {"meta": {"api-version": "1.0"}, "files": [{"url": href, "filename": "../x"}, {"url": "ok-1.zip"}]}
    assert [file.filename for file in parse_json(json.dumps(document).encode(), URL, "i")] == ["ok-1.zip"]


def test_password_in_a_link_is_dropped() -> None:
    (file,) = parse_html('<a href="https://me:secret@files.invalid/a-1.zip">a</a>', URL, "i")
    assert file.url == "https://files.invalid/a-1.zip"


def test_local_page_links_to_local_files_only() -> None:
    page = '<a href="a-1.zip">a</a><a href="https://h/b-1.zip">b</a><a href="file://host/c-1.zip">c</a>'
    files = parse_html(page, "file:///index/a/index.html", "i")
    assert [file.url for file in files] == ["file:///index/a/a-1.zip"]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("/other/", "https://index.invalid/other/a-1.zip"),
        ("https://index.invalid:443/deep/", "https://index.invalid:443/deep/a-1.zip"),
        ("https://evil.invalid/", URL + "a-1.zip"),
        ("http://index.invalid/", URL + "a-1.zip"),
        ("javascript:x", URL + "a-1.zip"),
    ],
)
def test_base_moves_links_within_the_origin_only(base: str, expected: str) -> None:
    page = f'<html><head><base href="{base}"></head><body><a href="a-1.zip">a</a></body></html>'
    assert [file.url for file in parse_html(page, URL, "i")] == [expected]


@pytest.mark.parametrize("version", ["2.0", "x", ""])
def test_newer_interface_is_refused(version: str) -> None:
    with pytest.raises(IndexAccessError, match="not an index page"):
        parse_html(f'<meta name="pypi:repository-version" content="{version}"><a href="a-1.zip">a</a>', URL, "i")
    with pytest.raises(IndexAccessError, match="not an index page"):
        parse_json(json.dumps({"meta": {"api-version": version}, "files": []}).encode(), URL, "i")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"files": 1}', b"\xff\xfe", b"[" * 100_000, b'{"meta": 1, "files": []}', b'{"files": []}'],
)
def test_json_that_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(IndexAccessError, match="not an index page"):
        parse_json(body, URL, "i")


def test_json_with_wrong_types_inside_loses_what_is_wrong() -> None:
    entries: list[object] = [
        None,
        {"url": 1},
        {"url": "a-1.zip", "hashes": {"sha256": "short"}, "size": -1, "requires-python": 3, "yanked": True},
        {"url": "b-1.zip", "hashes": {"sha256": SHA}, "size": 7, "yanked": "why", "core-metadata": {"sha256": SHA}},
        {"url": "c-1.zip", "dist-info-metadata": False, "upload-time": "2020", "yanked": False},
    ]
    document = {"meta": {"api-version": "1.4"}, "files": entries}
    a, b, c = parse_json(json.dumps(document).encode(), URL, "i")
    assert (a.sha256, a.size, a.requires_python, a.yanked) == ("", 0, "", "")
    assert (b.sha256, b.size, b.yanked, b.has_metadata, b.metadata_sha256) == (SHA, 7, "why", True, SHA)
    assert (c.has_metadata, c.upload_time, c.yanked) == (False, "2020", None)


def test_content_type_decides() -> None:
    document = json.dumps({"meta": {"api-version": "1.0"}, "files": [{"url": "a-1.zip"}]}).encode()
    assert len(parse_page(document, "application/vnd.pypi.simple.v1+json", URL, "i")) == 1
    assert len(parse_page(b'<a href="a-1.zip">', "text/html; charset=utf-8", URL, "i")) == 1
    assert len(parse_page('<a href="a-1.zip">é'.encode("latin-1"), "text/html; charset=latin-1", URL, "i")) == 1
    kind = "application/vnd.pypi.simple.v1+html; charset=nonsense"
    assert len(parse_page(b'<a href="a-1.zip">', kind, URL, "i")) == 1
    with pytest.raises(IndexAccessError, match="not an index page") as caught:
        parse_page(b"PK", "application/zip", URL, "i")
    assert "application/zip" in caught.value.reason


def test_login_page_is_told_from_an_empty_index() -> None:
    assert parse_html("<html><body></body></html>", URL, "i") == []
    with pytest.raises(IndexAccessError) as caught:
        parse_html("<html><form action=/login><input name=user></form></html>", URL, "i")
    assert "login" in caught.value.reason


def test_odd_page_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_pages, "INDEX_PAGE_ODD", 1000)
    with pytest.raises(IndexAccessError):
        parse_html("<script></script>" + " " * 1000, URL, "i")
