"""The user's keyring, asked when an index refuses: once for a place, and never by a warm command.

Either the ``keyring`` library of this interpreter or the program of that name. Where nobody sits at a terminal it runs
as a program without one, so that no back end can wait for an answer.
"""

from __future__ import annotations

import os
import sys

from blast_core.errors import UsageError
from blast_pm.index.credentials import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["PROVIDERS", "Keyring"]

#: What ``keyring-provider`` may say; ``import`` is pip's word for the library.
PROVIDERS = ("auto", "import", "subprocess", "disabled")

_PATIENCE_S = 60.0


class Keyring:
    """Looks up credentials.

    Args:
        provider: one of `PROVIDERS`; ``auto`` takes the library if there is one, else the program, else nothing.
        environ: the process's variables; ``PATH`` and ``CI`` count.
        note: told once when the keyring can't be used.

    Raises:
        UsageError: no such provider.
    """

    def __init__(self, provider: str, environ: Mapping[str, str], note: Callable[[str], None] | None = None) -> None:
        if provider not in PROVIDERS:
            raise UsageError(
                f"no keyring provider is named {provider}",
                reason=f"there are {', '.join(PROVIDERS)}",
                hint="see the setting keyring-provider, or BLAST_KEYRING_PROVIDER",
            )
        self._provider = provider
        self._environ = environ
        self._note = note

    def find(self, services: Sequence[str], username: str = "") -> Credentials | None:
        """Return the credentials of the first of ``services`` that has any, None without.

        Args:
            services: names in the keyring: an address, or ``host`` or ``host:port``.
            username: whose password is wanted, "" for anyone's.
        """
        if self._provider == "disabled":
            return None
        has_library = self._provider != "subprocess" and _has_library()
        if has_library and self._is_attended():
            return next((found for name in services if (found := self._ask_library(name, username))), None)
        command = [sys.executable, "-m", "keyring"] if has_library else self._find_program()
        if not command:
            return None
        return next((found for name in services if (found := self._run(command, name, username))), None)

    def _is_attended(self) -> bool:
        if self._environ.get("CI", "").lower() not in ("", "0", "false"):
            return False
        return sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()

    def _find_program(self) -> list[str]:
        if self._provider == "import":
            return []
        import shutil

        found = shutil.which("keyring", path=self._environ.get("PATH", os.defpath))
        return [found] if found else []

    def _ask_library(self, service: str, username: str) -> Credentials | None:
        import keyring

        try:
            found = keyring.get_credential(service, username or None)
        except Exception as error:  # noqa: BLE001 - back ends raise what they like
            self._tell(type(error).__name__)
            return None
        return Credentials(found.username or "", found.password) if found is not None else None

    def _run(self, command: Sequence[str], service: str, username: str) -> Credentials | None:
        import subprocess

        # A password alone where the user is known, which every keyring can; else both, each on a line.
        asked = ["get", service, username] if username else ["--mode", "creds", "get", service]
        try:
            done = subprocess.run(
                [*command, *asked],
                env={**self._environ, "PYTHONIOENCODING": "utf-8"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                start_new_session=True,  # without a terminal nothing can be asked on it
                timeout=_PATIENCE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self._tell(type(error).__name__)
            return None
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        if done.returncode or not lines:
            return None
        if username:
            return Credentials(username, lines[0])
        return Credentials(lines[0], lines[1]) if len(lines) > 1 else None

    def _tell(self, what: str) -> None:
        if self._note is not None:
            self._note(f"the keyring can't be used: {what}")


def _has_library() -> bool:
    from importlib.util import find_spec

    return find_spec("keyring") is not None
