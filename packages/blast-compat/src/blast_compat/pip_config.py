"""Read pip's configuration: what it says about indexes, certificates, proxies and timeouts.

pip merges, each overriding the one before: global files, user files, the environment's file (site), the file named by
``PIP_CONFIG_FILE``, and ``PIP_*`` variables. ``PIP_CONFIG_FILE=/dev/null`` switches all files off.

Spec: pip's documentation, "Configuration" (pip has no importable interface for it).
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import UsageError
from blast_core.pip_configuration import PipConfiguration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["configuration_files", "read_pip_configuration"]

_SECTIONS = ("global", "install")  # of two sections the later counts, whichever file it stands in
_OPTIONS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "trusted-host",
    "cert",
    "client-cert",
    "proxy",
    "no-index",
    "keyring-provider",
)
_LISTS = ("extra-index-url", "find-links", "trusted-host")
_TRUE = frozenset(("1", "true", "yes", "on", "y", "t"))


def read_pip_configuration(
    environ: Mapping[str, str], *, prefix: str = sys.prefix, platform: str = sys.platform
) -> PipConfiguration:
    """Merge pip's files and variables into one value.

    Args:
        environ: the environment variables that count.
        prefix: the environment or installation whose own ``pip.conf`` counts.
        platform: as ``sys.platform``; decides where files are looked for.

    Raises:
        UsageError: a file is not a configuration file, or a number is none.
    """
    sections: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for path in configuration_files(environ, prefix=prefix, platform=platform):
        for section, found in _read_file(path).items():
            sections[section].update(found)
    values = {key: value for section in _SECTIONS for key, value in sections[section].items()}
    for name in _OPTIONS:
        variable = "PIP_" + name.upper().replace("-", "_")
        if environ.get(variable):
            values[name] = environ[variable]
    timeout = environ.get("PIP_TIMEOUT") or environ.get("PIP_DEFAULT_TIMEOUT") or ""
    values["timeout"] = timeout or values.get("timeout") or values.get("default-timeout", "")
    lists = {name: tuple(values.get(name, "").split()) for name in _LISTS}
    return PipConfiguration(
        index_url=values.get("index-url", "").strip(),
        extra_index_urls=lists["extra-index-url"],
        find_links=lists["find-links"],
        no_index=values.get("no-index", "").strip().lower() in _TRUE,
        cert=values.get("cert", "").strip(),
        client_cert=values.get("client-cert", "").strip(),
        proxy=values.get("proxy", "").strip(),
        timeout_s=_seconds(values["timeout"]),
        trusted_hosts=lists["trusted-host"],
        keyring_provider=values.get("keyring-provider", "").strip(),
    )


def configuration_files(environ: Mapping[str, str], *, prefix: str, platform: str) -> tuple[str, ...]:
    """Return the files pip would read, weakest first, whether they exist or not."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return ()
    name = "pip.ini" if platform == "win32" else "pip.conf"
    home = environ.get("USERPROFILE" if platform == "win32" else "HOME", "")
    files = _global_files(environ, platform, name)
    files += _user_files(environ, platform, home, name)
    files.append(os.path.join(prefix, name))
    if named:
        files.append(named)
    return tuple(files)


def _global_files(environ: Mapping[str, str], platform: str, name: str) -> list[str]:
    if platform == "win32":
        return [os.path.join(environ.get("PROGRAMDATA", "C:\\ProgramData"), "pip", name)]
    if platform == "darwin":
        return [os.path.join("/Library/Application Support/pip", name)]
    directories = environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep)
    roots = [directory for directory in directories if directory] or ["/etc/xdg"]
    return [*(os.path.join(root, "pip", name) for root in roots), os.path.join("/etc", name)]


def _user_files(environ: Mapping[str, str], platform: str, home: str, name: str) -> list[str]:
    if not home:
        return []
    legacy = os.path.join(home, "pip" if platform == "win32" else ".pip", name)
    if platform == "win32":
        modern = os.path.join(environ.get("APPDATA", os.path.join(home, "AppData", "Roaming")), "pip", name)
    elif platform == "darwin" and os.path.isdir(os.path.join(home, "Library/Application Support/pip")):
        modern = os.path.join(home, "Library/Application Support/pip", name)
    else:
        modern = os.path.join(environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "pip", name)
    return [legacy, modern]


def _read_file(path: str) -> dict[str, dict[str, str]]:
    """Return the options of one file per section; nothing for a missing or unreadable file."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError):
        return {}
    return {section: options for section, options in _parse(text, path).items() if section in _SECTIONS}


def _parse(text: str, path: str) -> dict[str, dict[str, str]]:
    """Parse INI text as ``configparser`` does, which would cost 8 ms to import.

    Raises:
        UsageError: a line before the first section, or one that is no option.
    """
    sections: dict[str, dict[str, str]] = {}
    options: dict[str, str] | None = None
    key = ""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        content = line.strip()
        if not content or content[0] in "#;":
            continue
        if line[0].isspace() and key and options is not None:
            options[key] += f"\n{content}"
        elif content[0] == "[" and "]" in content:
            options = sections.setdefault(content[1 : content.index("]")], {})
            key = ""
        else:
            end = min((content.find(sign) for sign in "=:" if sign in content), default=-1)
            if options is None or end <= 0:
                raise UsageError(
                    f"{path}, line {number}: not a pip configuration file",
                    reason="expected a [section] or an option = value",
                    hint="run pip config debug",
                )
            key = content[:end].rstrip().lower().replace("_", "-")
            options[key] = content[end + 1 :].strip()
    return sections


def _seconds(text: str) -> float:
    if not text.strip():
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        raise UsageError(f"pip's timeout is not a number: {text.strip()!r}") from None
    return max(seconds, 0.0)
