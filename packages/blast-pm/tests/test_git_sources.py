"""Repositories are cloned once, read at exact commits, and leave no door open: real git, real repositories."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from blast_core.errors import ArchiveRejected, BlastError, IndexAccessError, InvalidRequirement, OfflineError
from blast_pm.sources.address import Address, format_git_address, parse_address
from blast_pm.sources.git import GitRepositories, repository_key
from blast_pm.sources.git_export import export_commit
from blast_pm.sources.git_process import GitProcess, split_git_credentials
from blast_pm.sources.testing import GitServer, Repository

if TYPE_CHECKING:
    from pathlib import Path


class Words:
    """A reporter that keeps what was said."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)

    def start(self, key: str, label: str, total: int) -> None: ...
    def advance(self, key: str, amount: int) -> None: ...
    def finish(self, key: str) -> None: ...
    def note(self, text: str) -> None: ...


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.make(tmp_path / "origin", {"pyproject.toml": "one = 1\n", "pkg/__init__.py": ""})


def open_clones(tmp_path: Path, *, offline: bool = False) -> tuple[GitRepositories, Words]:
    words = Words()
    return GitRepositories(str(tmp_path / "home"), dict(os.environ), offline=offline, reporter=words), words


def at(repository: Repository, revision: str = "") -> Address:
    return parse_address(format_git_address(repository.url, revision))


def fetches(words: Words) -> int:
    return sum(step.startswith("Fetching") for step in words.steps)


def test_branch_tag_short_and_full_commit_are_resolved(tmp_path: Path, repository: Repository) -> None:
    first = repository.head()
    repository.tag("v1")
    repository.annotated_tag("v1-signed")
    second = repository.commit({"pyproject.toml": "two = 2\n"})
    repository.branch("feature/x", first)
    clones, _ = open_clones(tmp_path)
    found = {
        revision: clones.resolve(at(repository, revision))
        for revision in (
            "",
            "main",
            "refs/heads/main",
            "feature/x",
            "v1",
            "v1-signed",
            "refs/tags/v1",
            first[:10],
            second,
        )
    }
    assert {revision for revision, commit in found.items() if commit == second} == {
        "",
        "main",
        "refs/heads/main",
        second,
    }
    assert {revision for revision, commit in found.items() if commit == first} == {
        "feature/x",
        "v1",
        "v1-signed",
        "refs/tags/v1",
        first[:10],
    }


def test_a_branch_goes_before_a_tag_of_its_name(tmp_path: Path, repository: Repository) -> None:
    repository.tag("both")
    second = repository.commit({"x": "2"})
    repository.branch("both", second)
    assert open_clones(tmp_path)[0].resolve(at(repository, "both")) == second


def test_a_commit_that_is_there_is_not_asked_for(tmp_path: Path, repository: Repository) -> None:
    commit = repository.head()
    open_clones(tmp_path)[0].resolve(at(repository))
    os.rename(repository.path, repository.path + ".gone")
    for offline in (False, True):
        clones, words = open_clones(tmp_path, offline=offline)
        assert clones.resolve(at(repository, commit)) == commit
        clones.ensure(at(repository, "anything"), commit)
        assert words.steps == []


def test_an_unchanged_branch_is_asked_for_and_not_fetched(tmp_path: Path, repository: Repository) -> None:
    open_clones(tmp_path)[0].resolve(at(repository, "main"))
    clones, words = open_clones(tmp_path)
    clones.resolve(at(repository, "main"))
    clones.resolve(at(repository, "main"))
    assert (len(words.steps), fetches(words)) == (1, 0)
    new = repository.commit({"x": "2"})
    clones, words = open_clones(tmp_path)
    assert clones.resolve(at(repository, "main")) == new
    assert fetches(words) == 1


def test_offline_a_known_branch_is_what_it_was(tmp_path: Path, repository: Repository) -> None:
    before = open_clones(tmp_path)[0].resolve(at(repository, "main"))
    head = open_clones(tmp_path)[0].resolve(at(repository))
    repository.commit({"x": "2"})
    clones, _ = open_clones(tmp_path, offline=True)
    assert clones.resolve(at(repository, "main")) == before
    assert clones.resolve(at(repository)) == head
    with pytest.raises(OfflineError, match="is not in the store"):
        clones.resolve(at(repository, "other"))


