"""The command ``exacthat``. Heavy imports are inside the commands, so that help is quick."""

from exacthat.cli.commands import app

__all__ = ["app"]
