"""Views: what a program needs to run with distributions of the store, and none of the distributions themselves.

    views/<key>/
      pyvenv.cfg, bin/python        a virtual environment to Python and to every tool: sys.prefix leads here
      bin/<program>                 console scripts, which find the interpreter beside them
      lib/python3.12/site-packages/ one path file, which lets the map answer for this directory, and links for who
                                    reads directories and imports nothing (`view_tree`)
      lib/python3.12/composed/      the few distributions that can't be imported from the store
      share/ …                      data files
      map                           import names, and where in the store they lead
      .blast/                       as in an environment: what it reaches, who runs in it, when it was last used

A view is known by its interpreter and the set of its distributions, so that equal locks share one, whatever the
projects. It is made beside and published by one rename, is never changed, and is given up when nobody has used it for a
while (docs/decisions/0029).
"""

from __future__ import annotations

import os
import time

from blast_core import fs
from blast_core.errors import InstallError
from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple
from blast_project.environment.generations import current_number, is_doubtful
from blast_project.environment.layout import python_path, view_mark
from blast_project.environment.leases import hold_generation
from blast_project.no_env.runtime_files import ensure_runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.store.cache import StoredDistribution
    from blast_project.no_env.view_tree import ViewTree
    from blast_project.session import Session

__all__ = ["DIRECTORY", "MAP", "NUMBER", "View", "can_view", "view_of", "views_directory"]

#: Below the home.
DIRECTORY = "views"
#: Below a view.
MAP = "map"
#: A view is never changed, so it has one generation.
NUMBER = 1
_FORMAT = 2
_OLDEST = (3, 9)
_FLAT = "flat"
_COMPOSED = "composed"
_PATH_FILE = "blast.pth"
# What an activated shell shows.
_PROMPT = "no-env"
# What Python runs when it starts; `sitedir` is the directory of the path file. Its own directory is taken back: nothing
# but the runtime is to be imported from there. In ASCII: of which encoding a path file is, depends on the locale.
_START = (
    "import sys; sys.path.insert(0, {runtime!a}); import blast_runtime.bootstrap as _b; "
    "sys.path.remove({runtime!a}); _b.activate({map!a}, sitedir)"
)
_MORE = "import sys; sys.path.append({0!a})"


class View(NamedTuple):
    """A view.

    Attributes:
        path: absolute.
        python: its interpreter.
        map: its map.
        site_packages: below it.
        is_new: it was made by this call.
    """

    path: str
    python: str
    map: str
    site_packages: str
    is_new: bool = False


def views_directory(home: str) -> str:
    """Return where views lie."""
    return os.path.join(home, DIRECTORY)


def can_view(interpreter: Interpreter) -> bool:
    """Tell whether an interpreter is new enough to run in a view."""
    return tuple(int(part) for part in interpreter.version.split(".")[:2]) >= _OLDEST


def view_of(
    session: Session,
    interpreter: Interpreter,
    stored: Sequence[StoredDistribution],
    *,
    direct_urls: Mapping[str, bytes] | None = None,
    flat: Mapping[str, str] | None = None,
    command: str = "run --no-env",
) -> View:
    """Return the view of some distributions for an interpreter, made if it does not stand yet.

    Args:
        session: services; what it found in the store is leased until it is closed.
        interpreter: of the view.
        stored: in any order, no name twice.
        direct_urls: content of direct_url.json by normalised name (PEP 610).
        flat: directories that are packages under another name than their own, by that name.
        command: for ``cache why``: what made it.

    It is leased for this process and the program that it becomes: nobody removes it meanwhile.

    Raises:
        FileConflict, InstallError: the distributions can't be used together.
        StoreError: the disk refuses.
    """
    from blast_pm.store.failures import explain_failure

    if not can_view(interpreter):
        raise InstallError(
            f"Python {interpreter.version} can't run without an environment",
            reason="what imports from the store needs Python 3.9",
            hint="'blast run' makes an environment",
        )
    rows = sorted(stored)
    urls = {name: bytes(content) for name, content in (direct_urls or {}).items()}
    try:
        runtime = ensure_runtime(session.settings.home)
        making = _Making(session, interpreter, rows, urls, dict(flat or {}), runtime, command)
        return making.find() or making.make()
    except OSError as error:
        raise explain_failure(error, "make a view of the store") from error


