"""Ctrl-C as an exception, by which a command cleans up; before there is anything to clean up, it ends the process."""

__all__ = ["take_interrupts"]


def take_interrupts() -> None:
    """Let Ctrl-C be an exception from here on."""
    import _signal  # type: ignore[import-not-found]  # the part of it that is there since the start

    if _signal.getsignal(_signal.SIGINT) == _signal.SIG_DFL:
        try:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        except ValueError:
            # Not the main thread, such as of a program that calls this one.
            return
