"""The scoring engine: conversations to token ids to rewards.

``encode`` and ``plan`` know no torch; ``loading``, ``forward`` and ``scoring`` do.
"""