def test_what_a_repository_does_not_have_is_named(tmp_path: Path, repository: Repository) -> None:
    clones, _ = open_clones(tmp_path)
    with pytest.raises(IndexAccessError, match="has no 'missing'"):
        clones.resolve(at(repository, "missing"))
    with pytest.raises(IndexAccessError, match="has no commit 'abcdef0'"):
        clones.resolve(at(repository, "abcdef0"))
    with pytest.raises(IndexAccessError):
        clones.resolve(at(repository, "1" * 40))
    with pytest.raises(IndexAccessError):
        clones.resolve(parse_address(f"git+file://{tmp_path}/nothing"))


def test_a_commit_that_only_a_deleted_branch_had_is_still_found(tmp_path: Path, repository: Repository) -> None:
    """A lock names commits; the branch may have been rewritten since."""
    repository.branch("topic", repository.head())
    lost = repository.commit({"x": "lost"}, branch="topic")
    repository.git("branch", "-D", "topic")
    clones, _ = open_clones(tmp_path)
    clones.ensure(at(repository, "topic"), lost)
    assert clones.has(at(repository), lost)


def test_spellings_of_one_address_are_one_clone() -> None:
    urls = ("https://Host.invalid/a/b.git", "https://host.invalid/a/b", "https://me:secret@host.invalid/a/b/")
    assert len({repository_key(url) for url in urls}) == 1
    assert repository_key("https://host.invalid/a/B") != repository_key("https://host.invalid/a/b")


def test_files_are_read_without_a_checkout(tmp_path: Path, repository: Repository) -> None:
    os.symlink("/etc/passwd", os.path.join(repository.path, "link.toml"))
    commit = repository.commit({"a b/ü.txt": "here\n"})
    clones, _ = open_clones(tmp_path)
    clones.resolve(at(repository))
    assert clones.read_file(at(repository), commit, "pyproject.toml") == b"one = 1\n"
    assert clones.read_file(at(repository), commit, "a b/ü.txt") == b"here\n"
    assert clones.read_file(at(repository), commit, "missing") is None
    assert clones.read_file(at(repository), commit, "link.toml") is None
    assert clones.read_file(at(repository), commit, "pkg") is None


def export(tmp_path: Path, repository: Repository, *, history: bool = False) -> Path:
    clones, _ = open_clones(tmp_path)
    address = at(repository)
    target = tmp_path / "out"
    export_commit(clones, address, clones.resolve(address), str(target), history=history)
    return target


def test_a_checkout_has_the_files_and_no_repository(tmp_path: Path, repository: Repository) -> None:
    path = os.path.join(repository.path, "run.sh")
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\r\n")
    os.chmod(path, 0o755)
    os.symlink("run.sh", os.path.join(repository.path, "inner"))
    repository.commit({".gitattributes": "secret.txt export-ignore\n", "secret.txt": "kept"})
    out = export(tmp_path, repository)
    assert sorted(os.listdir(out)) == [".gitattributes", "inner", "pkg", "pyproject.toml", "run.sh", "secret.txt"]
    assert os.access(out / "run.sh", os.X_OK)
    assert (out / "run.sh").read_bytes() == b"#!/bin/sh\r\n"
    assert os.readlink(out / "inner") == "run.sh"


def test_a_build_that_asks_git_is_answered(tmp_path: Path, repository: Repository) -> None:
    repository.annotated_tag("v1.2")
    repository.commit({"x": "1"})
    out = export(tmp_path, repository, history=True)
    told = subprocess.run(
        ["git", "describe", "--tags", "--dirty"], cwd=out, capture_output=True, text=True, check=True
    ).stdout
    assert told.startswith("v1.2-1-g")
    assert "dirty" not in told


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "pkg/../../outside"])
def test_links_out_of_the_tree_are_refused(tmp_path: Path, repository: Repository, target: str) -> None:
    os.symlink(target, os.path.join(repository.path, "link"))
    repository.commit({})
    with pytest.raises(ArchiveRejected, match="leads out of it: link"):
        export(tmp_path, repository)


