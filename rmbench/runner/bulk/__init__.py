"""``rmbench score``: one reward for every response of a set that need not fit into memory.

Rows are read as a stream and scored in chunks; each chunk is on disk before the next is
scored (``parts``), so that a run that was killed goes on where it stopped.
"""

from rmbench.runner.bulk.job import BulkRequest, score_in_bulk
from rmbench.runner.bulk.summary import BulkSummary, summarise

__all__ = ["BulkRequest", "BulkSummary", "score_in_bulk", "summarise"]
