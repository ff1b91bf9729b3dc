"""Repositories below BLAST_HOME: one bare clone for each address, fetched only when a commit is not there yet.

    git/<32 hexadecimal digits>         the clone; objects only ever come as whole packs
    git/<32 hexadecimal digits>.lock    held by who fetches, and by the git that it started

A commit that can be read is whole: packs become visible in one instant, and what a killed fetch leaves (temporary
packs, lock files of refs) is removed by the next one, under the lock. So a commit that a lock names is never fetched
twice, and never at all where it is there.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import IndexAccessError, OfflineError
from blast_core.tuples import NamedTuple
from blast_pm.sources.git_process import GitProcess, split_git_credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.reporter import Reporter
    from blast_pm.sources.address import Address

__all__ = ["GitRepositories", "is_commit", "repository_key"]

_HEX = frozenset("0123456789abcdef")
_LOCK_TIMEOUT_S = 600.0
_SHORTEST_COMMIT = 4
# A pyproject.toml; the largest seen have 200 KiB.
_LARGEST_FILE = 8 << 20
_ALL_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class _Advertised(NamedTuple):
    """A ref that a remote has, and the commit that it stands for."""

    ref: str
    commit: str


def is_commit(revision: str) -> bool:
    """Tell whether a revision is a full commit: 40 (or 64) hexadecimal digits."""
    return len(revision) in (40, 64) and _HEX.issuperset(revision)


def repository_key(location: str) -> str:
    """Return the name of the clone of an address: without user, password, final ``.git`` and capitals of the host."""
    import hashlib

    bare = split_git_credentials(location)[0]
    scheme, _, rest = bare.partition("://")
    authority, slash, path = rest.partition("/")
    path = path.rstrip("/").removesuffix(".git")
    return hashlib.sha256(f"{scheme}://{authority.lower()}{slash}{path}".encode()).hexdigest()[:32]


class GitRepositories:
    """Answers which commit a reference is, and holds commits ready to be read and exported.

    Args:
        home: BLAST_HOME.
        environ: variables for git.
        offline: never talk to a remote.
        timeout_s: seconds without progress.
        reporter: who is told of fetches.
    """

    def __init__(
        self,
        home: str,
        environ: Mapping[str, str],
        *,
        offline: bool = False,
        timeout_s: float = 30.0,
        reporter: Reporter | None = None,
    ) -> None:
        self._directory = os.path.join(home, "git")
        self._environ = environ
        self._offline = offline
        self._timeout_s = timeout_s
        self._reporter = reporter
        self._resolved: dict[tuple[str, str], str] = {}

    def path(self, address: Address) -> str:
        """Return where the clone of a repository is, there or not."""
        return os.path.join(self._directory, repository_key(address.location))

    def has(self, address: Address, commit: str) -> bool:
        """Tell whether a commit can be read without the network."""
        return bool(self._local_commit(address, commit))

    def resolve(self, address: Address) -> str:
        """Return the commit that an address stands for now, fetched.

        A full commit that is there is not asked for again; neither is any reference twice in one command.

        Raises:
            OfflineError: it isn't there, and the network is forbidden.
            IndexAccessError: the remote can't be reached, refuses, or has no such reference.
        """
        key = (repository_key(address.location), address.revision)
        known = self._resolved.get(key)
        if known is None:
            known = self._resolved[key] = self._resolve(address)
        return known

    def ensure(self, address: Address, commit: str) -> None:
        """Fetch a commit if it is not there.

        Raises:
            OfflineError, IndexAccessError: as ``resolve``.
        """
        if not self.has(address, commit):
            self._check_online(address, commit)
            self._fetch(address, [f"+{commit}:refs/blast/{commit}"], commit)

    def read_file(self, address: Address, commit: str, path: str) -> bytes | None:
        """Return the content of a file in a commit; None where it is missing, no plain file, or too large."""
        listing = self._ask(address, ["ls-tree", "-l", "-z", commit, "--", path]).rstrip(b"\0")
        head, _, name = listing.partition(b"\t")
        fields = head.split()
        if len(fields) != 4 or name != path.encode() or not fields[0].startswith(b"100"):
            return None
        if int(fields[3]) > _LARGEST_FILE:
            return None
        return self._ask(address, ["cat-file", "blob", fields[2].decode()])

    def list_links(self, address: Address, commit: str) -> list[tuple[str, str]]:
        """Return path and commit of every submodule that a commit holds."""
        links = []
        for row in self._ask(address, ["ls-tree", "-r", "-z", "--full-tree", commit]).split(b"\0"):
            head, _, name = row.partition(b"\t")
            if head.startswith(b"160000 "):
                links.append((os.fsdecode(name), head.split()[2].decode()))
        return links

    def read_settings(self, address: Address, commit: str, path: str) -> list[tuple[str, str]]:
        """Return the entries of a file of git's configuration format in a commit, such as ``.gitmodules``."""
        content = self._ask(address, ["config", "--blob", f"{commit}:{path}", "--null", "--list"], allowed=(0, 1, 128))
        rows = [row.partition("\n") for row in content.decode("utf-8", "replace").split("\0") if row]
        return [(key, value) for key, _, value in rows]

    def run_in(
        self, address: Address, arguments: Sequence[str], *, directory: str, variables: Mapping[str, str]
    ) -> bytes:
        """Run git for a checkout of a repository; see ``GitProcess.run``."""
        process = GitProcess(address.location, self._environ, timeout_s=self._timeout_s)
        return process.run(arguments, directory=directory, variables=variables, transfers=True)

    # Resolving

    def _resolve(self, address: Address) -> str:
        revision = address.revision
        if is_commit(revision) and self.has(address, revision):
            return revision
        if self._offline:
            return self._resolve_offline(address)
        if is_commit(revision):
            self._fetch(address, [f"+{revision}:refs/blast/{revision}"], revision)
            return revision
        found = self._ask_remote(address)
        if found is not None:
            if not self.has(address, found.commit):
                target = found.ref if found.ref.startswith("refs/") else f"refs/blast/{found.commit}"
                self._fetch(address, [f"+{found.ref}:{target}"], found.commit)
            self._note(address, found)
            return self._local_commit(address, found.commit) or found.commit
        if _SHORTEST_COMMIT <= len(revision) < 40 and _HEX.issuperset(revision):
            return self._resolve_short(address)
        raise IndexAccessError(
            f"{self._shown(address)} has no '{revision}'",
            reason="no branch, tag or commit has that name",
            hint="check the revision; 'git ls-remote' lists what the repository has",
        )

    def _resolve_short(self, address: Address) -> str:
        self._fetch(address, list(_ALL_REFS), "")
        commit = self._local_commit(address, address.revision)
        if not commit:
            raise IndexAccessError(
                f"{self._shown(address)} has no commit '{address.revision}'",
                reason="no commit, or more than one, begins with these digits",
                hint="write the full commit",
            )
        return commit

    def _resolve_offline(self, address: Address) -> str:
        revision = address.revision
        names = [revision] if revision.startswith("refs/") else [f"refs/heads/{revision}", f"refs/tags/{revision}"]
        for name in [*names, revision] if revision else ["refs/blast/HEAD"]:
            commit = self._local_commit(address, name)
            if commit:
                return commit
        raise self._offline_error(address, revision or "HEAD")

    def _ask_remote(self, address: Address) -> _Advertised | None:
        """Return the ref that a revision means on the remote: a branch before a tag, as pip and uv have it."""
        revision = address.revision or "HEAD"
        if revision == "HEAD" or revision.startswith("refs/"):
            wanted = [revision]
        else:
            wanted = [f"refs/heads/{revision}", f"refs/tags/{revision}", f"refs/{revision}"]
        self._say(f"Asking {self._shown(address)} for {revision}")
        process = self._process(address)
        patterns = [*wanted, *(f"{name}^{{}}" for name in wanted if name.startswith("refs/tags/"))]
        output = process.run(["ls-remote", "--", process.location, *patterns], transfers=True)
        rows = [line.split("\t") for line in output.decode("utf-8", "replace").splitlines() if "\t" in line]
        commits = {name: commit for commit, name in rows}
        for name in wanted:
            if name in commits:
                return _Advertised(name, commits.get(f"{name}^{{}}", commits[name]))
        return None

    def _note(self, address: Address, found: _Advertised) -> None:
        """Remember what a branch was, for commands without the network; a fetch does so only where there was one."""
        name = "refs/blast/HEAD" if found.ref == "HEAD" else found.ref
        # A tag's ref is the tag object, which git itself has written.
        if name.startswith("refs/tags/") or self._local_commit(address, name) == found.commit:
            return
        try:
            self._ask(address, ["update-ref", name, found.commit])
        except IndexAccessError:
            # A lock file that a killed git left; the next fetch removes it.
            return

    # The clone

    def _local_commit(self, address: Address, revision: str) -> str:
        """Return the full commit of a revision that the clone has; "" where it has none."""
        directory = self.path(address)
        if not os.path.isfile(os.path.join(directory, "HEAD")):
            return ""
        process = self._process(address)
        arguments = [f"--git-dir={directory}", "rev-parse", "--verify", "--quiet", "--end-of-options"]
        found = process.run([*arguments, f"{revision}^{{commit}}"], allowed=(0, 1, 128)).decode().strip()
        return found if is_commit(found) else ""

    def _ask(self, address: Address, arguments: Sequence[str], allowed: Sequence[int] = (0,)) -> bytes:
        return self._process(address).run([f"--git-dir={self.path(address)}", *arguments], allowed=allowed)

    def _fetch(self, address: Address, refspecs: Sequence[str], commit: str) -> None:
        """Fetch refs; where the remote does not give a bare commit, all its branches and tags.

        Raises:
            IndexAccessError: the remote refuses, or does not have the commit.
        """
        from blast_pm.store.locks import lock

        self._check_online(address, commit or address.revision)
        fs.make_directories(self._directory)
        directory = self.path(address)
        with lock(f"{directory}.lock", _LOCK_TIMEOUT_S) as held:
            if commit and self.has(address, commit):
                return
            self._prepare(directory, address)
            process = self._process(address, held.fd)
            self._say(f"Fetching {self._shown(address)}")
            try:
                _run_fetch(process, directory, refspecs)
            except IndexAccessError:
                if not commit or not refspecs[0].startswith(f"+{commit}"):
                    raise
            if commit and not self.has(address, commit):
                _run_fetch(process, directory, _ALL_REFS)
        if commit and not self.has(address, commit):
            raise IndexAccessError(
                f"{self._shown(address)} has no commit {commit}",
                reason="it is on no branch or tag of the repository",
                hint="check the revision, or 'blast lock --upgrade' if the branch was rewritten",
            )

    def _prepare(self, directory: str, address: Address) -> None:
        """Make the clone if there is none, and clear away what a killed fetch left; the lock is held."""
        if not os.path.isfile(os.path.join(directory, "HEAD")):
            temporary = f"{directory}.new"
            for path in (temporary, directory):
                if os.path.lexists(path):
                    fs.remove_tree(path)
            self._process(address).run(["init", "--quiet", "--bare", "--template=", "--", temporary])
            fs.rename(temporary, directory)
            return
        for parent, directories, names in os.walk(directory):
            if os.path.basename(parent) == "objects":
                directories[:] = [name for name in directories if name == "pack"]
            for name in names:
                if name.endswith(".lock") or name.startswith(("tmp_", ".tmp-")):
                    fs.unlink(os.path.join(parent, name))

    def _process(self, address: Address, lock: int = -1) -> GitProcess:
        locks = [lock] if lock >= 0 else []
        return GitProcess(address.location, self._environ, timeout_s=self._timeout_s, locks=locks)

    def _check_online(self, address: Address, revision: str) -> None:
        if self._offline:
            raise self._offline_error(address, revision)

    def _offline_error(self, address: Address, revision: str) -> OfflineError:
        return OfflineError(
            f"{self._shown(address)} at {revision} is not in the store",
            reason="the network is forbidden (--offline)",
            hint="run the command once without --offline",
        )

    def _shown(self, address: Address) -> str:
        return split_git_credentials(address.location)[0]

    def _say(self, text: str) -> None:
        if self._reporter is not None:
            self._reporter.step(text)


def _run_fetch(process: GitProcess, directory: str, refspecs: Sequence[str]) -> None:
    options = ["--quiet", "--force", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-gc"]
    process.run([f"--git-dir={directory}", "fetch", *options, "--", process.location, *refspecs], transfers=True)
