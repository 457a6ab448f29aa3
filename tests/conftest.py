"""Fixtures that more than one part of the tests uses."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# Under --import-mode=importlib the tests' own helper modules need a place on the path.
sys.path.insert(0, str(Path(__file__).parent))

import models

# How long an example takes says nothing about whether it is right, and a change is to be judged
# by the same examples every time; --hypothesis-profile=explore looks for others.
settings.register_profile("rmbench", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("rmbench")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Scores of an earlier test run must not stand in for what is tested now.
os.environ["RMBENCH_CACHE"] = tempfile.mkdtemp(prefix="rmbench-test-cache-")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real preference sets, kept outside the repository.

    ``RMBENCH_TEST_DATA`` names it; otherwise it is looked for beside the checkout.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("RMBENCH_TEST_DATA", default))
    if not path.is_dir():
        pytest.skip(f"real preference sets are not at {path} (set RMBENCH_TEST_DATA)")
    return path


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random encoder reward model."""
    return models.tiny_bert(tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random decoder reward model with a chat template."""
    return models.tiny_llama(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def smollm2_folder() -> Path:
    """SmolLM2-135M-Instruct with a seeded reward head: a real decoder, scores without meaning."""
    return _prepared("smollm2-135m-instruct")


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """all-MiniLM-L6-v2 with a seeded reward head: a real encoder, scores without meaning."""
    return _prepared("minilm")


def _prepared(name: str) -> Path:
    path = Path(__file__).resolve().parents[1] / ".models" / name
    if not path.is_dir():
        pytest.skip(f"{path} is not there: run `make models`")
    return path
