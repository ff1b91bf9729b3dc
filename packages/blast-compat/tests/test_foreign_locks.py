"""Locks of other tools: files that uv 0.13, Poetry 1.8 and 2.5, PDM 2.26 and pipenv made, read for several Pythons."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from blast_compat.locks.foreign import ForeignLock, select_packages
from blast_compat.locks.foreign_reader import read_foreign_lock
from blast_core.errors import BlastError, FormatError, InstallError, InvalidField
from blast_core.formats.dpl.model import LockedSource

_CASES = Path(__file__).parent / "cases" / "locks"
_FILES = {
    "uv": "uv.lock",
    "poetry1": "poetry.lock",
    "poetry2": "poetry.lock",
    "pdm": "pdm.lock",
    "pdmold": "pdm.lock",
    "pipenv": "Pipfile.lock",
    "std": "pylock.toml",
    "stdpip": "pylock.toml",
    "stdpdm": "pylock.toml",
}
_DIGEST = "sha256:" + "0" * 64


def environment(version: str, platform: str = "linux") -> dict[str, str]:
    return {
        "python_version": version.rpartition(".")[0],
        "python_full_version": version,
        "os_name": "nt" if platform == "win32" else "posix",
        "sys_platform": platform,
        "platform_system": {"linux": "Linux", "win32": "Windows", "darwin": "Darwin"}[platform],
        "platform_machine": "x86_64",
        "platform_release": "",
        "platform_version": "",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "implementation_version": version,
    }


def read(case: str) -> ForeignLock:
    path = _CASES / case / _FILES[case]
    manifest = path.parent / "pyproject.toml"
    document = tomllib.loads(manifest.read_text()) if manifest.exists() else {}
    return read_foreign_lock(path.name, path.read_bytes(), document)


def chosen(case: str, version: str, *groups: str, platform: str = "linux") -> dict[str, str]:
    found = select_packages(read(case), ("default", *groups), environment(version, platform))
    return {package.name: package.version for package in found if package.source.location != "."}


@pytest.mark.parametrize("case", ["uv", "poetry1", "poetry2", "pdm", "pdmold"])
def test_same_project_gives_the_same_packages(case: str) -> None:
    always = {"click", "urllib3", "pysocks"}
    assert chosen(case, "3.12.1").keys() == always
    assert chosen(case, "3.9.18").keys() == always | {"tomli"}
    assert chosen(case, "3.9.18", platform="win32").keys() == always | {"tomli", "colorama"}
    assert chosen(case, "3.12.1", "extra:plot").keys() == always | {"mistune"}
    assert chosen(case, "3.9.18", "extra:plot").keys() == always | {"mistune", "tomli", "typing-extensions"}
    assert chosen(case, "3.12.1", "group:dev").keys() == always | {"iniconfig"}
    assert chosen(case, "3.12.1", "group:docs").keys() == always | {"docutils"}
    assert chosen(case, "3.12.1", "group:docs", platform="darwin").keys() == always


def test_pipfile_has_categories() -> None:
    assert chosen("pipenv", "3.12.1").keys() == {"click", "urllib3", "pysocks"}
    assert chosen("pipenv", "3.12.1", "group:dev")["iniconfig"]
    with pytest.raises(InvalidField, match="tomli is not pinned"):
        chosen("pipenv", "3.10.13")


def test_standard_lock_is_one_of_chosen_groups() -> None:
    assert chosen("std", "3.12.1").keys() == {"click", "urllib3", "pysocks", "mistune", "docutils", "iniconfig"}
    assert chosen("std", "3.9.18")["click"] == "8.1.8"
    assert chosen("std", "3.12.1")["click"] == "8.5.1"


def test_standard_locks_of_pip_and_pdm() -> None:
    assert chosen("stdpip", "3.12.1").keys() == {"click", "urllib3", "pysocks"}
    assert read("stdpdm").groups == ("default", "group:default", "group:dev", "group:docs", "extra:plot")
    assert read("stdpdm").defaults == ("default",)
    assert chosen("stdpdm", "3.12.1") == {}
    assert chosen("stdpdm", "3.12.1", "group:default").keys() == {"click", "urllib3", "pysocks"}
    assert "mistune" in chosen("stdpdm", "3.12.1", "group:default", "extra:plot")


def test_standard_lock_names_environments_and_pythons() -> None:
    lock = 'lock-version = "1.0"\ncreated-by = "test"\nenvironments = ["sys_platform == \'win32\'"]\n'
    found = read_foreign_lock("pylock.toml", lock.encode(), {})
    with pytest.raises(InstallError, match="is not for this machine"):
        select_packages(found, ["default"], environment("3.12.1"))
    assert select_packages(found, ["default"], environment("3.12.1", "win32")) == ()
    lock = 'lock-version = "1.0"\n[[packages]]\nname = "x"\nversion = "1"\nrequires-python = ">=3.13"\n'
    lock += f'sdist = {{ name = "x-1.zip", hashes = {{ sha256 = "{"0" * 64}" }} }}\n'
    found = read_foreign_lock("pylock.toml", lock.encode(), {})
    with pytest.raises(InstallError, match=r"x 1 does not run on Python 3\.12\.1"):
        select_packages(found, ["default"], environment("3.12.1"))


def test_forks_of_uv_are_told_by_python() -> None:
    assert chosen("uv", "3.9.18")["urllib3"] == "2.6.3"
    assert chosen("uv", "3.10.13")["urllib3"] == "2.8.0"


def test_conflicting_extras_of_uv_choose_versions() -> None:
    assert chosen("uv", "3.12.1", "extra:old")["six"] == "1.16.0"
    assert chosen("uv", "3.12.1", "extra:new")["six"] == "1.17.0"
    with pytest.raises(InvalidField, match=r"two versions of six .*1\.16\.0 and 1\.17\.0|1\.17\.0 and 1\.16\.0"):
        chosen("uv", "3.12.1", "extra:new", "extra:old")


@pytest.mark.parametrize(("case", "defaults"), [("uv", {"dev"}), ("poetry1", {"dev"}), ("poetry2", {"dev"})])
def test_groups_are_installed_unasked_as_their_tool_does(case: str, defaults: set[str]) -> None:
    lock = read(case)
    assert set(lock.defaults) == defaults  # Poetry's group docs is optional
    assert {"default", "group:dev", "group:docs", "extra:plot"} <= set(lock.groups)


def test_pdm_installs_all_groups_that_are_no_extras() -> None:
    lock = read("pdm")
    assert set(lock.defaults) == {"dev", "docs"}
    assert set(lock.groups) == {"default", "group:dev", "group:docs", "extra:plot"}


@pytest.mark.parametrize("case", ["uv", "poetry1", "poetry2", "pdm", "pdmold", "std"])
def test_every_file_has_a_name_and_a_digest(case: str) -> None:
    packages = [package for package in read(case).packages if package.source.kind == "registry"]
    assert packages
    for package in packages:
        assert any(file.filename.endswith(".whl") for file in package.files)
        assert all(len(file.sha256) == 64 for file in package.files)
        assert all(bool(file.url) == (case in {"uv", "std"}) for file in package.files)


def test_pipfile_has_digests_alone() -> None:
    click = next(package for package in read("pipenv").packages if package.name == "click")
    assert [(file.filename, len(file.sha256)) for file in click.files] == [("", 64), ("", 64)]
    assert click.index == "https://index.invalid/simple"


def test_lock_for_another_python_is_refused() -> None:
    with pytest.raises(InstallError, match=r"not for Python 3\.8\.1") as caught:
        chosen("uv", "3.8.1")
    assert ">=3.9" in caught.value.reason
    with pytest.raises(InstallError, match=r"not for Python 4\.0\.0"):
        chosen("poetry1", "4.0.0")


def uv(body: str, head: str = 'version = 1\nrequires-python = ">=3.9"\n') -> bytes:
    root = (
        '[[package]]\nname = "demo"\nversion = "1"\nsource = { virtual = "." }\ndependencies = [{ name = "thing" }]\n'
    )
    return (head + root + body).encode()


def source_of(content: bytes, name: str, file: str) -> LockedSource:
    lock = read_foreign_lock(file, content, {})
    return next(package.source for package in lock.packages if package.name == name)


_THING = '[[package]]\nname = "thing"\nversion = "1.0"\n'


@pytest.mark.parametrize(
    ("body", "source"),
    [
        (
            'source = { git = "https://index.invalid/thing?subdirectory=a%2Fb&rev=main#' + "ab" * 20 + '" }',
            LockedSource("git", "https://index.invalid/thing", "ab" * 20, "a/b", ""),
        ),
        ('source = { directory = "../thing" }', LockedSource("path", "../thing", "", "", "")),
        ('source = { editable = "thing" }', LockedSource("editable", "thing", "", "", "")),
        (
            'source = { path = "thing-1.0.tar.gz" }\nsdist = { hash = "' + _DIGEST + '" }',
            LockedSource("path", "thing-1.0.tar.gz", "", "", "0" * 64),
        ),
        (
            'source = { url = "https://index.invalid/thing-1.0-py3-none-any.whl" }\n'
            'wheels = [{ url = "https://index.invalid/thing-1.0-py3-none-any.whl", hash = "' + _DIGEST + '" }]',
            LockedSource("url", "https://index.invalid/thing-1.0-py3-none-any.whl", "", "", "0" * 64),
        ),
    ],
)
def test_sources_of_uv(body: str, source: LockedSource) -> None:
    assert source_of(uv(_THING + body), "thing", "uv.lock") == source


def test_sources_of_poetry() -> None:
    head = '[metadata]\nlock-version = "2.1"\npython-versions = ">=3.9"\n'
    git = '[package.source]\ntype = "git"\nurl = "https://index.invalid/thing"\nreference = "main"\n'
    commit = f'resolved_reference = "{"ab" * 20}"\nsubdirectory = "sub"\n'
    package = _THING + 'groups = ["main"]\n'
    found = source_of((package + git + commit + head).encode(), "thing", "poetry.lock")
    assert found == LockedSource("git", "https://index.invalid/thing", "ab" * 20, "sub", "")
    directory = '[package.source]\ntype = "directory"\nurl = "../thing"\n'
    found = source_of((package + "develop = true\n" + directory + head).encode(), "thing", "poetry.lock")
    assert found == LockedSource("editable", "../thing", "", "", "")
    files = f'files = [{{file = "thing-1.0.tar.gz", hash = "{_DIGEST}"}}]\n'
    url = '[package.source]\ntype = "url"\nurl = "https://index.invalid/thing-1.0.tar.gz"\n'
    found = source_of((package + files + url + head).encode(), "thing", "poetry.lock")
    assert found == LockedSource("url", "https://index.invalid/thing-1.0.tar.gz", "", "", "0" * 64)


def test_files_of_an_old_poetry_stand_at_the_end() -> None:
    head = '[metadata]\nlock-version = "1.1"\npython-versions = "^3.9"\ncontent-hash = ""\n'
    files = f'[metadata.files]\nThing = [{{file = "thing-1.0-py3-none-any.whl", hash = "{_DIGEST}"}}]\n'
    package = _THING.replace("thing", "Thing") + 'category = "main"\noptional = false\npython-versions = "*"\n'
    manifest = {"tool": {"poetry": {"name": "demo", "dependencies": {"python": "^3.9", "thing": "^1.0"}}}}
    lock = read_foreign_lock("poetry.lock", (package + head + files).encode(), manifest)
    (found,) = select_packages(lock, ["default"], environment("3.12.1"))
    assert (found.name, found.files[0].sha256) == ("thing", "0" * 64)


def test_workspace_of_uv_has_several_roots() -> None:
    text = 'version = 1\nrequires-python = ">=3.9"\n[manifest]\nmembers = ["one", "two"]\n'
    for member, need in (("one", "alpha"), ("two", "beta")):
        text += f'[[package]]\nname = "{member}"\nversion = "1"\nsource = {{ editable = "packages/{member}" }}\n'
        text += f'dependencies = [{{ name = "{need}" }}]\n'
    for name in ("alpha", "beta"):
        text += f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ registry = "https://index.invalid/" }}\n'

    def names(directory: str) -> set[str]:
        lock = read_foreign_lock("uv.lock", text.encode(), {}, directory)
        return {package.name for package in select_packages(lock, ["default"], environment("3.12.1"))}

    assert names("packages/two/src") == {"two", "beta"}
    assert names(".") == {"one", "two", "alpha", "beta"}


def test_script_lock_of_uv_has_requirements() -> None:
    text = (
        'version = 1\nrequires-python = ">=3.9"\n[manifest]\nrequirements = [{ name = "alpha", specifier = ">=1" }]\n'
    )
    text += '[[package]]\nname = "alpha"\nversion = "1"\nsource = { registry = "https://index.invalid/" }\n'
    lock = read_foreign_lock("script.py.lock", text.encode(), {})
    assert [row.name for row in select_packages(lock, ["default"], environment("3.12.1"))] == ["alpha"]


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("uv.lock", b"version = 2\n", "field version, value 2"),
        ("uv.lock", b"\xff", "line 1 is not UTF-8"),
        ("uv.lock", b"version = 1\n<<<<<<< ours\n", "line 2 is the mark of a merge conflict"),
        ("uv.lock", b"version = ", "not TOML"),
        ("uv.lock", b'version = 1\n[[package]]\nname = "../x"\n', "field package[0].name, value '../x'"),
        ("uv.lock", b'version = 1\n[[package]]\nname = "x"\nversion = "one"\n', "field package[0].version"),
        ("uv.lock", uv(_THING + 'source = { moon = "full" }'), "field package[1].source"),
        ("uv.lock", uv(_THING + 'source = { git = "https://index.invalid/x" }'), "field package[1].source.git"),
        (
            "uv.lock",
            uv(_THING + 'source = { registry = "https://index.invalid/" }\nsdist = { url = "ftp://x/y.zip" }'),
            "field package[1].sdist.url, value 'ftp://x/y.zip'",
        ),
        (
            "uv.lock",
            uv(
                _THING + 'source = { registry = "https://index.invalid/" }\n'
                'sdist = { url = "https://index.invalid/y.zip", hash = "md5:12" }'
            ),
            "field package[1].sdist.hash, value 'md5:12'",
        ),
        ("poetry.lock", b'[metadata]\nlock-version = "3.0"\n', "field metadata.lock-version"),
        (
            "poetry.lock",
            b'[[package]]\nname = "x"\nversion = "1"\nmarkers = "python"\ngroups = ["main"]\n',
            "field package[0].markers",
        ),
        (
            "poetry.lock",
            b'[[package]]\nname = "x"\nversion = "1"\npython-versions = "^x"\n',
            "field package[0].python-versions, value '^x'",
        ),
        (
            "poetry.lock",
            (
                b'[[package]]\nname = "x"\nversion = "1"\nfiles = [{file = "b.whl", hash = ""}]\n[package.source]\n'
                b'type = "svn"\n'
            ),
            "field package[0].source.type, value 'svn'",
        ),
        ("pdm.lock", b'[metadata]\nlock_version = "5.0"\n', "field metadata.lock_version"),
        (
            "pdm.lock",
            b'[metadata]\nlock_version = "4.5.0"\n[[package]]\nname = "x"\nversion = "1"\ndependencies = ["?"]\n',
            "field package[0].dependencies, value '?'",
        ),
        ("Pipfile.lock", b"[]", "not a JSON object"),
        ("Pipfile.lock", b"{", "not JSON"),
        ("Pipfile.lock", b'{"_meta": {"pipfile-spec": 5}}', "field _meta.pipfile-spec, value 5"),
        (
            "Pipfile.lock",
            b'{"_meta": {"pipfile-spec": 6}, "default": {"x": {"version": ">=1"}}}',
            "field default.x.version, value '>=1'",
        ),
        (
            "Pipfile.lock",
            b'{"_meta": {"pipfile-spec": 6}, "default": {"x": {"version": "==1", "hashes": ["md5:1"]}}}',
            "field default.x.hashes",
        ),
        ("pylock.toml", b'lock-version = "2.0"\n', "field lock-version, value '2.0'"),
        ("pylock.toml", b'lock-version = "1.0"\n[[packages]]\nname = "x"\n', "field packages[0]"),
        (
            "pylock.toml",
            (
                b'lock-version = "1.0"\n[[packages]]\nname = "x"\n[packages.sdist]\nurl = "https://x.invalid/x.zip"\n'
                b"hashes = {md5 = '1'}\n"
            ),
            "field packages[0].sdist.hashes",
        ),
        ("strange.lock", b"", "no lock that is known here"),
    ],
)
def test_rubbish_is_named(file: str, content: bytes, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_foreign_lock(file, content, {})
    assert said in caught.value.message
    assert caught.value.message.startswith(f"{file}: ")


def test_old_locks_need_the_manifest() -> None:
    for case in ("poetry1", "pdmold"):
        path = _CASES / case / _FILES[case]
        with pytest.raises(BlastError, match=r"can't be used without its pyproject\.toml"):
            read_foreign_lock(path.name, path.read_bytes(), {})


def test_missing_package_is_named() -> None:
    lock = read_foreign_lock("uv.lock", uv(""), {})
    with pytest.raises(InvalidField, match="no thing for this interpreter"):
        select_packages(lock, ["default"], environment("3.12.1"))
