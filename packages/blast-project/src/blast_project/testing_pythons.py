"""Helpers for tests: mirrors with builds of interpreters, packed from interpreters of this machine.

    mirror = Mirror(tmp_path / "mirror")
    mirror.pack(interpreter)                    # a real one, in python-build-standalone's layout and under its name
    with MirrorServer(mirror.directory) as server:
        ...                                     # server.url is a BLAST_PYTHON_MIRROR; so is str(mirror.directory)

An interpreter that was packed runs from wherever it is unpacked.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tarfile
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from blast_pm.testing_server import LoopbackServer, Reply, Request
from blast_project.python.discover import iter_interpreters
from blast_project.python.platform_of import this_platform
from blast_project.python.probe import InterpreterCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from blast_core.interpreter import Interpreter

__all__ = ["Mirror", "MirrorServer", "archive_name", "find_cpythons", "installed_pythons", "tar_of", "version_of"]

# What no test imports, and what belongs to the machine: a packed interpreter has some 15 MB without.
_LEFT_OUT = frozenset(
    (
        "__pycache__",
        "dist-packages",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "test",
        "tests",
        "tkinter",
        "turtledemo",
    )
)
_TRIPLES = {"linux": "unknown-linux-gnu", "macos": "apple-darwin"}
_BUILT_BELOW = "/install"


def archive_name(version: str, release: str = "20240107", flavor: str = "install_only") -> str:
    """Return the name of python-build-standalone's archive of a version for this machine."""
    system, machine, _ = this_platform()
    return f"cpython-{version}+{release}-{machine}-{_TRIPLES[system]}-{flavor}.tar.gz"


def tar_of(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w:gz") -> None:
    """Write a tar archive of these members."""
    with tarfile.open(path, mode, compresslevel=1) as archive:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@dataclass
class Mirror:
    """A directory of archives with their SHA256SUMS."""

    directory: Path

    def pack(self, interpreter: Interpreter, release: str = "20240107", name: str = "") -> Path:
        """Pack a real interpreter as python-build-standalone does, and list it.

        What its sysconfig and pkg-config say of its place is what such a build says: that it was made below /install.

        Args:
            interpreter: of this machine.
            release: of the build.
            name: of the archive, where it shall say something else than the truth.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / (name or archive_name(interpreter.version, release))
        with tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for member, content in _members(interpreter):
                if isinstance(content, str):
                    archive.add(content, member.name, recursive=False)
                else:
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        self.list()
        return path

    def list(self) -> None:
        """Write SHA256SUMS for what is there."""
        rows = [
            f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
            for path in sorted(self.directory.iterdir())
            if path.name != "SHA256SUMS"
        ]
        (self.directory / "SHA256SUMS").write_text("".join(rows))


def _members(interpreter: Interpreter) -> Iterator[tuple[tarfile.TarInfo, bytes | str]]:
    """Yield members, each with its content or the file that holds it."""
    minor = ".".join(interpreter.version.split(".")[:2])
    prefix = interpreter.base_prefix
    yield tarfile.TarInfo(f"python/bin/python{minor}"), interpreter.executable
    for name in ("python3", "python"):
        link = tarfile.TarInfo(f"python/bin/{name}")
        link.type, link.linkname = tarfile.SYMTYPE, f"python{minor}"
        yield link, b""
    library = f"{prefix}/lib/python{minor}"
    for directory, folders, names in os.walk(library):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT and not name.startswith("config-"))
        inside = os.path.relpath(directory, prefix)
        for name in sorted(names):
            path = os.path.join(directory, name)
            if os.path.islink(path) or name.endswith((".a", ".pyc")) or name == "EXTERNALLY-MANAGED":
                continue
            member = tarfile.TarInfo(f"python/{inside}/{name}")
            if name.startswith("_sysconfigdata_"):
                with open(path, encoding="utf-8") as file:
                    yield member, _built_below_install(file.read(), prefix).encode()
            else:
                yield member, path
    text = f"prefix={_BUILT_BELOW}\nlibdir=${{prefix}}/lib\nincludedir=${{prefix}}/include\n\nName: Python\n"
    yield tarfile.TarInfo(f"python/lib/pkgconfig/python-{minor}.pc"), text.encode()


def _built_below_install(text: str, prefix: str) -> str:
    text = re.sub(rf"{re.escape(prefix)}(?=[/'])", _BUILT_BELOW, text)
    return re.sub(r"('CC': ')[\w/-]+", r"\1clang", text)


@dataclass
class MirrorServer:
    """A directory served on loopback, ranges too.

    Attributes:
        directory: what is served.
        cuts: bytes after which the next answers for archives are cut off; one each.
        requests: what was asked for.
    """

    directory: Path
    cuts: list[int] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    ranges: bool = True

    def __enter__(self) -> Self:
        self._server = LoopbackServer()
        self._server.index = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where the directory is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/builds"

    def paths(self) -> list[str]:
        """Return the names that were asked for, in order."""
        return [request.path.rpartition("/")[2] for request in self.requests]

    def answer(self, request: Request) -> Reply:
        """Return what to send."""
        from urllib.parse import unquote

        self.requests.append(request)
        path = self.directory / unquote(request.path.removeprefix("/builds/"))
        if not request.path.startswith("/builds/") or not path.is_file():
            return Reply(status=404)
        content = path.read_bytes()
        cut_at = self.cuts.pop(0) if self.cuts and path.name != "SHA256SUMS" else None
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        if asked is None or not self.ranges:
            return Reply(body=content, cut_at=cut_at)
        begin = int(asked[1])
        if begin >= len(content):
            return Reply(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
        headers = {"Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
        return Reply(status=206, body=content[begin:], headers=headers, cut_at=cut_at)


def find_cpythons(home: Path) -> list[Interpreter]:
    """Return one interpreter of each version of CPython on this machine; ``home`` remembers what they said."""
    cache = InterpreterCache(str(home))
    found: dict[str, Interpreter] = {}
    for executable in iter_interpreters(os.environ, str(home)):
        try:
            interpreter = cache.get(executable)
        except Exception:  # noqa: BLE001, S112 - what is no interpreter is not the subject here
            continue
        if interpreter.implementation == "cpython" and not interpreter.variant:
            found.setdefault(interpreter.version, interpreter)
    return list(found.values())


def installed_pythons(home: Path) -> list[str]:
    """Return the names of what Blast installed below a home, in order."""
    root = home / "pythons"
    return sorted(name for name in os.listdir(root) if not name.startswith(".")) if root.is_dir() else []


def version_of(python: str | Path) -> str:
    """Return the version that an interpreter says it has."""
    program = "import sys; print('.'.join(map(str, sys.version_info[:3])))"
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.check_output([python, "-c", program], text=True, env=variables).strip()
