"""Where fuzzing starts: small wheels as several writers make them, and one or more of everything else.

Hostile wheels of the shared cases, which lie beside some checkouts, are taken too where they are small.
"""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blast_core.digests import blake3_digest
from blast_core.formats.dpl.builder import build_lock
from blast_core.formats.dpl.testing import sample_lock
from blast_core.formats.dpp.convert import convert_wheel
from blast_core.formats.dpp.optimize import optimize
from blast_core.formats.dpp.reader import DppPackage
from blast_core.formats.dpx import encode
from blast_core.testing_wheels import DEFLATED, STORED, Member, WheelRecipe, build_wheel
from fuzz.wheel_target import guess_filename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["make_seeds"]

_GENERATOR = "shared/cases/archives/bad_wheels.py"
_MOST = 16 << 10

_MANIFEST = """\
[project]
name = "sample"
version = "1.0"
requires-python = ">=3.9"
dependencies = ["click>=8", "tomli; python_version < '3.11'"]
optional-dependencies = {e = ["a[b]"]}

[dependency-groups]
dev = ["pytest", {include-group = "docs"}]
docs = ["mkdocs"]

[tool.blast]
targets = ["linux-x86_64"]
exclude-newer = "2026-01-01T00:00:00Z"

[tool.other]
x = [1, -2, 3.5, true, 12:30:00, 2026-01-01, 2026-01-01T00:00:00Z, 123456789012345678901234567890, "é"]

[tool.blast.sources]
a = {git = "https://git.invalid/a", tag = "v1"}
"""
_PAGE = {
    "meta": {"api-version": "1.1"},
    "name": "sample",
    "versions": ["1.0"],
    "files": [
        {
            "filename": "sample-1.0-py3-none-any.whl",
            "url": "https://files.invalid/sample-1.0-py3-none-any.whl",
            "hashes": {"sha256": "ab" * 32},
            "requires-python": ">=3.9",
            "size": 100,
            "upload-time": "2026-01-01T00:00:00.123456Z",
            "core-metadata": {"sha256": "cd" * 32},
            "yanked": "broken",
        },
        {"filename": "sample-1.0.tar.gz", "url": "../files/sample-1.0.tar.gz", "hashes": {}, "yanked": False},
    ],
}
_HTML = """<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1"><base href="/x/"></head><body>
<a href="sample-1.0-py3-none-any.whl#sha256={}" data-requires-python="&gt;=3.9" data-core-metadata="true">s</a><br/>
<a href='https://files.invalid/sample-1.0.tar.gz' data-yanked="">x</a></body></html>""".format("ab" * 32)
_TEXTS = (
    "click", "Flask[async,dotenv]>=2,!=2.1.*,<4", "tomli>=1.1.0; python_version < '3.11' and extra == 'test'",
    "thing @ https://index.invalid/thing-1.0-py3-none-any.whl ; os_name != 'nt'", "exact===1.0", "a(>=1,~=2.3)",
    "1.0", "1!2.0a1.post3.dev4+local.7", "v1.0-RC.1", ">=1.0,<2", "==1.*", "~=1.4.2",
    "(python_full_version >= '3.11.0rc1' or sys_platform == 'linux') and 'x86' in platform_machine",
)  # fmt: skip
_REQUIREMENTS = """\
# a comment
--index-url https://index.invalid/simple/
-c constraints.txt
flask==3.0.0 ; python_version >= "3.8" \\
    --hash=sha256:{}
-e ./local[extra]
git+https://git.invalid/a@v1#egg=a
${{HOME}}/x.whl
""".format("ab" * 32)
_ELF = b"\x7fELF\2\1\1" + bytes(9) + b"\3\0\x3e\0\1\0\0\0" + bytes(40)


def make_seeds(target: str) -> list[bytes]:
    """Return the inputs that fuzzing a target starts from."""
    return _MAKERS[target]()


def _wheels() -> list[bytes]:
    return [*_own_wheels(), _streamed_wheel(), _compressed_wheel(), *_hostile_wheels()]


def _own_wheels() -> Iterator[bytes]:
    files = [
        Member("sample/__init__.py", b"x = 1\n" * 20, DEFLATED),
        Member("sample/data.bin", bytes(range(9)), STORED),
        Member("sample/_x.cpython-311-x86_64-linux-gnu.so", _ELF, DEFLATED, 0o100755),
    ]
    more = [
        Member("sample-1.0.data/scripts/run", b"#!python\nprint()\n", DEFLATED, 0o100755),
        Member("sample-1.0.data/data/share/x.txt", b"x", STORED),
        Member("sample-1.0.data/purelib/other.py", b"y = 2\n", STORED),
        Member("sample-1.0.data/headers/x.h", b"", STORED),
        Member("sample.pth", b"sample\nimport sample\n", STORED),
        Member("ns/part/__init__.py", b"__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"),
    ]
    yield build_wheel(WheelRecipe())
    yield build_wheel(
        WheelRecipe(
            files=files,
            requires=("click>=8 ; extra == 'e'", "tomli"),
            extras=("e",),
            entry_points="[console_scripts]\nrun = sample:main\n\n[gui_scripts]\nshow = sample.view:App.run [e]\n",
            requires_python=">=3.9",
        )
    )
    yield build_wheel(WheelRecipe(files=files[:1] + more, purelib=False, tags="cp311-abi3-linux_x86_64"))
    yield build_wheel(WheelRecipe(name="Sample-Two", version="1!2.0.post1", files=files[:1], method=STORED))
    yield build_wheel(WheelRecipe(files=[replace_flags(files[0])]))


