"""Verbs that judge, and what a job of GitHub Actions sees of a call that came to no answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from rmbench.cli.options import command_runner

_T = TypeVar("_T")


class Judging(click.Command):
    """A command whose errors leave the outputs, the summary and the annotation of a job.

    A step that reads ``passed`` must not find it empty because the call was wrong.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """As click's, for calls that cannot be read."""
        return self._traced(lambda: super(Judging, self).make_context(*args, **kwargs))

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, for calls that cannot be carried out."""
        return self._traced(lambda: super(Judging, self).invoke(ctx))

    def _traced(self, run: Callable[[], _T]) -> _T:
        try:
            return run()
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # whatever it is, there was no answer; it goes on its way
            from rmbench.report.github_actions import write_job_error

            said = error.format_message() if isinstance(error, click.ClickException) else error
            for line in write_job_error(str(said), self.name or ""):
                command_runner(line)
            raise
