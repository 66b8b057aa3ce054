"""`demo`: the main job on this machine."""

from typing import Annotated

import typer

from bounce_watcher.cli.options import Debug, example


def register(app: typer.Typer) -> None:
    app.command(epilog=example("demo"), rich_help_panel="Start here")(demo)


def demo(
    serve: Annotated[bool, typer.Option("--serve", metavar="", help="Stay up until Ctrl-C.")] = False,
    debug: Debug = False,
) -> None:
    """Shows the main job on this machine."""
    raise typer.Exit(1)
