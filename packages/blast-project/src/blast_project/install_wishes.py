"""What the options of one command say about installing: again, for elsewhere, as copies, built in another way.

None of it is remembered: the next command without these options makes the environment what the project says.
"""

from __future__ import annotations

from blast_core.names import normalize_name
from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from blast_core.interpreter import Interpreter
    from blast_pm.store.cache import StoredDistribution, WantedDistribution
    from blast_project.build_options import BuildOptions
    from blast_project.session import Session
    from blast_project.wanted import Wanted

__all__ = [
    "InstallWishes",
    "check_again",
    "check_platform",
    "for_platform",
    "with_build_wishes",
    "without_editables",
    "without_left_out",
]

# As in `blast_project.source_install`, whose import costs more.
_EDITABLE = ("editable", "workspace")
_LOCAL = ("path", *_EDITABLE)


class InstallWishes(NamedTuple):
    """What options say.

    Attributes:
        reinstall: check, build and link everything again.
        reinstall_packages: normalised names of what alone is.
        platform: for which is installed; "" for this machine's.
        editable: trees that are editable in the project are installed so.
        copied: normalised names of those that are not.
        config_settings: for all build backends, ``KEY=VALUE``.
        config_settings_package: for those of single projects, ``NAME:KEY=VALUE``.
        no_build_isolation: build everything in the project's environment.
        no_build_isolation_package: normalised names of what alone is.
    """

    reinstall: bool = False
    reinstall_packages: tuple[str, ...] = ()
    platform: str = ""
    editable: bool = True
    copied: tuple[str, ...] = ()
    config_settings: tuple[str, ...] = ()
    config_settings_package: tuple[str, ...] = ()
    no_build_isolation: bool = False
    no_build_isolation_package: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether something is asked for."""
        return self != InstallWishes()

    @property
    def again(self) -> bool:
        """Whether something is installed again."""
        return self.reinstall or bool(self.reinstall_packages)

    def reinstalls(self, name: str) -> bool:
        """Tell whether a project is installed again though it is there."""
        return self.reinstall or normalize_name(name) in self.reinstall_packages

    def keeps_editable(self, name: str) -> bool:
        """Tell whether the editable tree of a project stays one."""
        return self.editable and normalize_name(name) not in self.copied


def with_build_wishes(options: BuildOptions, wishes: InstallWishes) -> BuildOptions:
    """Return how source trees are built if options count before the manifest.

    Raises:
        UsageError: a setting has no ``=``, or no name before it.
    """
    if wishes._replace(config_settings=(), config_settings_package=(), no_build_isolation=False) == wishes and not (
        wishes.no_build_isolation_package
    ):
        return options
    by_name: dict[str, list[str]] = {}
    for word in wishes.config_settings_package:
        name, colon, text = word.partition(":")
        if not colon or not name:
            raise _malformed("--config-settings-package", word, "NAME:KEY=VALUE")
        by_name.setdefault(normalize_name(name), []).append(text)
    packages = dict(options.package_settings)
    for name, words in by_name.items():
        packages[name] = (*packages.get(name, ()), *_settings("--config-settings-package", words))
    return options._replace(
        settings=(*options.settings, *_settings("--config-setting", wishes.config_settings)),
        package_settings=tuple(sorted(packages.items())),
        unisolated=options.unisolated | set(wishes.no_build_isolation_package),
        all_unisolated=options.all_unisolated or wishes.no_build_isolation,
    )


def _settings(option: str, words: Sequence[str]) -> tuple[tuple[str, str | tuple[str, ...]], ...]:
    values: dict[str, list[str]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise _malformed(option, word, "KEY=VALUE")
        values.setdefault(key, []).append(value)
    return tuple(sorted((key, found[0] if len(found) == 1 else tuple(found)) for key, found in values.items()))


def _malformed(option: str, word: str, form: str) -> Exception:
    from blast_core.errors import UsageError

    return UsageError(f"{option} {word}", reason="that is no setting", hint=f"write {form}")


def for_platform(interpreter: Interpreter, wishes: InstallWishes) -> Interpreter:
    """Return the interpreter with the target for which files are chosen; builds are done by the one at hand.

    Raises:
        UsageError: no such platform is known.
    """
    if not wishes.platform:
        return interpreter
    from blast_project.foreign_target import for_other_target

    return for_other_target(interpreter, "", wishes.platform)


def without_left_out(wanted: Wanted, left_out: Collection[str]) -> Wanted:
    """Return what is installed of what is chosen; what ``left_out`` says, names and words, is not."""
    from blast_project.selection import LOCAL, WORKSPACE

    def stays(name: str, kind: str) -> bool:
        if name in left_out or (LOCAL in left_out and kind in _LOCAL):
            return False
        return WORKSPACE not in left_out or kind != "workspace"

    files = tuple(row for row in wanted.files if row.name not in left_out)
    return wanted._replace(files=files, sources=tuple(row for row in wanted.sources if stays(row[0], row[2][0])))


def without_editables(wanted: Wanted, wishes: InstallWishes) -> Wanted:
    """Return what is wanted with copies in the place of editable trees, where options want that."""
    sources = tuple(
        (name, version, ("path", *source[1:]))
        if source[0] in _EDITABLE and not wishes.keeps_editable(name)
        else (name, version, source)
        for name, version, source in wanted.sources
    )
    return wanted._replace(sources=sources)


def check_again(session: Session, wanted: Sequence[WantedDistribution]) -> None:
    """Compare with their wheels what is to be installed again, every byte; what differs is unpacked or fetched again.

    Raises:
        StoreError: the disk refuses.
    """
    from blast_core.errors import ObjectMissing
    from blast_project.store_verifying import verify

    again = [row.sha256 for row in wanted if session.settings.wishes.reinstalls(row.name)]
    there = session.cache.find(again)
    if not there:
        return
    try:
        verify(session, sorted(row.blake3 for row in there.values()), repair=True)
    except ObjectMissing:
        # Of a site store, or removed meanwhile.
        return


def check_platform(stored: Sequence[StoredDistribution], interpreter: Interpreter) -> None:
    """Refuse what was built here and runs here alone, where something else was asked for.

    Raises:
        InstallError: a distribution is for this machine.
    """
    import os

    from blast_core.errors import InstallError
    from blast_pm.metadata.wheels import best_filename

    for row in stored:
        tags: list[str] = []
        for name in os.listdir(row.tree):
            if name.endswith(".dist-info"):
                with open(os.path.join(row.tree, name, "WHEEL"), encoding="utf-8") as file:
                    tags = [line.partition(":")[2].strip() for line in file if line.startswith("Tag:")]
        if tags and best_filename([f"{row.name}-1-{tag}.whl" for tag in tags], interpreter.target) is None:
            raise InstallError(
                f"{row.name} {row.version} can't be installed for {interpreter.target.name}",
                reason="it is built from source, which gives what runs on this machine",
                hint="'--no-build' looks for versions that have a wheel",
            )
