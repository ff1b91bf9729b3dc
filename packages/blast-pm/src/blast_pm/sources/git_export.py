"""From a commit in a clone to a source tree: files and submodules, and links that stay inside.

The tree has no ``.git``, unless a build backend has to ask git for the version: then it gets a repository of its own
that borrows the clone's objects, and may do with it what it likes.
"""

from __future__ import annotations

import os

from blast_core import fs
from blast_core.errors import ArchiveRejected, IndexAccessError
from blast_pm.sources.address import Address, format_git_address, parse_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from blast_pm.sources.git import GitRepositories

__all__ = ["export_commit"]

_DEEPEST = 8
_MOST_SUBMODULES = 256


def export_commit(
    repositories: GitRepositories, address: Address, commit: str, destination: str, *, history: bool = False
) -> None:
    """Write the files of a commit below ``destination``, which must not exist, submodules included.

    Args:
        repositories: has the commit; submodules are fetched through it.
        address: of the repository.
        commit: in full.
        destination: absolute path, in a directory of the caller's own.
        history: give the tree a repository, so that a version can be found in its tags.

    Raises:
        ArchiveRejected: a link leads out of the tree.
        IndexAccessError, OfflineError: a submodule can't be had.
    """
    _export(repositories, address, commit, destination, history=history, depth=0, count=[0])
    _check_links(destination)


def _export(
    repositories: GitRepositories,
    address: Address,
    commit: str,
    destination: str,
    *,
    history: bool,
    depth: int,
    count: list[int],
) -> None:
    clone = repositories.path(address)
    fs.make_directory(destination, 0o700)
    variables = {"GIT_DIR": clone, "GIT_WORK_TREE": destination}
    if history:
        variables["GIT_DIR"] = _make_repository(repositories, address, clone, commit, destination)
    else:
        # A bare clone has no index; and one beside the tree is not taken for a file of it.
        variables["GIT_INDEX_FILE"] = f"{destination}.index"
    options = _lfs_options(repositories, address, commit, variables) if address.lfs else []
    repositories.run_in(
        address, [*options, "read-tree", "--reset", "-u", commit], directory=destination, variables=variables
    )
    links = repositories.list_links(address, commit)
    if links:
        _export_submodules(repositories, address, commit, destination, links, depth, count)
        if history:
            # Their trees have no repository; without this git would call the checkout changed.
            marked = ["update-index", "--assume-unchanged", "--", *(path for path, _ in links)]
            repositories.run_in(address, marked, directory=destination, variables=variables)


def _make_repository(repositories: GitRepositories, address: Address, clone: str, commit: str, destination: str) -> str:
    directory = os.path.join(destination, ".git")
    variables = {"GIT_DIR": directory}
    repositories.run_in(address, ["init", "--quiet", "--template="], directory=destination, variables=variables)
    fs.make_directories(os.path.join(directory, "objects", "info"))
    alternates = os.path.join(clone, "objects")
    fs.write_file(os.path.join(directory, "objects", "info", "alternates"), f"{alternates}\n".encode())
    tags = repositories.run_in(
        address,
        ["for-each-ref", "--format=%(objectname) %(refname)", "refs/tags"],
        directory=destination,
        variables={"GIT_DIR": clone},
    )
    fs.write_file(os.path.join(directory, "packed-refs"), tags)
    fs.replace_file(os.path.join(directory, "HEAD"), f"{commit}\n".encode(), durable=False)
    return directory


def _lfs_options(repositories: GitRepositories, address: Address, commit: str, variables: dict[str, str]) -> list[str]:
    """Fetch the large files of a commit and return the options by which a checkout takes them.

    Raises:
        IndexAccessError: git LFS is not installed, or the remote does not have them.
    """
    from blast_pm.sources.git_process import split_git_credentials

    location = split_git_credentials(address.location)[0]
    clone = repositories.path(address)
    try:
        repositories.run_in(address, ["lfs", "fetch", location, commit], directory=clone, variables={"GIT_DIR": clone})
    except IndexAccessError as error:
        raise IndexAccessError(
            f"{location}: large files (git LFS) can't be fetched",
            reason=error.reason,
            hint="install git-lfs, or take 'lfs' out of the source",
        ) from error
    variables["GIT_LFS_SKIP_SMUDGE"] = "0"
    return ["-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.required=true"]


def _export_submodules(
    repositories: GitRepositories,
    address: Address,
    commit: str,
    destination: str,
    links: list[tuple[str, str]],
    depth: int,
    count: list[int],
) -> None:
    count[0] += len(links)
    if depth >= _DEEPEST or count[0] > _MOST_SUBMODULES:
        raise IndexAccessError(
            f"{address.location.rpartition('@')[2]} has too many submodules",
            reason=f"more than {_MOST_SUBMODULES}, or nested more than {_DEEPEST} deep",
        )
    entries = _read_entries(repositories, address, commit)
    for path, linked in links:
        entry = entries.get(path, {})
        url = entry.get("url", "")
        target = os.path.join(destination, path)
        if not url or entry.get("update") == "none":
            continue
        inner = _submodule_address(address, url)
        repositories.ensure(inner, linked)
        # git made an empty directory for it.
        if os.path.isdir(target) and not os.path.islink(target):
            fs.remove_directory(target)
        _export(repositories, inner, linked, target, history=False, depth=depth + 1, count=count)
        fs.unlink(f"{target}.index")


def _read_entries(repositories: GitRepositories, address: Address, commit: str) -> dict[str, dict[str, str]]:
    """Return what ``.gitmodules`` says, by path."""
    named: dict[str, dict[str, str]] = {}
    for key, value in repositories.read_settings(address, commit, ".gitmodules"):
        section, _, rest = key.partition(".")
        name, _, field = rest.rpartition(".")
        if section == "submodule":
            named.setdefault(name, {})[field] = value
    return {fields["path"]: fields for fields in named.values() if "path" in fields}


def _submodule_address(parent: Address, url: str) -> Address:
    """Return the address of a submodule, relative ones resolved against that of the repository it is in.

    Raises:
        InvalidRequirement: it is no address of a repository.
        IndexAccessError: a repository of another host leads to this machine's files.
    """
    base = parent.location.rstrip("/")
    if url.startswith(("./", "../")):
        scheme, _, rest = base.partition("://")
        parts = rest.split("/")
        for step in url.split("/"):
            if step == ".." and len(parts) > 1:
                parts.pop()
            elif step not in ("", ".", ".."):
                parts.append(step)
        url = f"{scheme}://{'/'.join(parts)}"
    elif url.startswith("/"):
        url = f"file://{url}"
    inner = parse_address(format_git_address(url))
    if inner.location.startswith("file:") and not base.startswith("file:"):
        raise IndexAccessError(
            f"{base.rpartition('@')[2]} has a submodule on this machine", reason=f"it names {inner.location}"
        )
    return inner


def _check_links(root: str) -> None:
    """Refuse symbolic links that lead out of the tree (PEP 706's rule for archives).

    Raises:
        ArchiveRejected: one does.
    """
    real = os.path.realpath(root)
    for parent, directories, names in os.walk(root):
        directories[:] = [name for name in directories if name != ".git"]
        for name in (*directories, *names):
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                continue
            target = os.readlink(path)
            led = os.path.realpath(path)
            if os.path.isabs(target) or os.path.commonpath([real, led]) != real:
                raise ArchiveRejected(
                    f"the repository holds a link that leads out of it: {os.path.relpath(path, root)}",
                    reason=f"it points to {target}",
                    hint="ask its owner to remove the link, or require a release instead",
                )
