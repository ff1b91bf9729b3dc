"""What the resolver and the installer need to know of a Python interpreter, as plain values.

Whoever finds interpreters fills these in; nothing here looks at this machine.
"""

from __future__ import annotations

from blast_core.tuples import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Interpreter", "Target"]


class Target(NamedTuple):
    """One Python on one platform, for which a project is locked.

    Attributes:
        name: such as ``linux-x86_64-py312``.
        python_version: the full version, such as ``3.12.1``.
        marker_environment: the variables of PEP 508 markers, ``python_version`` to ``platform_machine``.
        tags: wheel tags that it can install, best first (PEP 425), each as ``cp312-cp312-manylinux_2_36_x86_64``; a
            tuple, or the ``TagTable`` of a platform.
        also: further marker environments that it stands for, such as that of the oldest patch release: a marker
            counts as true where it is true in one of them.
    """

    name: str
    python_version: str
    marker_environment: Mapping[str, str]
    tags: Sequence[str]
    also: tuple[Mapping[str, str], ...] = ()


class Interpreter(NamedTuple):
    """A Python executable on this machine.

    Attributes:
        executable: absolute path of the executable outside any virtual environment; of an installation of Blast's own
            by way of the link that leads to the newest patch level.
        version: full version, such as ``3.12.1``.
        implementation: ``cpython`` or ``pypy``.
        cache_tag: such as ``cpython-312``, the middle part of a pyc's name.
        base_prefix: ``sys.base_prefix``.
        site_packages: purelib below an environment, such as ``lib/python3.12/site-packages``.
        scripts: scripts below an environment, ``bin`` or ``Scripts``.
        include: where headers go below an environment, such as ``include/site/python3.12``.
        target: what it can install.
        variant: of its build: ``t`` without the global lock, ``d`` with assertions, ``td``; empty for an ordinary one.
    """

    executable: str
    version: str
    implementation: str
    cache_tag: str
    base_prefix: str
    site_packages: str
    scripts: str
    include: str
    target: Target
    variant: str = ""
