"""``blast memstore start``."""

from __future__ import annotations

from blast_cli.commands._amounts import format_size, parse_size
from blast_cli.commands._memstore import add_socket_option, seconds, socket_of
from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from blast_live.memstore.daemon import StoreOptions

__all__ = ["configure", "execute"]

_REDIS_VARIABLE = "BLAST_MEMSTORE_REDIS"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_socket_option(parser)
    parser.add_argument("--detach", action="store_true", help="return once it listens, and leave it running")
    parser.add_argument(
        "--max-size", default="", metavar="SIZE", help="how much it may hold; a quarter of the memory by default"
    )
    parser.add_argument(
        "--patience",
        default="10m",
        metavar="TIME",
        help="roll an install back that takes longer, so that nobody waits for one that hangs; 10m by default",
    )
    parser.add_argument(
        "--uid", type=int, action="append", default=[], metavar="N", help="another user who may connect; repeatable"
    )
    parser.add_argument(
        "--token-file", default="", metavar="FILE", help="everybody has to show the token in FILE, of any user"
    )
    parser.add_argument("--others-write", action="store_true", help="other users may put and evict, not only read")
    redis = parser.add_argument_group("a Redis or Valkey behind it")
    redis.add_argument(
        "--redis",
        default="",
        metavar="URL",
        help=f"read through to this server; with a password, set {_REDIS_VARIABLE} instead",
    )
    redis.add_argument("--redis-prefix", default="blast:1", metavar="TEXT", help="in front of every key there")
    redis.add_argument(
        "--redis-ttl", default="0", metavar="TIME", help="how long a record stays after its last use; 0 for ever"
    )
    redis.add_argument(
        "--redis-timeout", default="2", metavar="TIME", help="how long the server may take to answer; 2s by default"
    )
    redis.add_argument("--redis-read-only", action="store_true", help="write nothing there")


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Run a memory store."""
    from blast_live.memstore.daemon import serve, start_detached

    options = _options(arguments, context)
    document: dict[str, object] = {"socket": options.socket, "max_size_bytes": options.max_size}
    room = format_size(options.max_size)
    if arguments.detach:
        pid = start_detached(options)
        line = f"The memory store listens at {options.socket} (pid {pid}), with room for {room}"
        return Outcome({**document, "pid": pid}, (line,))
    serve(options, lambda: context.output.say(f"Listening at {options.socket}, with room for {room}; Ctrl-C ends it"))
    return Outcome(document, ("The memory store has ended",))


def _options(arguments: argparse.Namespace, context: Context) -> StoreOptions:
    import os

    from blast_live.memstore.daemon import StoreOptions, default_size

    token_file = arguments.token_file
    return StoreOptions(
        socket=socket_of(arguments, context),
        max_size=parse_size(arguments.max_size) if arguments.max_size else default_size(),
        patience_s=seconds(arguments.patience),
        uids=tuple(arguments.uid),
        token_file=os.path.join(context.settings.directory, token_file) if token_file else "",
        others_write=arguments.others_write,
        redis=_redis(arguments.redis, context.settings.environ),
        redis_prefix=arguments.redis_prefix,
        redis_ttl_s=round(seconds(arguments.redis_ttl)),
        redis_timeout_s=max(0.1, seconds(arguments.redis_timeout)),
        redis_writes=not arguments.redis_read_only,
    )


def _redis(url: str, environ: Mapping[str, str]) -> str:
    if "@" in url:
        raise UsageError(
            "a password on the command line is seen by every user of this machine",
            hint=f"set {_REDIS_VARIABLE} to the address instead",
        )
    return url or environ.get(_REDIS_VARIABLE, "")
