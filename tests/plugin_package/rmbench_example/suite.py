"""Where the package's suite lies."""

from pathlib import Path

QUIZ = Path(__file__).with_name("quiz.toml")