def replace_flags(member: Member) -> Member:
    """Return a member whose sizes stand behind its data."""
    return Member(member.name, member.content, member.method, flags=8)


def _streamed_wheel() -> bytes:
    """As the standard library writes to a pipe: descriptors behind the data."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            content = bytes(data)
            self.written += content
            return len(content)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in WheelRecipe().members():
            archive.writestr(str(member.name), member.content)
    return pipe.written


def _compressed_wheel() -> bytes:
    """As the standard library writes to a file, with entries for directories."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.mkdir("sample")
        for member in WheelRecipe().members():
            archive.writestr(str(member.name), member.content)
    return out.getvalue()


def _hostile_wheels() -> list[bytes]:
    tops = Path(__file__).resolve().parents
    generator = next((top / _GENERATOR for top in tops if (top / _GENERATOR).is_file()), None)
    if generator is None:
        return []
    with tempfile.TemporaryDirectory() as out:
        subprocess.run([sys.executable, str(generator), "build", "--out", out], check=True, stdout=subprocess.DEVNULL)
        found = sorted(Path(out).glob("*.whl"))
        return [path.read_bytes() for path in found if path.stat().st_size <= _MOST]


def _containers() -> list[bytes]:
    found = []
    with tempfile.TemporaryDirectory() as directory:
        for number, wheel in enumerate(_own_wheels()):
            stem = f"{directory}/{number}"
            Path(f"{stem}.whl").write_bytes(wheel)
            convert_wheel(f"{stem}.whl", f"{stem}.dpp", filename=guess_filename(wheel))
            found.append(Path(f"{stem}.dpp").read_bytes())
            with DppPackage.open(f"{stem}.dpp") as package:
                optimize(package, f"{stem}.small.dpp", bytecode=_bytecode(package))
            found.append(Path(f"{stem}.small.dpp").read_bytes())
    return found


def _bytecode(package: DppPackage) -> Iterator[tuple[str, str, bytes]]:
    import importlib.util
    import marshal

    path = "sample/__init__.py"
    file = package.find(path)
    if file is not None:
        source = package.read(file)
        code = marshal.dumps(compile(source, path, "exec"))
        magic = importlib.util.MAGIC_NUMBER
        yield path, "cpython-311", magic + b"\1\0\0\0" + importlib.util.source_hash(source) + code


def _locks() -> list[bytes]:
    small = sample_lock(1, files=1, dependencies=0)
    return [build_lock(lock) for lock in (small, sample_lock(3, files=2, dependencies=2), sample_lock(5, files=3))]


def _manifests() -> list[bytes]:
    texts = (_MANIFEST, "", "a = 1\n", "[[a]]\nb = []\n[[a]]\nc = {}\n")
    return [encode(tomllib.loads(text), text.encode(), 0) for text in texts]


def _maps() -> list[bytes]:
    from blast_runtime.modmap import MODULE, PACKAGE, PORTION
    from blast_runtime.modmap_builder import MappedDistribution, write_map

    rows = [("a", PACKAGE, "a", ".py"), ("a.b", PACKAGE, "a/b", ".py"), ("x", MODULE, "", ".abi3.so")]
    one = MappedDistribution("One", "1.0", "/t/1", "one-1.0.dist-info", rows, [("", "one.pth")], {"REQUESTED": b""})
    two = MappedDistribution("two.b", "2", "/t/2", "two_b-2.dist-info", [("a", PORTION, "a", ""), *rows[1:2]])
    return [write_map([]), write_map([one]), write_map([one, two], ["/t/"])]


def _pylocks() -> list[bytes]:
    from blast_compat.locks.pylock import write_pylock

    locks = (sample_lock(1, files=1, dependencies=0), sample_lock(3, files=2, dependencies=2))
    return [write_pylock(lock, lambda file: f"https://files.invalid/{file.path}").encode() for lock in locks]


def _sdists() -> list[bytes]:
    return [_tar(kind) for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)]


def _tar(kind: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, content in (
            ("sample-1.0/PKG-INFO", b"Metadata-Version: 2.2\nName: sample\nVersion: 1.0\n"),
            ("sample-1.0/pyproject.toml", b"[build-system]\nrequires = []\n"),
            ("sample-1.0/" + "n" * 90 + "/x.py", b"x = 1\n"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("sample-1.0/link")
        link.type, link.linkname = tarfile.SYMTYPE, "PKG-INFO"
        archive.addfile(link)
    return out.getvalue()


_MAKERS: dict[str, Callable[[], list[bytes]]] = {
    "wheel": _wheels,
    "dpp": _containers,
    "dpl": _locks,
    "dpx": _manifests,
    "dpm": _maps,
    "pylock": _pylocks,
    "sdist": lambda: [*_sdists(), *(gzip.compress(tar, mtime=0) for tar in _sdists())],
    "page": lambda: [b"j" + json.dumps(_PAGE).encode(), b"h" + _HTML.encode()],
    "text": lambda: [text.encode() for text in _TEXTS],
    "manifest": lambda: [_MANIFEST.encode(), b"[project]\nname = 'a'\nversion = '1'\n"],
    "requirements": lambda: [_REQUIREMENTS.encode(), blake3_digest(b"").hex().encode()],
}
