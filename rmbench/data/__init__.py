"""Preference data: from files, Hub data sets and generators to ``PreferenceSet``."""

from rmbench.data.formats import normalised_row
from rmbench.data.load import load_preferences, load_suite_data

__all__ = ["load_preferences", "load_suite_data", "normalised_row"]
