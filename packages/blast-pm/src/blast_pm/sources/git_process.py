"""Running git: without questions, without options hidden in values, with credentials that nobody else can read.

User and password of an address are handed over in the environment, which only this user can read, and only to the host
that they are for: a process list shows no secret, and a redirect carries none away.
"""

from __future__ import annotations

import os

from blast_core.errors import IndexAccessError, IndexDenied, IndexTimeout, UsageError
from blast_pm.index.credentials import without_credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["GitProcess", "split_git_credentials"]

# Variables that point git at another repository or give it other settings than ours (git rev-parse --local-env-vars).
_LOCAL = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
# Packs are whole or not there; loose objects of a killed fetch may be a commit without its files.
_SETTINGS = (
    ("core.autocrlf", "false"),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("fetch.unpackLimit", "1"),
    ("transfer.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
    ("protocol.version", "2"),
)
_HELPER = (
    "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%s\\n' "
    '"$BLAST_GIT_USERNAME" "$BLAST_GIT_PASSWORD"; }; f'
)
_DENIED = ("Authentication failed", "could not read Username", "could not read Password", "Permission denied", "403")
_LAST_LINES = 4
# Less than this many bytes a second for one time limit is no progress.
_LEAST_BYTES_PER_SECOND = 100


class GitProcess:
    """Runs git for one address.

    Args:
        location: the address, which may hold user and password.
        environ: variables of the process.
        timeout_s: seconds without progress; a whole transfer may take sixty times that.
        locks: descriptors that git shall hold as long as it runs, even if this process dies.

    Attributes:
        location: the address without user and password.
    """

    def __init__(
        self, location: str, environ: Mapping[str, str], *, timeout_s: float = 30.0, locks: Sequence[int] = ()
    ) -> None:
        self.location, self._username, self._password = split_git_credentials(location)
        self._environ = environ
        self._timeout_s = timeout_s
        self._locks = tuple(locks)

    def run(
        self,
        arguments: Sequence[str],
        *,
        directory: str | None = None,
        variables: Mapping[str, str] | None = None,
        transfers: bool = False,
        allowed: Sequence[int] = (0,),
    ) -> bytes:
        """Run git and return what it wrote to standard output.

        Args:
            arguments: behind ``git``; addresses among them are ``location``.
            directory: where it runs.
            variables: beside those of every run.
            transfers: it talks to a remote, so it may take long.
            allowed: exit statuses that are no error.

        Raises:
            UsageError: there is no git.
            IndexDenied: the remote wants other credentials.
            IndexTimeout: it took too long, and was ended with all it started.
            IndexAccessError: it failed; the reason is its last lines.
        """
        import shutil
        import subprocess

        program = shutil.which("git", path=self._environ.get("PATH"))
        if program is None:
            raise UsageError(
                "git is not installed",
                reason=f"{self.location} is a repository",
                hint="install git, or require a release instead",
            )
        limit = self._timeout_s * 60 if transfers else max(self._timeout_s * 4, 60.0)
        process = subprocess.Popen(
            [program, *arguments],
            cwd=directory,
            env=self._variables(variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=self._locks if os.name == "posix" else (),
            start_new_session=os.name == "posix",
        )
        try:
            output, complaint = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise IndexTimeout(
                f"{self.location} did not answer in time",
                reason=f"git took longer than {limit:.0f} s",
                hint="set BLAST_HTTP_TIMEOUT to wait longer",
            ) from error
        finally:
            _end(process)
        if process.returncode not in allowed:
            raise self._failure(arguments, complaint.decode("utf-8", "replace"))
        return output

    def _failure(self, arguments: Sequence[str], complaint: str) -> IndexAccessError:
        lines = [line.strip() for line in complaint.splitlines() if line.strip()]
        reason = self._hidden(" / ".join(lines[-_LAST_LINES:])) or "git gave no reason"
        if any(word in complaint for word in _DENIED):
            return IndexDenied(
                f"{self.location} refuses access",
                reason=reason,
                hint="set up a credential helper of git or an ssh key, or check the address",
            )
        verb = next((word for word in arguments if not word.startswith("-")), "git")
        return IndexAccessError(f"{self.location}: git {verb} failed", reason=reason, hint="check address and revision")

    def _hidden(self, text: str) -> str:
        for secret in (self._password, self._username if not self._password else ""):
            text = text.replace(secret, "***") if len(secret) > 3 else text
        return text

    def _variables(self, more: Mapping[str, str]) -> dict[str, str]:
        variables = {name: value for name, value in self._environ.items() if name not in _LOCAL}
        for name in [name for name in variables if name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))]:
            del variables[name]
        settings = [*_SETTINGS, ("http.lowSpeedLimit", str(_LEAST_BYTES_PER_SECOND))]
        settings.append(("http.lowSpeedTime", str(max(int(self._timeout_s), 1))))
        if self._username or self._password:
            scheme, _, rest = self.location.partition("://")
            context = f"credential.{scheme}://{rest.partition('/')[0]}.helper"
            settings += [(context, ""), (context, _HELPER)]
            variables.update(BLAST_GIT_USERNAME=self._username, BLAST_GIT_PASSWORD=self._password)
        variables["GIT_CONFIG_COUNT"] = str(len(settings))
        for number, (key, value) in enumerate(settings):
            variables[f"GIT_CONFIG_KEY_{number}"] = key
            variables[f"GIT_CONFIG_VALUE_{number}"] = value
        variables.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
        variables.update(
            GIT_TERMINAL_PROMPT="0",
            GIT_ALLOW_PROTOCOL="https:http:ssh:git:file",
            GIT_LFS_SKIP_SMUDGE="1",
            LC_ALL="C",
        )
        variables.update(more)
        return variables


def split_git_credentials(location: str) -> tuple[str, str, str]:
    """Return an address without user and password, and those; ssh's user is part of the address and stays."""
    if location.startswith("ssh://"):
        userinfo, at, _ = location[6:].partition("/")[0].rpartition("@")
        user, colon, _ = userinfo.partition(":")
        return (f"ssh://{user}@{location[6 + len(userinfo) + 1 :]}" if at and colon else location), "", ""
    if not location.startswith(("http://", "https://")):
        return without_credentials(location), "", ""
    bare = without_credentials(location)
    if bare == location:
        return location, "", ""
    from urllib.parse import unquote

    userinfo = location[len(bare.partition("://")[0]) + 3 : len(location) - len(bare.partition("://")[2]) - 1]
    username, _, password = userinfo.partition(":")
    return bare, unquote(username), unquote(password)


def _end(process: object) -> None:
    """Kill a process that still runs, with what it started, and close its pipes."""
    import signal
    import subprocess

    assert isinstance(process, subprocess.Popen)
    if process.poll() is None:
        try:
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        except ProcessLookupError:
            pass
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