def submodule(tmp_path: Path, repository: Repository, url: str, name: str = "sub") -> Repository:
    inner = Repository.make(tmp_path / name, {"inner.txt": name})
    repository.add_submodule(inner, name, url)
    return inner


def test_submodules_are_checked_out_recursively(tmp_path: Path, repository: Repository) -> None:
    deepest = Repository.make(tmp_path / "deep", {"deep.txt": "deep"})
    inner = Repository.make(tmp_path / "sub", {"inner.txt": "inner"})
    inner.add_submodule(deepest, "below/deep", "../deep")
    repository.add_submodule(inner, "third_party/sub", inner.url)
    for history in (False, True):
        out = export(tmp_path, repository, history=history)
        assert (out / "third_party/sub/inner.txt").read_text() == "inner"
        assert (out / "third_party/sub/below/deep/deep.txt").read_text() == "deep"
        assert not list(out.glob("**/*.index"))
        if history:
            told = subprocess.run(
                ["git", "status", "--porcelain", "--untracked-files=no"], cwd=out, capture_output=True, check=True
            )
            assert told.stdout == b""
        subprocess.run(["rm", "-rf", str(out)], check=True)


@pytest.mark.parametrize("url", ["ext::sh -c touch% HERE", "--upload-pack=touch HERE", "-x"])
def test_a_submodule_can_not_run_a_program(
    tmp_path: Path, repository: Repository, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    submodule(tmp_path, repository, url)
    monkeypatch.chdir(tmp_path)
    with pytest.raises((InvalidRequirement, IndexAccessError)):
        export(tmp_path, repository)
    assert not (tmp_path / "HERE").exists()


def test_a_repository_of_a_host_does_not_reach_this_machines_files(tmp_path: Path) -> None:
    outer = Repository.make(tmp_path / "served" / "outer.git", {"a": "1"})
    submodule(tmp_path, outer, f"file://{tmp_path}/sub")
    with GitServer(tmp_path / "served") as server:
        clones, _ = open_clones(tmp_path)
        address = parse_address(f"git+{server.url}/outer.git")
        with pytest.raises(IndexAccessError, match="submodule on this machine"):
            export_commit(clones, address, clones.resolve(address), str(tmp_path / "out"))


def test_credentials_reach_their_host_only_and_show_nowhere(tmp_path: Path) -> None:
    repository = Repository.make(tmp_path / "served" / "private.git", {"a": "1"})
    with GitServer(tmp_path / "served", username="me", password="geheim-1234") as server:
        plain = parse_address(f"git+{server.url}/private.git")
        clones, _ = open_clones(tmp_path)
        with pytest.raises(BlastError, match="refuses access"):
            clones.resolve(plain)
        host = server.url.partition("://")[2]
        address = parse_address(f"git+http://me:geheim-1234@{host}/private.git")
        assert clones.resolve(address) == repository.head()
        with pytest.raises(BlastError) as caught:
            clones.resolve(parse_address(f"git+http://me:geheim-1234@{host}/missing.git"))
        assert "geheim" not in repr(caught.value.to_dict())
    for parent, _, names in os.walk(tmp_path / "home"):
        for name in names:
            with open(os.path.join(parent, name), "rb") as file:
                assert b"geheim" not in file.read(), name


def test_a_redirect_takes_no_credentials_along(tmp_path: Path) -> None:
    Repository.make(tmp_path / "served" / "x.git", {"a": "1"})
    with GitServer(tmp_path / "served") as other, GitServer(tmp_path, redirect_to=other.url) as server:
        clones, _ = open_clones(tmp_path)
        host = server.url.partition("://")[2]
        clones.resolve(parse_address(f"git+http://me:geheim-1234@{host}/x.git"))
        assert other.requests
        assert not any("authorization" in headers for _, headers in other.requests)


def test_git_asks_nobody_and_ends_in_time(tmp_path: Path) -> None:
    """A server that never answers, and one that wants a password nobody has."""
    with GitServer(tmp_path, stalls=True) as server:
        process = GitProcess(f"{server.url}/x.git", dict(os.environ), timeout_s=1.0)
        began = time.monotonic()
        with pytest.raises(IndexAccessError):
            process.run(["ls-remote", "--", process.location], transfers=True)
        assert time.monotonic() - began < 30
    process = GitProcess("https://index.invalid/x", dict(os.environ))
    variables = process.run(["config", "--list"]).decode()
    assert "credential" not in variables or "helper=!f" not in variables


def test_ssh_keeps_its_user_and_loses_its_password() -> None:
    assert split_git_credentials("ssh://git:pw@host/x") == ("ssh://git@host/x", "", "")
    assert split_git_credentials("ssh://git@host/x") == ("ssh://git@host/x", "", "")
    assert split_git_credentials("https://a%40b:c%2Fd@host/x") == ("https://host/x", "a@b", "c/d")


def test_variables_of_a_surrounding_git_do_not_count(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blast may run in a hook, where git points all its commands at the repository of the hook."""
    other = Repository.make(tmp_path / "other", {"b": "1"})
    monkeypatch.setenv("GIT_DIR", os.path.join(other.path, ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", other.path)
    monkeypatch.setenv("GIT_INDEX_FILE", os.path.join(other.path, ".git", "index"))
    out = export(tmp_path, repository)
    assert (out / "pyproject.toml").exists()
    assert not os.path.exists(os.path.join(other.path, "pyproject.toml"))


# pytest's own path of modules, for children.
MODULES = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
KILLED = """
import os, sys
from blast_pm.sources.address import parse_address
from blast_pm.sources.git import GitRepositories
clones = GitRepositories(sys.argv[1], dict(os.environ))
print("begun", flush=True)
clones.resolve(parse_address(sys.argv[2]))
"""


def test_a_killed_clone_leaves_nothing_that_counts(tmp_path: Path) -> None:
    big = {f"file{number}": os.urandom(60_000).hex() for number in range(60)}
    repository = Repository.make(tmp_path / "big", big)
    head = repository.head()
    home = str(tmp_path / "home")
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2, 0.4):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, home, f"git+{repository.url}"],
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=MODULES,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"begun\n"
        time.sleep(delay)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        clones = GitRepositories(home, dict(os.environ), offline=True)
        # Whatever can be read is whole.
        if clones.has(at(repository), head):
            export_commit(clones, at(repository), head, str(tmp_path / f"out{delay}"))
            assert len(os.listdir(tmp_path / f"out{delay}")) == 60
    # Lock files and half packs of the killed ones are in nobody's way.
    clone = GitRepositories(home, dict(os.environ)).path(at(repository))
    os.makedirs(os.path.join(clone, "objects", "pack"), exist_ok=True)
    os.makedirs(os.path.join(clone, "refs", "heads"), exist_ok=True)
    for name in ("packed-refs.lock", "HEAD.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_x"):
        with open(os.path.join(clone, name), "w", encoding="utf-8"):
            pass
    clones, _ = open_clones(tmp_path)
    assert clones.resolve(at(repository)) == head
    new = repository.commit({"one": "more"})
    clones, _ = open_clones(tmp_path)
    assert clones.resolve(at(repository, "main")) == new
    assert not os.path.exists(os.path.join(clone, "objects/pack/tmp_pack_x"))


def test_two_that_fetch_at_once_both_get_it(tmp_path: Path, repository: Repository) -> None:
    home = str(tmp_path / "home")
    children = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED, home, f"git+{repository.url}"], stdout=subprocess.DEVNULL, env=MODULES
        )
        for _ in range(4)
    ]
    assert [child.wait() for child in children] == [0, 0, 0, 0]
    assert GitRepositories(home, dict(os.environ), offline=True).has(at(repository), repository.head())
