"""``blast publish``: which files go where, who sends them, and what is there already.

Everything that can be checked here is checked before the first byte leaves: all files, the address, the credentials.
Wheels go before source distributions, so that nobody who installs meanwhile builds what a wheel would bring.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from blast_core.errors import ArchiveRejected, BlastError, DigestMismatch, ProjectNotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blast_core.reporter import Reporter
    from blast_pm.index.transport.httpx_adapter import HttpxTransport
    from blast_pm.publish.artifact import Artifact
    from blast_project.publish_request import PublishRequest
    from blast_project.settings import Settings

__all__ = ["Published", "find_files", "publish"]

_SUFFIXES = (".whl", ".tar.gz", ".zip")


class Published(NamedTuple):
    """One file: outcome is ``uploaded``, ``skipped`` (it is there already) or ``checked`` (a dry run)."""

    path: str
    name: str
    version: str
    size: int
    sha256: str
    outcome: str


def find_files(directory: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the paths of the distributions that patterns stand for; of ``dist`` in ``directory`` where there are none.

    Raises:
        UsageError: a pattern stands for nothing, or there is nothing to upload.
    """
    from glob import glob

    found: dict[str, None] = {}
    for pattern in patterns or (os.path.join("dist", "*"),):
        path = os.path.join(directory, pattern)
        matches = [path] if os.path.isfile(path) else sorted(glob(path))
        if patterns and not matches:
            raise UsageError(f"{pattern}: there is no such file", hint="'blast build' writes into 'dist'")
        # Whoever names a file means it; of a pattern only what can be uploaded counts.
        found.update(dict.fromkeys(name for name in matches if path == name or name.endswith(_SUFFIXES)))
    if not found:
        raise UsageError(
            f"there is nothing to upload in {os.path.join(directory, 'dist')}", hint="'blast build' builds it"
        )
    return tuple(sorted(found, key=lambda path: (not path.endswith(".whl"), os.path.basename(path))))


def publish(
    settings: Settings, reporter: Reporter, paths: Sequence[str], request: PublishRequest
) -> tuple[Published, ...]:
    """Upload files and return what became of each.

    Raises:
        ArchiveRejected, RecordMismatch: a file is not fit to be uploaded; none was.
        DigestMismatch: the index has another file of that name.
        UsageError: nobody is known who could send them.
        IndexDenied, IndexAccessError: the index refused or can't be reached; files before were uploaded.
    """
    from blast_compat.pip_config import read_pip_configuration
    from blast_core.errors import OfflineError
    from blast_pm.index.transport.httpx_adapter import HttpxTransport
    from blast_pm.index.transport.options import network_options

    if settings.offline:
        raise OfflineError("publishing needs the network", hint="leave out --offline")
    artifacts = _read_all(reporter, paths)
    present = _present(settings, reporter, artifacts, request.destination.check_url)
    waiting = [artifact for artifact in artifacts if artifact.filename not in present]
    if request.dry_run or not waiting:
        return tuple(_published(row, "skipped" if row.filename in present else "checked") for row in artifacts)
    transport = HttpxTransport(network_options(settings.environ, read_pip_configuration(settings.environ)))
    try:
        return _upload_all(settings, reporter, transport, artifacts, present, request)
    finally:
        transport.close()


def _read_all(reporter: Reporter, paths: Sequence[str]) -> list[Artifact]:
    from blast_pm.publish.artifact import check_description, read_artifact

    reporter.step("Checking")
    artifacts = [read_artifact(path) for path in paths]
    for artifact in artifacts:
        fault = check_description(artifact)
        if fault:
            raise ArchiveRejected(
                f"the description of {artifact.filename} can't be shown by an index",
                reason=fault,
                hint="correct the readme, or say in pyproject.toml which kind of text it is",
            )
    return artifacts


def _present(settings: Settings, reporter: Reporter, artifacts: Sequence[Artifact], check_url: str) -> frozenset[str]:
    """Return the names of the files that the index has already, with the same content.

    Raises:
        DigestMismatch: it has another one of that name.
    """
    if not check_url:
        return frozenset()
    from blast_core.names import normalize_name
    from blast_project.session import Session

    reporter.step("Looking what is there")
    found: dict[str, str] = {}
    with Session(settings._replace(index_url=check_url, refresh=True), reporter) as session:
        for name in sorted({normalize_name(artifact.name) for artifact in artifacts}):
            try:
                found.update((file.filename, file.sha256) for file in session.client.page(name).files)
            except ProjectNotFound:
                continue
    for artifact in artifacts:
        theirs = found.get(artifact.filename, "")
        if theirs and theirs != artifact.sha256:
            raise DigestMismatch(
                f"the index has another {artifact.filename}",
                reason=f"sha256 {theirs} there, {artifact.sha256} here",
                hint="a released file is never replaced: raise the version, as 'blast version --bump patch' does",
            )
    return frozenset(artifact.filename for artifact in artifacts if artifact.filename in found)


def _upload_all(
    settings: Settings,
    reporter: Reporter,
    transport: HttpxTransport,
    artifacts: Sequence[Artifact],
    present: frozenset[str],
    request: PublishRequest,
) -> tuple[Published, ...]:
    from blast_pm.publish.artifact import form_of
    from blast_pm.publish.upload import upload_file
    from blast_project.publish_address import find_credentials, goes_in_the_clear

    forms = {artifact.path: form_of(artifact, attestations=request.attestations) for artifact in artifacts}
    credentials = find_credentials(settings, reporter, transport, request)
    if credentials is not None and goes_in_the_clear(request.destination.url):
        reporter.note("the password goes unencrypted, and whoever is on the way can read it: https hides it")
    done: list[Published] = []
    for artifact in artifacts:
        if artifact.filename in present:
            done.append(_published(artifact, "skipped"))
            continue
        reporter.start(artifact.filename, f"{artifact.name} {artifact.version}", artifact.size)
        try:
            answer = upload_file(
                transport,
                request.destination.url,
                forms[artifact.path],
                artifact.path,
                credentials,
                lambda count, key=artifact.filename: reporter.advance(key, count),  # type: ignore[misc]
            )
            if answer.exists_already and not request.skip_existing:
                raise _taken(artifact, answer.text)
        except BlastError as error:
            sent = [os.path.basename(row.path) for row in done if row.outcome == "uploaded"]
            if sent:
                error.reason = "; ".join(filter(None, (error.reason, f"uploaded before: {', '.join(sent)}")))
            raise
        finally:
            reporter.finish(artifact.filename)
        done.append(_published(artifact, "skipped" if answer.exists_already else "uploaded"))
    return tuple(done)


def _taken(artifact: Artifact, text: str) -> DigestMismatch:
    return DigestMismatch(
        f"the index has a file {artifact.filename} already",
        reason=f"it says: {text}",
        hint="'--check-url' names the index's pages, so that equal files are skipped; '--skip-existing' skips all",
    )


def _published(artifact: Artifact, outcome: str) -> Published:
    return Published(artifact.path, artifact.name, artifact.version, artifact.size, artifact.sha256, outcome)
