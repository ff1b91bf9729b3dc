"""Which directories can be one link to the store: rules 2 and 6 of folding, as questions about names and bytes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["COPIED", "copied_names", "is_closed", "is_namespace_init"]

# Rule 6: files below site-packages that people and programs change in place, with the reason. They are copied, in
# every link mode, because a link would carry the change into the store and from there into every other environment.
COPIED = {
    "certifi/cacert.pem": "company agents and setup guides append their certificate authority to it",
    "pip/_vendor/certifi/cacert.pem": "the same, so that pip trusts the company's index",
    "botocore/cacert.pem": "the same, for the AWS tools, which prefer it over certifi's",
    "httplib2/cacerts.txt": "the same, for Google's older clients",
    "grpc/_cython/_credentials/roots.pem": "the same, for gRPC",
}


def copied_names(paths: Iterable[str]) -> frozenset[str]:
    """Return which of the paths below site-packages are copied rather than linked."""
    return frozenset(path for path in paths if path in COPIED)


def is_closed(path: str, names: Iterable[str]) -> bool:
    """Tell whether a directory is complete in itself: a regular package, into which no other distribution installs.

    Rule 2: everything without ``__init__.py`` is open, and so is ``*.prefix``. ``__init__`` as an extension module
    makes a regular package just as well, and ``__init__.pyi`` does in a stub-only package (PEP 561).

    Args:
        path: the directory, below site-packages.
        names: the files in it.
    """
    if path.endswith(".prefix"):
        return False
    in_stubs = path.partition("/")[0].endswith("-stubs")
    return any(_is_init(name, in_stubs=in_stubs) for name in names)


def _is_init(name: str, *, in_stubs: bool) -> bool:
    if not name.startswith("__init__."):
        return False
    return name == "__init__.py" or name.endswith((".so", ".pyd")) or (in_stubs and name == "__init__.pyi")


def is_namespace_init(content: bytes) -> bool:
    """Tell whether an ``__init__.py`` declares a namespace package the old way: by pkgutil or pkg_resources."""
    return b"extend_path" in content or b"declare_namespace" in content