class _Making:
    """Finds one view, or makes it."""

    def __init__(
        self,
        session: Session,
        interpreter: Interpreter,
        stored: Sequence[StoredDistribution],
        direct_urls: Mapping[str, bytes],
        flat: Mapping[str, str],
        runtime: str,
        command: str,
    ) -> None:
        self._session = session
        self._interpreter = interpreter
        self._stored = stored
        self._direct_urls = direct_urls
        self._flat = flat
        self._runtime = runtime
        self._command = command
        self._path = os.path.join(views_directory(session.settings.home), self._key())
        self._site = interpreter.site_packages.replace("\\", "/").strip("/")

    def _key(self) -> str:
        from blake3 import blake3

        one = self._interpreter
        parts = [
            repr((_FORMAT, one.executable, one.version, one.base_prefix, self._runtime)),
            repr(self._session.settings.allow_overwrite),
            *(f"{row.name} {row.tree}" for row in self._stored),
            repr(sorted(self._direct_urls.items())),
            repr(sorted(self._flat.items())),
        ]
        return str(blake3("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest())[:24]

    def find(self) -> View | None:
        """Return the view if it stands and is what it was when it was made."""
        path = self._path
        if current_number(path) != NUMBER or not hold_generation(path, NUMBER):
            return None
        if not os.access(python_path(path), os.X_OK) or not os.path.isfile(os.path.join(path, MAP)):
            return None
        if is_doubtful(path, NUMBER) or self._was_changed():
            # It costs no more to make it again than to compare it.
            return None
        return self._view()

    def _view(self, *, is_new: bool = False) -> View:
        path = self._path
        return View(path, python_path(path), os.path.join(path, MAP), self._site, is_new)

    def _was_changed(self) -> bool:
        """Tell whether somebody installed something into it, which is not for all who share it."""
        from blast_project.environment.drift import find_drift

        return bool(find_drift(self._path, NUMBER, self._site))

    def make(self) -> View:
        """Make the view and publish it by one rename."""
        from blast_project.exclusive import exclusive

        with exclusive(self._session, self._path):
            found = self.find()
            if found is not None:
                return found
            self._session.reporter.step("Making a view of the store")
            self._publish()
            if not hold_generation(self._path, NUMBER):
                raise InstallError(f"{self._path} was removed at once", hint="run the command again")
        return self._view(is_new=True)

    def _publish(self) -> None:
        from blast_pm.store.staging import Staging
        from blast_project.no_env.runtime_bytecode import compile_runtime

        with Staging(self._session.cache.paths.staging) as staging:
            made = os.path.join(staging.path, "view")
            unflushed = self._build(made)
            fs.sync_paths([f"{made}/{path}" for path in unflushed])
            compile_runtime(self._runtime, self._interpreter, staging.path)
            fs.make_directories(os.path.dirname(self._path))
            if os.path.lexists(self._path):
                # Doubtful, damaged or changed. Whoever runs there keeps what is open; the new one has the same paths.
                fs.exchange(made, self._path)
            else:
                fs.rename(made, self._path)

    def _build(self, made: str) -> tuple[str, ...]:
        """Build it, and return what has to be flushed to the disk, below it."""
        from blast_project.environment.skeleton import Traits, write_generation_files

        tree, notes = self._place(made)
        for text in notes:
            self._session.reporter.note(text)
        unflushed = write_generation_files(made, self._path, self._interpreter, "", Traits(_PROMPT))
        if tree.composed:
            self._compose(made, tree)
        fs.write_file(os.path.join(made, MAP), self._map(tree))
        self._write_path_file(made)
        below = f".blast/generations/{NUMBER}"
        return (*unflushed, MAP, *(f"{below}/{path}" for path in self._describe(made, f"{made}/{below}")))

    def _describe(self, made: str, generation: str) -> tuple[str, ...]:
        """Write what a generation says of itself, and return what of that has to be flushed, below the generation."""
        from blast_pm.store.roots import group_trees
        from blast_project.environment.drift import write_entries
        from blast_project.environment.generations import Generation, Installed, write_meta

        fs.make_directories(generation)
        # Whoever looks into the generation of an environment finds the view.
        for name in {path.partition("/")[0] for path in (self._site, self._interpreter.scripts)}:
            fs.link_directory(os.path.join("..", "..", "..", name), os.path.join(generation, name))
        fs.symlink(f"generations/{NUMBER}", os.path.join(made, ".blast", "current"))
        fs.write_file(view_mark(made), b"")
        urls = self._direct_urls
        installed = tuple(
            Installed(normalize_name(row.name), row.version, row.sha256, row.name in urls, urls.get(row.name, b""))
            for row in self._stored
        )
        said = Generation(
            number=NUMBER,
            parent=0,
            created=time.time(),
            command=self._command,
            python=self._interpreter.version,
            executable=self._interpreter.executable,
            site_packages=self._site,
            link_mode="fold",
            installed=installed,
            snapshots=(),
            options=b"",
        )
        meta = write_meta(generation, said, {}, group_trees(row.tree for row in self._stored))
        return (*meta, *write_entries(generation, self._site, self._interpreter.scripts))

    def _place(self, made: str) -> tuple[ViewTree, tuple[str, ...]]:
        """Make programs, data files and links."""
        from blast_pm.install.link import DirectoryLinksRefused
        from blast_pm.install.making import Building
        from blast_pm.install.merge import Member
        from blast_pm.install.plan import read_plan
        from blast_project.no_env.view_tree import decide_view

        members = [Member(row.name, row.tree, read_plan(row.plan), self._session.settings.home) for row in self._stored]
        trees = [row.tree for row in self._stored]
        mode = "fold"
        while True:
            tree = decide_view(
                members,
                self._interpreter,
                fold=mode == "fold",
                allow_overwrite=self._session.settings.allow_overwrite,
            )
            building = Building(
                made,
                trees,
                self._interpreter,
                [mode] * len(trees),
                tree.decision,
                bytecode=mode != "fold",
                home=self._session.settings.home,
            )
            try:
                building.build()
            except DirectoryLinksRefused:
                if mode != "fold":
                    raise
                fs.remove_tree(made)
                mode = "hardlink"
                continue
            return tree, (*tree.decision.notes, *building.notes)

    def _compose(self, made: str, tree: ViewTree) -> None:
        """Link what is not imported from the store."""
        from blast_pm.install.plan import read_plan

        site = self._site.rpartition("/")[2]
        directory = f"{made}/{self._composed_below}"
        fs.make_directory(directory)
        for name in tree.names:
            fs.symlink(f"../{site}/{name}", f"{directory}/{name}")
        for owner in sorted(tree.composed):
            row = self._stored[owner]
            info = read_plan(row.plan).dist_info
            fs.link_directory(f"{row.tree}/{info}", f"{directory}/{info}")

    @property
    def _composed_below(self) -> str:
        return f"{self._site.rpartition('/')[0]}/{_COMPOSED}"

    def _map(self, tree: ViewTree) -> bytes:
        from blast_project.no_env.maps import make_map
        from blast_project.no_env.view_tree import as_composed

        composed = f"{self._path}/{self._composed_below}"
        rows = [as_composed(row, composed) if owner in tree.composed else row for owner, row in enumerate(self._stored)]
        return make_map(rows, direct_urls=self._direct_urls)

    def _write_path_file(self, made: str) -> None:
        """Write what Python runs when it starts, and what leads to packages of another name than their directory's."""
        lines = [_START.format(runtime=self._runtime, map=f"{self._path}/{MAP}")]
        if self._flat:
            fs.make_directory(f"{made}/{_FLAT}")
            for name, target in self._flat.items():
                fs.link_directory(target, f"{made}/{_FLAT}/{name}")
            lines.append(_MORE.format(f"{self._path}/{_FLAT}"))
        site = f"{made}/{self._site}"
        fs.write_file(f"{site}/{_PATH_FILE}", "".join(f"{line}\n" for line in lines).encode("ascii"), 0o444)
        # Who installs something here would install it for all who share the view.
        fs.set_mode(site, 0o555)
