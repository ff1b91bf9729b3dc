"""Where the command begins: the hot path first, everything else behind it.

The hot path answers ``sync``, ``lock``, ``run`` and ``--version`` when nothing is to be done. It may import almost
nothing: a test holds the list.
"""

import os
import sys

from blast_cli.bundle import keep_missed, use_bundle

__all__ = ["main"]

_MOVES = frozenset(("undo", "redo", "rollback"))
_QUICK = frozenset(("sync", "lock", "run", "tool", "venv", "--version", "-V")) | _MOVES


def main(arguments: list[str]) -> None:
    """Run the command and end the process with its exit status; does not return."""
    _forget_foreign_paths()
    if "--in-memory" in arguments:
        # No file is made then, not even Python's own beside Blast's.
        sys.dont_write_bytecode = True
    bundle = use_bundle()
    if sys.stdin is None or sys.stdout is None or sys.stderr is None:
        _open_closed_streams()
    try:
        if arguments and (arguments[0][:1] == "+" or arguments[0] == "__python"):
            arguments = _spelled_out(arguments)
        status = _answer_at_once(arguments)
        if status is None:
            from blast_cli.application import run

            status = run(arguments)
        if bundle is not None:
            keep_missed()
    except KeyboardInterrupt:
        status = 130
    _leave(status)


def _answer_at_once(arguments: list[str]) -> int | None:
    if not arguments or arguments[0] not in _QUICK:
        return None
    try:
        if arguments[0] == "tool":
            if arguments[1:2] != ["run"]:
                return None
            from blast_cli.hot_tool import answer_tool

            return answer_tool(arguments[2:])
        if arguments[0] in _MOVES:
            from blast_cli.hot_move import answer_move

            return answer_move(arguments[0], arguments[1:])
        if arguments[0] == "venv":
            from blast_cli.hot_venv import answer_venv

            return answer_venv(arguments[1:])
        from blast_cli.hot import answer

        return answer(arguments)
    except OSError:
        # Such as a current directory that is gone, or an output that is full: the long way says which.
        return None


def _spelled_out(arguments: list[str]) -> list[str]:
    """Return what ``+3.12`` and a call as ``python`` stand for; what is wrong with them the long way says."""
    from blast_cli.as_python import is_short, spell_out

    try:
        return spell_out(arguments) if is_short(arguments) else arguments
    except Exception:  # noqa: BLE001 - it is raised again where errors are shown
        return arguments


def _open_closed_streams() -> None:
    """Lead closed standard streams to the null device.

    Otherwise the next file that is opened, such as the database, gets the number of a closed stream, and a program that
    prints there writes into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - the function takes no keyword
    sys.stdin = sys.stdin or open(0, encoding="utf-8")  # noqa: SIM115 - open as long as the process
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115


def _forget_foreign_paths() -> None:
    """Keep the user's PYTHONPATH for the programs that Blast starts, but out of Blast itself."""
    foreign = os.environ.get("PYTHONPATH")
    if foreign and not os.environ.get("BLAST_KEEP_PYTHONPATH"):
        unwanted = {os.path.abspath(part) for part in foreign.split(os.pathsep)}
        sys.path[:] = [path for path in sys.path if path not in unwanted]


def _leave(status: int) -> None:
    """End at once: nothing is left that interpreter shutdown would have to close."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        # The reader of a pipe went away; there is nobody left to tell.
        status = status or 1
    except OSError as error:
        status = status or 1
        os.write(2, f"error: the output can't be written: {error.strerror}\n".encode())
    os._exit(status)
