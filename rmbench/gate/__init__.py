"""Gates: rules against results, and an answer that a build can stop at.

>>> from rmbench.gate import read_rules
>>> [rule.test for rule in read_rules(["accuracy<0.8", "accuracy:1pp"], None)]
['value', 'noninferiority']
"""

from rmbench.gate.judge import exit_code, judge, judge_absolute
from rmbench.gate.rules import Rule, read_rules

__all__ = ["Rule", "exit_code", "judge", "judge_absolute", "read_rules"]
