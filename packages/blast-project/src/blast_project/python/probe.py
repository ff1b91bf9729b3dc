"""Asking an interpreter about itself, once, and remembering the answer.

The answer is kept under the executable's path with its size and modification time, so an interpreter that was replaced
is asked again. A script is asked each time: what it starts may be another interpreter tomorrow, as with pyenv's shims.

What is no interpreter for Blast, such as Python 2.7, is remembered for those who search; who names it has it asked
again.
"""

from __future__ import annotations

import marshal
import os

from blast_core import fs
from blast_core.errors import ProbeFailed
from blast_core.interpreter import Interpreter, Target

__all__ = ["InterpreterCache", "interpreter_from_answer", "probe"]

_FORMAT = 3
# Of what a program says that is no interpreter: it may repeat the whole question.
_LINE = 200
# In the place of an answer: why there is none.
_FAILED = "failed"

# Runs inside the interpreter. It borrows only `packaging` from Blast's own installation, for the tags (PEP 425). Python
# 3.8 is too old for that by now: its tags are found out here, from what it says.
_PROGRAM = """
import json, os, platform, sys, sysconfig
sys.path.insert(0, sys.argv[1])
try:
    from packaging.tags import sys_tags
    from packaging.markers import default_environment
    tags, environment = [str(tag) for tag in sys_tags()], default_environment()
except Exception:
    if sys.version_info < (3, 8):
        raise SystemExit("Python " + platform.python_version() + " is too old")
    tags, environment = None, {
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": "%d.%d" % sys.version_info[:2],
        "sys_platform": sys.platform,
    }
sys.path.pop(0)
scheme = "venv" if "venv" in sysconfig.get_scheme_names() else ("nt" if os.name == "nt" else "posix_prefix")
below = {"base": "", "platbase": "", "installed_base": "", "installed_platbase": ""}
path = lambda key: sysconfig.get_path(key, scheme, vars=below).strip("/\\\\").replace(os.sep, "/")
environment.pop("extra", None)
base = getattr(sys, "_base_executable", sys.executable)
print(json.dumps({
    "executable": os.path.realpath(base),
    "version": ".".join(map(str, sys.version_info[:3])),
    "full_version": platform.python_version(),
    "implementation": sys.implementation.name,
    "cache_tag": sys.implementation.cache_tag,
    "base_prefix": sys.base_prefix,
    "site_packages": path("purelib"),
    "scripts": path("scripts"),
    "include": "include/site/python%d.%d" % sys.version_info[:2],
    "variant": ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")
    + ("d" if hasattr(sys, "gettotalrefcount") else ""),
    "system": {"darwin": "macos"}.get(platform.system().lower(), platform.system().lower()),
    "machine": platform.machine().lower().replace("amd64", "x86_64").replace("aarch64", "arm64"),
    "markers": environment,
    "tags": tags,
}))
"""


def interpreter_from_answer(answer: dict[str, object]) -> Interpreter:
    """Return the interpreter that an answer of the probe describes.

    Raises:
        KeyError, TypeError, ValueError: the answer is not one of the probe's.
    """
    version = str(answer["version"])
    major, minor = version.split(".")[:2]
    markers = answer["markers"]
    tags = answer["tags"]
    if not isinstance(markers, dict) or not isinstance(tags, list):
        raise TypeError("its answer about itself has no markers or tags")
    word = "py" if answer["implementation"] == "cpython" else answer["implementation"]
    # As in the tables of platforms: Linux calls that machine otherwise than macOS and Windows do.
    machine = "aarch64" if (answer["system"], answer["machine"]) == ("linux", "arm64") else answer["machine"]
    target = Target(
        name=f"{answer['system']}-{machine}-{word}{major}{minor}",
        python_version=str(answer["full_version"]),
        marker_environment={str(key): str(value) for key, value in markers.items()},
        tags=tuple(str(tag) for tag in tags),
    )
    text = {key: str(value) for key, value in answer.items()}
    return Interpreter(
        executable=text["executable"],
        version=version,
        implementation=text["implementation"],
        cache_tag=text["cache_tag"],
        base_prefix=text["base_prefix"],
        site_packages=text["site_packages"],
        scripts=text["scripts"],
        include=text["include"],
        target=target,
        variant=text.get("variant", ""),
    )


def probe(executable: str) -> dict[str, object]:
    """Run ``executable`` and return what it says of itself.

    Raises:
        ProbeFailed: it can't be run, takes longer than 30 seconds or answers nonsense.
    """
    import json
    import subprocess

    import packaging

    library = os.path.dirname(os.path.dirname(packaging.__file__))
    lasting = False
    try:
        done = subprocess.run(
            [executable, "-I", "-S", "-B", "-c", _PROGRAM, library],
            capture_output=True,
            timeout=30,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            answer = json.loads(done.stdout)
            if isinstance(answer, dict):
                return answer if answer.get("tags", ()) is not None else {**answer, "tags": _tags_of(answer)}
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1][:_LINE] if said else f"exit status {done.returncode}"
        # It ran to its end: it will say the same tomorrow. Who was killed, or found no memory, may not.
        lasting = done.returncode >= 0
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        why = str(error)
    raise _failed(executable, why, lasting=lasting)


def _tags_of(answer: dict[str, object]) -> list[str]:
    """Return the tags of a CPython that is too old to tell them itself; it runs on this machine as Blast does."""
    from packaging.tags import compatible_tags, cpython_tags, platform_tags

    version = tuple(int(part) for part in str(answer["version"]).split(".")[:2])
    abi = f"cp{version[0]}{version[1]}"
    platforms = list(platform_tags())
    tags = (*cpython_tags(version, [abi], platforms), *compatible_tags(version, abi, platforms))
    return [str(tag) for tag in tags]


def _failed(executable: str, why: str, *, lasting: bool = False) -> ProbeFailed:
    return ProbeFailed(
        f"{executable} is no usable Python interpreter",
        reason=why,
        hint="name another one with --python",
        lasting=lasting,
    )


def _is_script(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def _open_at_once(path: str, flags: int) -> int:
    """Wait for nobody who writes, if a pipe stands in a file's place."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


class InterpreterCache:
    """Answers of interpreters, kept in one small file below the store."""

    def __init__(self, home: str) -> None:
        self._path = os.path.join(home, "interpreters")
        self._rows: dict[str, tuple[tuple[int, int], dict[str, object]]] | None = None

    def get(self, executable: str, *, searching: bool = False) -> Interpreter:
        """Return the interpreter at ``executable``, probing it when it is new or was replaced.

        Args:
            executable: path, or a link to it.
            searching: it is one of many; what was none before is not asked again.

        Raises:
            ProbeFailed: as ``probe``.
        """
        try:
            real = os.path.realpath(executable)
            status = os.stat(real)
        except OSError as error:
            raise ProbeFailed(f"{executable} can't be read", reason=error.strerror or "") from error
        stamp = (status.st_size, status.st_mtime_ns)
        rows = self._load()
        try:
            known, answer = rows[real]
            if known == stamp and searching and _FAILED in answer:
                raise _failed(executable, str(answer[_FAILED]))
            if known == stamp:
                return interpreter_from_answer(answer)
        except (KeyError, TypeError, ValueError):
            # It is new, or the row is damaged.
            pass
        try:
            answer = probe(executable)
        except ProbeFailed as error:
            if error.details.get("lasting") and not _is_script(real):
                rows[real] = (stamp, {_FAILED: error.reason})
                self._save(rows)
            raise
        try:
            interpreter = interpreter_from_answer(answer)
        except (KeyError, TypeError, ValueError) as error:
            raise _failed(executable, f"its answer about itself is no such: {error}") from error
        if not _is_script(real):
            rows[real] = (stamp, answer)
            self._save(rows)
        return interpreter

    def _load(self) -> dict[str, tuple[tuple[int, int], dict[str, object]]]:
        if self._rows is None:
            self._rows = {}
            try:
                with open(self._path, "rb", opener=_open_at_once) as file:
                    version, rows = marshal.loads(file.read())  # noqa: S302 - written by this user's Blast on this machine
                if version == _FORMAT and isinstance(rows, dict):
                    self._rows = rows
            except (OSError, ValueError, EOFError, TypeError, MemoryError):
                # A missing or damaged file costs one probe.
                self._rows = {}
        return self._rows

    def _save(self, rows: dict[str, tuple[tuple[int, int], dict[str, object]]]) -> None:
        fs.make_directories(os.path.dirname(self._path))
        fs.replace_file(self._path, marshal.dumps((_FORMAT, rows)), durable=False)
