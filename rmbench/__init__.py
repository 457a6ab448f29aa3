"""rmbench: an evaluation and benchmarking harness for reward models.

Importing this package imports neither torch nor transformers; the modules that
need them (``rmbench.engine``, ``rmbench.scorers``, ``rmbench.train``,
``rmbench.throughput``) import them themselves.
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
