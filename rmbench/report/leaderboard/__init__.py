"""Leaderboards: every model on every suite, ranked as far as the items allow.

``build_board`` makes a ``rmbench.result.board.Board`` of stored results, ``make_board`` writes
it to files as well.
"""

from rmbench.report.leaderboard.build import BoardBuilder, build_board
from rmbench.report.leaderboard.tables import render_terminal
from rmbench.report.leaderboard.write import Request, make_board, renderer_of

__all__ = [
    "BoardBuilder",
    "Request",
    "build_board",
    "make_board",
    "render_terminal",
    "renderer_of",
]
