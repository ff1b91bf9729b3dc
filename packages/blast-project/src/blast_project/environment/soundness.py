"""Is a generation what it was when it was made? Links that lead somewhere, files with the digests that RECORD tells.

It is asked of a generation that a power loss may have spoiled, on its first use after another start of the machine, and
by ``blast self doctor``. Contents of the store are the store's to compare.
"""

from __future__ import annotations

import os
import stat

from blast_project.environment.activate import ACTIVATION_NAMES
from blast_project.environment.drift import find_drift
from blast_project.environment.generations import current_number, is_doubtful, settle, snapshot_file
from blast_project.environment.layout import META, generations_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from blast_project.environment.generations import Generation

__all__ = ["find_damage", "find_loss"]

_LINE = b"\nblast = 1\n"
_INFO = ".dist-info"
_DIGEST = "sha256="


def find_loss(environment: str, generation: Generation) -> tuple[str, ...]:
    """Return what a power loss did to a generation; () for nothing, and then it is not looked at again.

    Cost: two small files; all of the generation's own files once after the machine started again, if it went down
    before they were flushed.
    """
    if not is_doubtful(environment, generation.number):
        return ()
    found = find_damage(environment, generation)
    if not found:
        settle(environment, generation.number)
    return found


def find_damage(environment: str, generation: Generation) -> tuple[str, ...]:
    """Return what is missing, leads nowhere or has another content, as paths below the environment, sorted.

    What other tools added is no damage. Cost: reads the generation's own files.
    """
    root = os.path.join(generations_directory(environment), str(generation.number))
    return tuple(sorted(set(_iter_damage(environment, root, generation))))


def _iter_damage(environment: str, root: str, generation: Generation) -> Iterator[str]:
    if generation.number == current_number(environment):
        yield from _iter_hidden(environment, root)
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = f"{scripts}/python{'.exe' if os.name == 'nt' else ''}"
    if not os.access(os.path.join(root, python), os.X_OK):
        yield python
    if not _is_configuration(_read(os.path.join(root, "pyvenv.cfg"))):
        yield "pyvenv.cfg"
    for name in ACTIVATION_NAMES:
        path = os.path.join(root, scripts, name)
        # Another version of Blast made other ones; of its own, a name that went is found below.
        if os.path.lexists(path) and not _read(path).endswith(b"\n"):
            yield f"{scripts}/{name}"
    for name in generation.snapshots:
        if not _read(os.path.join(root, META, snapshot_file(name))):
            yield f"{META}/{name}"
    # Of names both directories have, that of site-packages is as good as the other.
    yield from find_drift(environment, generation.number, generation.site_packages).missing
    site = os.path.join(root, generation.site_packages)
    infos = [name for name in _list(site) if name.endswith(_INFO)]
    if len(infos) < len(generation.installed):
        yield generation.site_packages
    for info in infos:
        yield from _iter_changed(root, site, generation.site_packages, info)


def _is_configuration(content: bytes) -> bool:
    """Tell whether a pyvenv.cfg is one of ours, with which Python can start."""
    # As it is written: a path may hold what is no UTF-8.
    lines = [line.partition(" = ") for line in content.decode("utf-8", "surrogateescape").splitlines()]
    said = {key: value for key, equals, value in lines if equals}
    whole = all(equals for _, equals, _ in lines)
    flag = said.get("include-system-site-packages", "") in {"true", "false"}
    return _LINE in content and whole and flag and os.path.isdir(said.get("home", ""))


def _iter_hidden(environment: str, root: str) -> Iterator[str]:
    """Yield what the generation has and the top of the environment, where links lead to it, has not."""
    for name in _list(root):
        if name != META and not os.path.exists(os.path.join(environment, name)):
            yield name


def _iter_changed(root: str, site: str, prefix: str, info: str) -> Iterator[str]:
    import csv

    text = _read(os.path.join(site, info, "RECORD")).decode("utf-8", "replace")
    rows = [row for row in csv.reader(text.splitlines()) if row]
    own = f"{info}/RECORD"
    if not any(row[0] == own for row in rows) or any(len(row) != 3 for row in rows):
        yield f"{prefix}/{own}"
        return
    for path, digest, _ in rows:
        if digest.startswith(_DIGEST) and not _holds(os.path.join(site, path), digest[len(_DIGEST) :]):
            yield os.path.relpath(os.path.join(site, path), root)
        elif not digest and not path.endswith(".pyc") and not os.path.exists(os.path.join(site, path)):
            # A directory that is linked as a whole.
            yield os.path.relpath(os.path.join(site, path), root)


def _holds(path: str, digest: str) -> bool:
    """Tell whether a file has this digest; where it is a link it is enough that it leads to a file."""
    from base64 import urlsafe_b64encode

    from blast_core.digests import sha256_file

    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return os.path.exists(path)
        return urlsafe_b64encode(sha256_file(path)).rstrip(b"=").decode() == digest
    except OSError:
        return False


def _read(path: str) -> bytes:
    try:
        # A pipe in a file's place is empty; nobody waits for it to be filled.
        with open(path, "rb", opener=_open_at_once) as file:
            return file.read() or b""
    except OSError:
        return b""


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _list(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []
