"""The one driver of this repository: ``python3 dev.py VERB``.

    setup      make .venv with all packages (editable) and tools; the other verbs do it when needed
    demo       show what Blast does, on real packages
    test       lock, lint, types, docs and every test; arguments go to pytest, --quick leaves out what is slow
    check      pytest alone, with your arguments
    lint       ruff: rules and formatting
    types      mypy --strict over everything
    property   the laws, on many more generated examples than `test` takes
    docs       build the documentation into .dev/site, warnings are errors
    bench      measure Blast and uv in turn; see `dev.py bench --help`
    fuzz       fuzz the readers of untrusted bytes; see `dev.py fuzz --help`

Needs Python 3.11 or newer and its standard library. When started with an older one it looks for a newer one itself,
which is why this file keeps to syntax that Python 3.7 reads.

Blast manages its own repository: pip makes ``.dev/bootstrap``, which holds what Blast needs to run from this checkout;
`blast sync` makes ``.venv`` as ``blast.lock`` says; `blast run` runs every tool in it. Where the sync fails, pip makes
``.dev/venv`` instead, loudly, so that what Blast breaks can still be tested. BLAST_DEV_PIP=1 asks for that.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

TOP = Path(__file__).resolve().parent
DEV = TOP / ".dev"
BOOTSTRAP = DEV / "bootstrap"
FALLBACK = DEV / "venv"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
PYTHON = "python.exe" if os.name == "nt" else "python"

OLDEST = (3, 11)
MINORS = (14, 13, 12, 11)
NODE_PACKAGES = {"kaitai-struct-compiler": "0.11.0", "js-yaml": "4.1.0", "pyright": "1.1.414"}
ATHERIS = "atheris>=3,<4"
QUICK = "not slow and not crash and not acceptance and not network"


class Setup:
    """How this run was set up.

    Attributes:
        is_hosted: by Blast; by pip otherwise.
        was_stale: the lock did not answer to the manifests, and was made anew.
    """

    is_hosted = True
    was_stale = False


def say(text: str) -> None:
    """Print a line at once, also where stdout is a file that other programs write to."""
    print(text, flush=True)


def fail(text: str) -> NoReturn:
    """End with one line of what is wrong and what to do."""
    sys.exit(f"dev.py: {text}")


def warn(text: str) -> None:
    """Say loudly what is left out."""
    say(f"\n*** LEFT OUT: {text}\n")


# -- an interpreter that is new enough


def find_newer_python() -> str:
    """Return the executable of a Python that is new enough, from PATH or pyenv, or ""."""
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")))
    for minor in MINORS:
        on_path = shutil.which(f"python3.{minor}")
        installed = sorted(pyenv.glob(f"versions/3.{minor}.*/bin/python"), reverse=True)
        for candidate in ([on_path] if on_path else []) + [str(path) for path in installed]:
            test = f"import sys, venv; sys.exit(sys.version_info < {OLDEST})"
            if subprocess.run([candidate, "-c", test], capture_output=True, check=False).returncode == 0:
                return candidate
    return ""


def require_new_python() -> None:
    """Go on with a newer Python where the running one is too old."""
    if sys.version_info >= OLDEST:
        return
    newer = find_newer_python()
    if not newer:
        fail(f"needs Python 3.11 or newer; this is {sys.version.split()[0]}. Start it with one: python3.12 dev.py ...")
    say(f"Python {sys.version.split()[0]} is too old; going on with {newer}")
    sys.exit(subprocess.call([newer, *sys.argv]))


# -- set-up


def find_members() -> list[Path]:
    """Return the packages' folders, in the order of their names."""
    import tomllib

    workspace = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["blast"]["workspace"]
    found = {path for pattern in workspace["members"] for path in TOP.glob(pattern)}
    return sorted(path for path in found if (path / "pyproject.toml").is_file())


def read_groups() -> list[str]:
    """Return the requirements of all dependency groups."""
    import tomllib

    groups = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    # A group that includes another is a table; every group is read anyway.
    return [line for group in groups.values() for line in group if isinstance(line, str)]


def read_runtime() -> list[str]:
    """Return what the packages need to run, besides one another."""
    import tomllib

    projects = [
        tomllib.loads((member / "pyproject.toml").read_text(encoding="utf-8"))["project"] for member in find_members()
    ]
    own = tuple(f"{project['name']}==" for project in projects)
    lines = {line for project in projects for line in project.get("dependencies", ())}
    return sorted(line for line in lines if not line.startswith(own))


def digest_inputs(*more: str) -> str:
    """Return a digest of this Python, this checkout and what else decides what an environment holds."""
    parts = [sys.version, str(Path(sys.executable).resolve()), str(TOP), *more]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def digest_fallback() -> str:
    """Return a digest of everything that decides what .dev/venv holds."""
    parts = read_groups()
    for member in find_members():  # an editable package still copies its scripts
        files = [member / "pyproject.toml", *sorted((member / "scripts").glob("*"))]
        parts += [f"{file.relative_to(TOP)}\n{file.read_text(encoding='utf-8')}" for file in files]
    return digest_inputs(*parts)


def is_root_on_debian() -> bool:
    """Tell whether Debian packages can be installed."""
    return bool(shutil.which("apt-get")) and hasattr(os, "geteuid") and os.geteuid() == 0


def install_debian(*packages: str) -> bool:
    """Install Debian packages where that is possible; tell whether it worked."""
    if not is_root_on_debian():
        return False
    say(f"Installing Debian packages: {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages],
    ):
        if subprocess.run(command, env=environment, capture_output=True, check=False).returncode:
            return False
    return True


def python_in(environment: Path) -> str:
    """Return the path of an environment's interpreter."""
    return str(environment / SCRIPTS / PYTHON)


def make_venv(folder: Path) -> None:
    """Make an environment afresh with the running Python."""
    if folder.exists():
        shutil.rmtree(folder)
    try:
        import ensurepip  # noqa: F401 - Debian leaves it out of python3
    except ImportError:
        package = f"python3.{sys.version_info[1]}-venv"
        if not install_debian(package):
            fail(f"this Python has no ensurepip; install it first: apt-get install {package}")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)


def run_pip(environment: Path, *arguments: str) -> None:
    """Run pip's install; what it says is shown where it fails."""
    command = [python_in(environment), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if run.returncode:
        say(run.stdout)
        fail("pip could not install the packages and tools; its own lines above say why")


def has_stamp(environment: Path, stamp: str) -> bool:
    """Tell whether an environment was completed from these inputs."""
    file = environment / "blast-stamp"
    return file.is_file() and file.read_text() == stamp


def make_bootstrap() -> None:
    """Make the environment in which this checkout's Blast runs, where what it needs has changed."""
    sources = [str(member / "src") for member in find_members()]
    runtime = read_runtime()
    stamp = digest_inputs(*sources, *runtime)
    if has_stamp(BOOTSTRAP, stamp):
        return
    say("Setting up .dev/bootstrap: what Blast needs to run")
    make_venv(BOOTSTRAP)
    run_pip(BOOTSTRAP, *runtime)
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = subprocess.run([python_in(BOOTSTRAP), "-c", purelib], capture_output=True, text=True, check=True).stdout
    Path(folder.strip(), "blast.pth").write_text("\n".join(sources) + "\n", encoding="utf-8")
    (BOOTSTRAP / "blast-stamp").write_text(stamp)


def blast_line(*arguments: str) -> list[str]:
    """Return the command line of this checkout's Blast."""
    return [python_in(BOOTSTRAP), "-m", "blast_cli", *arguments]


def run_blast(*arguments: str) -> bool:
    """Run Blast and tell whether it worked; what it says is shown where it did not."""
    run = subprocess.run(
        blast_line(*arguments),
        cwd=TOP,
        env=make_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode:
        # A signal says nothing, so its number does.
        say(f"$ blast {' '.join(arguments)}    (status {run.returncode})\n{run.stdout}")
    return run.returncode == 0


def sync() -> bool:
    """Make .venv what the lock says, and the lock what the manifests say; tell whether that worked."""
    # Bytecode is waited for: thousands of processes of tests import from this environment.
    arguments = ["sync", "--python", sys.executable, "--compile-bytecode"]
    if run_blast(*arguments, "--locked"):
        return True
    Setup.was_stale = not run_blast("lock", "--check")
    return Setup.was_stale and run_blast(*arguments)


def install_fallback() -> None:
    """Install the tools and all packages with pip, where anything that decides them has changed."""
    stamp = digest_fallback()
    if has_stamp(FALLBACK, stamp):
        return
    say("Setting up .dev/venv with pip: tools, and all packages (editable)")
    make_venv(FALLBACK)
    run_pip(FALLBACK, *read_groups())
    # The build backend is among the tools: without isolation the packages take 2 s instead of 8.
    parts = (part for path in find_members() for part in ("--editable", str(path)))
    run_pip(FALLBACK, "--no-build-isolation", *parts)
    (FALLBACK / "blast-stamp").write_text(stamp)


def install_packages() -> None:
    """Make the environment of the tools, with Blast or else with pip."""
    started = time.perf_counter()
    Setup.is_hosted = not os.environ.get("BLAST_DEV_PIP")
    if Setup.is_hosted:
        make_bootstrap()
        Setup.is_hosted = sync()
        if not Setup.is_hosted:
            warn("Blast managing its own repository: the sync failed, see above. Going on with pip and .dev/venv")
        elif Setup.was_stale:
            warn("blast.lock did not answer to the manifests. It was locked anew; look at it and commit it")
    if not Setup.is_hosted:
        install_fallback()
    seconds = time.perf_counter() - started
    if seconds > 2:
        say(f"Set up in {seconds:.1f} s")


def install_node_packages() -> None:
    """Install the compiler of the formats' second reader; without it those tests are skipped."""
    folder = DEV / "node"
    wanted = [f"{name}@{version}" for name, version in NODE_PACKAGES.items()]
    stamp = folder / "blast-stamp"
    if stamp.is_file() and stamp.read_text() == " ".join(wanted):
        return
    if not (shutil.which("node") and shutil.which("npm")) and not install_debian("nodejs", "npm"):
        warn("the tests of the second reader (docs/spec/*.ksy) and of pyright: node and npm are not on PATH")
        return
    folder.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm") or "npm"
    options = ["--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.call([npm, "install", "--prefix", str(folder), *options, *wanted], stdout=subprocess.DEVNULL):
        missing = " ".join(wanted)
        warn(f"the tests of the second reader (docs/spec/*.ksy) and of pyright: npm could not install {missing}")
        return
    stamp.write_text(" ".join(wanted))


def install_strace() -> None:
    """Install what kills commands at system calls; without it those tests are skipped."""
    if sys.platform == "linux" and not shutil.which("strace") and not install_debian("strace"):
        warn("the tests that kill commands at system calls: strace is not on PATH")


def install_redis() -> None:
    """Install the server behind memory stores; without it those tests are skipped."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if sys.platform == "linux" and not found and not install_debian("redis-server"):
        warn("the tests of memory stores over Redis: redis-server is not on PATH")


def set_up() -> None:
    """Make everything that the verbs need; quick when nothing changed."""
    DEV.mkdir(exist_ok=True)
    install_packages()
    install_node_packages()
    install_strace()
    install_redis()


# -- verbs


def make_environment(**more: str) -> dict[str, str]:
    """Return the variables of the tools: the user's, with no other environment active than theirs."""
    environment = {**os.environ, **more}
    for name in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"):
        environment.pop(name, None)
    if not Setup.is_hosted:
        environment["VIRTUAL_ENV"] = str(FALLBACK)
        environment["PATH"] = str(FALLBACK / SCRIPTS) + os.pathsep + environment.get("PATH", "")
    return environment


def python_line(*arguments: str, also: Sequence[str] = ()) -> list[str]:
    """Return the command line of the tools' Python.

    Args:
        arguments: of Python.
        also: requirements beside the environment's own; installed before where pip made it.
    """
    if Setup.is_hosted:
        return blast_line("run", *(part for line in also for part in ("--with", line)), "python", *arguments)
    if also:
        run_pip(FALLBACK, *also)
    return [python_in(FALLBACK), *arguments]


def run_module(*arguments: str, **more: str) -> int:
    """Run ``python -m`` with these arguments among the tools, at the top of the repository."""
    return subprocess.call(python_line("-m", *arguments), cwd=TOP, env=make_environment(**more))


def check_lock() -> int:
    """Check that the committed lock answers to the manifests."""
    if not Setup.is_hosted:
        warn("the check of blast.lock: pip made the environment")
        return 0
    if Setup.was_stale:
        say("blast.lock did not answer to the manifests; commit the one that set-up made")
        return 1
    return subprocess.call(blast_line("lock", "--check"), cwd=TOP, env=make_environment())


def lint(arguments: Sequence[str] = ()) -> int:
    """Check ruff's rules and formatting; both speak before the verdict."""
    return run_module("ruff", "check", *arguments) | run_module("ruff", "format", "--check", *arguments)


def check_types(arguments: Sequence[str] = ()) -> int:
    """Check the types of all packages, tests and tools in one run."""
    return run_module("mypy", *arguments)


def build_docs(arguments: Sequence[str] = ()) -> int:
    """Build the documentation; a warning is an error."""
    options = ["--strict", "--site-dir", str(DEV / "site")]  # not --quiet: it would hide warnings from --strict
    return run_module("mkdocs", "build", *options, *arguments, NO_MKDOCS_2_WARNING="1")


def run_pytest(arguments: Sequence[str] = (), **more: str) -> int:
    """Run pytest on two workers."""
    return run_module("pytest", "-q", "-n", "2", "--dist", "worksteal", *arguments, **more)


def test(arguments: Sequence[str]) -> int:
    """Run all checks, each to its end; the last line is ``N passed, N failed``."""
    arguments = [part for argument in arguments for part in (("-m", QUICK) if argument == "--quick" else (argument,))]
    report = DEV / "junit.xml"
    report.unlink(missing_ok=True)
    stages: dict[str, Callable[[], int]] = {
        "lock": check_lock,
        "lint": lint,
        "types": check_types,
        "docs": build_docs,
        "tests": lambda: run_pytest([f"--junitxml={report}", *arguments]),
    }
    codes, times = {}, {}
    for name, stage in stages.items():
        say(f"\n== {name}")
        started = time.perf_counter()
        codes[name] = stage()
        times[name] = time.perf_counter() - started
    counts = read_counts(report)
    failed = counts["failed"] + sum(
        bool(code) for name, code in codes.items() if name != "tests" or not counts["failed"]
    )
    say("")
    for name, code in codes.items():
        say(f"{name:8} {'FAILED' if code else 'ok':8} {times[name]:8.1f} s")
    say(f"{'total':8} {'':8} {sum(times.values()):8.1f} s")
    say(f"{counts['passed']} passed, {failed} failed, {counts['skipped']} skipped")
    return int(failed > 0)


def read_counts(report: Path) -> dict[str, int]:
    """Return how many tests passed, failed and were skipped, from pytest's JUnit report."""
    from xml.etree import ElementTree as ET

    counts = {"passed": 0, "failed": 0, "skipped": 0}
    if not report.is_file():
        return counts
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - pytest wrote it just now
        bad = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        skipped = int(suite.get("skipped", "0"))
        counts["failed"] += bad
        counts["skipped"] += skipped
        counts["passed"] += int(suite.get("tests", "0")) - bad - skipped
    return counts


def check_properties(arguments: Sequence[str] = ()) -> int:
    """Run the property tests with the profile that takes many examples."""
    return run_pytest(["-m", "property", *arguments], HYPOTHESIS_PROFILE="deep")


def demo(arguments: Sequence[str] = ()) -> int:
    """Run the demonstration."""
    return subprocess.call(python_line("examples/demo.py", *arguments), cwd=TOP, env=make_environment())


def bench(arguments: Sequence[str] = ()) -> int:
    """Run the benchmarks."""
    return run_module("benchmarks", *arguments)


def fuzz(arguments: Sequence[str] = ()) -> int:
    """Run the fuzzers, with atheris, which nothing else needs."""
    if sys.platform != "linux" or not OLDEST <= sys.version_info[:2] <= (3, 13):
        fail("atheris has wheels for Linux and CPython 3.11 to 3.13; start dev.py with one of these")
    line = python_line("-m", "fuzz", *arguments, also=[ATHERIS])
    return subprocess.call(line, cwd=TOP, env=make_environment())


VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "setup": lambda _arguments: 0,
    "demo": demo,
    "test": test,
    "check": lambda arguments: run_module("pytest", *arguments),
    "lint": lint,
    "types": check_types,
    "property": check_properties,
    "docs": build_docs,
    "bench": bench,
    "fuzz": fuzz,
}


def main(arguments: Sequence[str]) -> int:
    """Run one verb, after setting up what it needs."""
    if not arguments or arguments[0] not in VERBS:
        say((__doc__ or "").strip())
        return 0 if arguments and arguments[0] in {"-h", "--help", "help"} else 2
    require_new_python()
    set_up()
    return VERBS[arguments[0]](arguments[1:])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
