"""``blast publish``."""

from __future__ import annotations

import os

from blast_cli.outcome import Context, Outcome
from blast_core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from blast_compat.pyproject import Manifest
    from blast_project.publish_request import PublishRequest
    from blast_project.publishing import Published

__all__ = ["configure", "execute"]

_OUTCOMES = {"uploaded": "Uploaded", "skipped": "Skipped, it is there already:", "checked": "Would upload"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="files or patterns; 'dist/*' of the project by default"
    )
    parser.add_argument(
        "--publish-index", "--index", default="", metavar="NAME", help="the project's index, or the section of .pypirc"
    )
    parser.add_argument("--publish-url", default="", metavar="URL", help="the upload address")
    parser.add_argument(
        "--check-url",
        default="",
        metavar="URL",
        help="the index whose pages tell what is there; equal files are skipped",
    )
    parser.add_argument("-u", "--publish-username", "--username", default="", metavar="NAME", help="who uploads")
    parser.add_argument(
        "--publish-password",
        "--password",
        default="",
        metavar="TEXT",
        help="the password; better in BLAST_PUBLISH_PASSWORD",
    )
    parser.add_argument(
        "-t", "--publish-token", "--token", default="", metavar="TEXT", help="a token; better in BLAST_PUBLISH_TOKEN"
    )
    parser.add_argument(
        "--trusted-publishing",
        choices=("automatic", "always", "never"),
        default="automatic",
        help="whether a job of a build service proves who it is instead",
    )
    parser.add_argument(
        "--keyring-provider",
        choices=("auto", "import", "subprocess", "disabled"),
        default="",
        help="how to ask the keyring for a password",
    )
    parser.add_argument("--dry-run", action="store_true", help="check everything, and upload nothing")
    parser.add_argument(
        "--no-attestations", action="store_true", help="leave out attestations that lie beside the files"
    )
    parser.add_argument(
        "--skip-existing", action="store_true", help="go on where the index has a file of that name, whatever it holds"
    )


def execute(arguments: argparse.Namespace, context: Context) -> Outcome:
    """Upload distributions."""
    from blast_pm.index.credentials import without_credentials
    from blast_project.publishing import find_files, publish

    directory, manifest = _project(context)
    paths = find_files(context.settings.directory if arguments.files else directory, arguments.files)
    request = _request(arguments, context, manifest)
    done = publish(context.settings, context.reporter, paths, request)
    address = without_credentials(request.destination.url)
    rows = [_line(row, context.settings.directory) for row in done]
    return Outcome({"url": address, "files": [row._asdict() for row in done]}, (f"Publishing to {address}", *rows))


def _project(context: Context) -> tuple[str, Manifest | None]:
    from blast_project.project import find_root, load_project

    root = find_root(context.settings.directory)
    if root is None:
        return context.settings.directory, None
    return root, load_project(root).manifest


def _request(arguments: argparse.Namespace, context: Context, manifest: Manifest | None) -> PublishRequest:
    from blast_project.publish_address import find_destination
    from blast_project.publish_request import PublishRequest

    if arguments.publish_token and (arguments.publish_password or arguments.publish_username):
        raise UsageError("a token and a user name or password are given", hint="a token stands for both")
    destination = find_destination(
        context.settings,
        manifest,
        url=arguments.publish_url,
        index=arguments.publish_index,
        check_url=arguments.check_url,
    )
    return PublishRequest(
        destination,
        "__token__" if arguments.publish_token else arguments.publish_username,
        arguments.publish_token or arguments.publish_password,
        arguments.trusted_publishing,
        arguments.dry_run,
        not arguments.no_attestations,
        arguments.skip_existing,
    )


def _line(row: Published, directory: str) -> str:
    from blast_cli.commands._amounts import format_size

    return f"{_OUTCOMES[row.outcome]} {os.path.relpath(row.path, directory)} ({format_size(row.size)})"
