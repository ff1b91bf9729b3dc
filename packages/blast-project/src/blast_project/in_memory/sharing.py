"""Images and wheels that runs in memory share, through whatever lends blobs (`blast_core.blobs`).

A whole image is one holding: its memory files by the numbers under which its index knows them. Of the runs that want
the same only the first makes it, and all map the same pages. An index is a marshal, so one that comes from elsewhere
is not used; wheels may come from anywhere, since their sha256 is known.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from blast_core.errors import BlastError
from blast_core.tuples import NamedTuple
from blast_project.in_memory.image import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from blast_core.blobs import BlobSource, Holding
    from blast_core.interpreter import Interpreter
    from blast_core.reporter import Reporter

__all__ = ["Built", "Sharing", "image_key"]

_FACTS = "facts"
_WHEEL = "wheel"


class Built(NamedTuple):
    """An image, and its programs by name: entry point and path, "" for what it has not."""

    image: Image
    programs: Mapping[str, tuple[str, str]]


def image_key(interpreter: Interpreter, parts: Iterable[str]) -> str:
    """Return the key under which an image is shared; it stays on this machine.

    Args:
        interpreter: that reads it.
        parts: all that decides what is in it, in order.
    """
    from blast_core.digests import blake3_digest
    from blast_project import __version__

    known = [__version__, interpreter.executable, interpreter.version, *parts]
    digest = blake3_digest("\0".join(known).encode("utf-8", "surrogatepass"))
    return f"local/image/{digest.hex()}"


class Sharing:
    """Borrows from, and lends to, other runs; without a source every run has all for itself.

    Args:
        connect: opens a connection to the source; None where there is none.
        reporter: is told when the source fails; a run goes on without it.
    """

    def __init__(self, connect: Callable[[], BlobSource] | None, reporter: Reporter) -> None:
        self._connect = connect
        self._reporter = reporter

    @property
    def is_on(self) -> bool:
        """Whether there is a source, and it did not fail yet."""
        return self._connect is not None

    def image(self, key: str, build: Callable[[], Built]) -> Built:
        """Return the image of a key: one that is lent, or what ``build`` makes, which is then lent to others."""
        made: list[Built] = []
        failures: list[BaseException] = []
        source = self._open()
        if source is None:
            return build()

        def make(_: str) -> Sequence[tuple[str, int]]:
            try:
                made.append(build())
            except BaseException as error:
                failures.append(error)
                raise
            return _parts_of(made[0])

        try:
            holding = source.ensure([key], make)[key]
        except BlastError as error:
            source.close()
            if failures:
                raise failures[0] from None
            self._give_up(error)
            return made[0] if made else build()
        if made or holding.origin:
            _close_parts(holding)
            return self._keep(source, made[0] if made else build())
        taken = _take(holding)
        if taken is None:
            source.close()
            return build()
        return self._keep(source, taken)

    def wheels(self, sha256s: Sequence[str]) -> dict[str, int]:
        """Return descriptors of those wheels that are lent, by sha256; the receiver checks and closes them."""
        source = self._open() if sha256s else None
        if source is None:
            return {}
        try:
            lent = source.lend([f"{_WHEEL}/{sha256}" for sha256 in sha256s])
        except BlastError as error:
            self._give_up(error)
            return {}
        finally:
            source.close()
        found: dict[str, int] = {}
        for key, holding in lent.items():
            found[key.partition("/")[2]] = holding.parts[0].fd
            _close_parts(holding._replace(parts=holding.parts[1:]))
        return found

    def lend_wheels(self, descriptors: Mapping[str, int]) -> None:
        """Lend wheels, by sha256, to others."""
        source = self._open() if descriptors else None
        if source is None:
            return
        by_key = {f"{_WHEEL}/{sha256}": descriptor for sha256, descriptor in descriptors.items()}
        try:
            for holding in source.ensure(list(by_key), lambda key: [(_WHEEL, by_key[key])]).values():
                _close_parts(holding)
        except BlastError as error:
            self._give_up(error)
        finally:
            source.close()

    # -- inside

    def _open(self) -> BlobSource | None:
        if self._connect is None:
            return None
        try:
            return self._connect()
        except BlastError as error:
            self._give_up(error)
            return None

    def _give_up(self, error: BlastError) -> None:
        self._connect = None
        self._reporter.note(f"{error.message}; this run has everything for itself")

    def _keep(self, source: BlobSource, built: Built) -> Built:
        """Have the program inherit the connection, so that what it borrows stays."""
        import fcntl

        above = max(built.image.descriptors) + 1
        try:
            kept = fcntl.fcntl(source.fileno(), fcntl.F_DUPFD_CLOEXEC, above)
        except OSError:
            return built
        finally:
            source.close()
        return built._replace(image=built.image._replace(descriptors=(*built.image.descriptors, kept)))


def _parts_of(built: Built) -> list[tuple[str, int]]:
    image = built.image
    facts = {
        "descriptor": image.descriptor,
        "distributions": image.distributions,
        "bytes": image.bytes,
        "programs": built.programs,
    }
    described = os.memfd_create(_FACTS, os.MFD_CLOEXEC)
    os.write(described, json.dumps(facts).encode())
    return [(_FACTS, described), *((str(descriptor), descriptor) for descriptor in image.descriptors)]


def _take(holding: Holding) -> Built | None:
    """Put what is lent under the numbers that the index knows; None where one of them is in use."""
    facts, *rest = holding.parts
    document = json.loads(os.pread(facts.fd, facts.size, 0))
    os.close(facts.fd)
    numbers = [int(part.name) for part in rest]
    if not _place([part.fd for part in rest], numbers):
        return None
    image = Image(document["descriptor"], tuple(numbers), document["distributions"], document["bytes"])
    return Built(image, {name: (row[0], row[1]) for name, row in document["programs"].items()})


def _place(descriptors: Sequence[int], numbers: Sequence[int]) -> bool:
    import fcntl

    above = max(numbers) + 1
    moved: list[int] = []
    try:
        for descriptor in descriptors:
            moved.append(fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, above))
            os.close(descriptor)
        if any(_is_open(number) for number in numbers):
            return False
        for descriptor, number in zip(moved, numbers, strict=True):
            os.dup2(descriptor, number, inheritable=False)
    finally:
        for descriptor in moved:
            os.close(descriptor)
    return True


def _is_open(number: int) -> bool:
    import fcntl

    try:
        fcntl.fcntl(number, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def _close_parts(holding: Holding) -> None:
    for part in holding.parts:
        os.close(part.fd)
