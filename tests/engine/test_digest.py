from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants
from score_caches import open_quietly, set_aside

from rmbench.engine import digest
from rmbench.engine.cache import ScoreCache
from rmbench.engine.digest import model_folder, weights_digest
from rmbench.errors import ScorerError

FILES = {
    "config.json": b'{"num_labels": 1}',
    "model-00001-of-00002.safetensors": b"first shard" * 1000,
    "model-00002-of-00002.safetensors": b"second shard" * 1000,
    "model.safetensors.index.json": b'{"weight_map": {}}',
    "pytorch_model.bin": b"pickled",
    "pytorch_model-00001-of-00001.bin": b"pickled shard",
    "pytorch_model.bin.index.json": b"{}",
    "adapter_config.json": b'{"r": 8}',
    "adapter_model.bin": b"adapter",
    "modeling_custom.py": b"scale = 1.0",
}
NOT_WEIGHTS = {
    "tokenizer.json": b"{}",
    "README.md": b"# A reward model",
    "training_args.bin": b"arguments",
    "optimizer.pt": b"moments",
}
LONG_AGO_S = 1_700_000_000


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    return folder


def age(path: Path, to_s: float = LONG_AGO_S) -> None:
    os.utime(path, (to_s, to_s))


@pytest.fixture
def read_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose contents were hashed, in order."""
    names: list[str] = []
    hash_contents = hashlib.file_digest

    def spy(file, algorithm):  # type: ignore[no-untyped-def]  # stands in for hashlib's own
        names.append(Path(file.name).name)
        return hash_contents(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", spy)
    return names


def test_the_digest_is_that_of_names_and_contents(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", FILES | NOT_WEIGHTS)
    listing = {name: hashlib.sha256(body).hexdigest() for name, body in sorted(FILES.items())}
    expected = hashlib.sha256(json.dumps(listing, separators=(",", ":")).encode()).hexdigest()
    assert weights_digest(folder, None) == expected


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("where", [0, -1])
def test_any_byte_of_what_decides_a_score_counts(tmp_path: Path, name: str, where: int) -> None:
    folder = write(tmp_path / "model", FILES)
    before = weights_digest(folder, None)
    body = bytearray(FILES[name])
    body[where] ^= 1
    (folder / name).write_bytes(body)
    assert weights_digest(folder, None) != before
    (folder / name).write_bytes(FILES[name])
    assert weights_digest(folder, None) == before


@pytest.mark.parametrize("name", FILES)
def test_a_file_less_or_under_another_name_counts(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "model", FILES)
    digests = {weights_digest(folder, None)}
    (folder / name).rename(folder / f"model-of-{name.replace('.', '_')}.safetensors")
    digests.add(weights_digest(folder, None))
    (folder / f"model-of-{name.replace('.', '_')}.safetensors").unlink()
    digests.add(weights_digest(folder, None))
    assert len(digests) == 3


def test_two_shards_that_swap_their_contents_count(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"a.safetensors": b"1", "b.safetensors": b"2"})
    two = write(tmp_path / "two", {"a.safetensors": b"2", "b.safetensors": b"1"})
    assert weights_digest(one, None) != weights_digest(two, None)


def test_what_decides_no_score_does_not_count(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", FILES)
    before = weights_digest(folder, None)
    write(folder, NOT_WEIGHTS)
    write(folder / "checkpoint-100", FILES)
    assert weights_digest(folder, None) == before


def test_the_order_of_the_listing_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "model", FILES)
    listing = sorted(folder.iterdir())
    digests = set()
    for order in (listing, listing[::-1], listing[3:] + listing[:3]):
        monkeypatch.setattr(Path, "iterdir", lambda _, order=order: iter(order))
        digests.add(weights_digest(folder, None))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: write(folder, {"config.json": b"{}"} | NOT_WEIGHTS), "holds no weights"),
        (lambda folder: write(folder / "sub", FILES), "holds no weights"),
        (lambda folder: None, "No such file or directory"),
        (lambda folder: folder.write_text("a file"), "Not a directory"),
    ],
)
def test_a_folder_without_weights_is_an_error(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    make(tmp_path / "model")
    with pytest.raises(ScorerError, match=reason) as raised:
        weights_digest(tmp_path / "model", None)
    assert str(tmp_path / "model") in str(raised.value)


def test_a_file_that_changes_while_it_is_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "model", FILES)
    hash_contents = hashlib.file_digest

    def write_meanwhile(file, algorithm):  # type: ignore[no-untyped-def]  # as above
        with (folder / "pytorch_model.bin").open("ab") as other:
            other.write(b"more")
        return hash_contents(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", write_meanwhile)
    with pytest.raises(ScorerError, match=r"pytorch_model\.bin: changed while it was read"):
        digest.hash_file(folder / "pytorch_model.bin")


# --- the Hub's cache ----------------------------------------------------------------------


def hub_snapshot(cache: Path, files: dict[str, bytes]) -> Path:
    """A snapshot as ``huggingface_hub`` lays it out: links to blobs named by their digests."""
    repo = cache / "models--org--reward-model"
    snapshot = repo / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    (repo / "blobs").mkdir()
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("c" * 40)
    for name, body in files.items():
        large = name.endswith((".safetensors", ".bin"))
        blob = (hashlib.sha256 if large else hashlib.sha1)(body).hexdigest()
        (repo / "blobs" / blob).write_bytes(body)
        (snapshot / name).symlink_to(Path("../../blobs") / blob)
    return snapshot


def large_blobs(snapshot: Path) -> list[Path]:
    return [b for b in (snapshot.parents[1] / "blobs").iterdir() if len(b.name) == 64]


def test_a_snapshot_and_a_copy_of_it_have_one_digest(tmp_path: Path) -> None:
    snapshot = hub_snapshot(tmp_path / "hub", FILES)
    copy = write(tmp_path / "copy", FILES)
    assert weights_digest(snapshot, None) == weights_digest(copy, None)


def test_large_files_of_the_hub_are_not_read(tmp_path: Path, read_files: list[str]) -> None:
    snapshot = hub_snapshot(tmp_path / "hub", FILES)
    expected = weights_digest(write(tmp_path / "copy", FILES), None)
    for blob in large_blobs(snapshot):
        blob.write_bytes(b"anything else")
    read_files.clear()
    assert weights_digest(snapshot, None) == expected
    small = [name for name in FILES if not name.endswith((".safetensors", ".bin"))]
    assert read_files == sorted(small)


def test_small_files_of_the_hub_are_read(tmp_path: Path) -> None:
    snapshot = hub_snapshot(tmp_path / "hub", FILES)
    before = weights_digest(snapshot, None)
    (snapshot / "config.json").resolve().write_bytes(b'{"num_labels": 2}')
    assert weights_digest(snapshot, None) != before


def test_a_link_to_a_snapshot_is_followed(tmp_path: Path, read_files: list[str]) -> None:
    snapshot = hub_snapshot(tmp_path / "hub", FILES)
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in FILES:
        (linked / name).symlink_to(snapshot / name)
    (tmp_path / "folder-link").symlink_to(snapshot)
    expected = weights_digest(snapshot, None)
    read_files.clear()
    assert (
        weights_digest(linked, None) == weights_digest(tmp_path / "folder-link", None) == expected
    )
    assert not any(name.endswith((".safetensors", ".bin")) for name in read_files)


def test_a_store_shared_by_repositories_is_not_taken_for_blobs(tmp_path: Path) -> None:
    """There a blob is itself a link, to a file named by a digest that is not SHA-256."""
    snapshot = hub_snapshot(tmp_path / "hub", FILES)
    expected = weights_digest(snapshot, None)
    for n, blob in enumerate(large_blobs(snapshot)):
        shared = tmp_path / "hub" / "blobs" / f"{n:02x}" / f"{n:064x}"
        shared.parent.mkdir(parents=True)
        shutil.move(blob, shared)
        blob.symlink_to(os.path.relpath(shared, blob.parent))
    assert weights_digest(snapshot, None) == expected


def test_names_of_64_digits_elsewhere_are_no_digests(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"config.json": b"{}"})
    (tmp_path / "blobs").mkdir()
    stray = tmp_path / "blobs" / ("0" * 64)
    stray.write_bytes(b"weights")
    (folder / "model.safetensors").symlink_to(stray)
    before = weights_digest(folder, None)
    stray.write_bytes(b"WEIGHTS")
    assert weights_digest(folder, None) != before


def test_a_blob_that_is_gone_is_an_error(tmp_path: Path) -> None:
    snapshot = hub_snapshot(tmp_path / "hub", FILES)
    (snapshot / "pytorch_model.bin").resolve().unlink()
    with pytest.raises(ScorerError, match=r"pytorch_model\.bin: cannot be read: No such file"):
        weights_digest(snapshot, None)


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"config.json": b"{}"})
    (folder / "a.safetensors").symlink_to("b.safetensors")
    (folder / "b.safetensors").symlink_to("a.safetensors")
    with open_quietly(tmp_path / "cache") as cache:
        for memo in (None, cache):
            with pytest.raises(ScorerError, match=r"a\.safetensors: cannot be read"):
                weights_digest(folder, memo)


def test_where_a_model_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert model_folder("org/reward-model", None) is None
    snapshot = hub_snapshot(tmp_path / "hub", FILES)
    assert model_folder("org/reward-model", None) == snapshot
    assert model_folder("org/reward-model", "main") == snapshot
    assert model_folder("org/reward-model", "c" * 40) == snapshot
    assert model_folder("org/reward-model", "other-branch") is None
    assert model_folder("org/another", None) is None
    assert model_folder("neither/a/folder/nor an id", None) is None
    local = write(tmp_path / "local", FILES)
    assert model_folder(str(local), None) == local
    assert model_folder("~/local", "main") == local
    write(tmp_path / "org" / "reward-model", FILES)
    assert model_folder("org/reward-model", None) == Path("org/reward-model")


# --- what is remembered -------------------------------------------------------------------


def test_a_file_is_read_once_across_runs(tmp_path: Path, read_files: list[str]) -> None:
    folder = write(tmp_path / "model", FILES)
    for name in FILES:
        age(folder / name)
    expected = weights_digest(folder, None)
    read_files.clear()
    for reads in (sorted(FILES), []):
        with open_quietly(tmp_path / "cache") as cache:
            assert weights_digest(folder, cache) == expected
        assert read_files == reads
        read_files.clear()


def test_it_is_remembered_by_the_file_and_not_by_its_path(
    tmp_path: Path, read_files: list[str]
) -> None:
    path = write(tmp_path / "model", {"a.safetensors": b"1"}) / "a.safetensors"
    age(path)
    (tmp_path / "link").symlink_to(path)
    with open_quietly(tmp_path / "cache") as cache:
        assert cache.file_digest(path) == cache.file_digest(tmp_path / "link")
    assert len(read_files) == 1


def rewrite_longer(path: Path) -> None:
    path.write_bytes(b"longer")
    age(path)


def rewrite_later(path: Path) -> None:
    path.write_bytes(b"2")
    age(path, LONG_AGO_S + 1e-3)


def rename_another_into_place(path: Path) -> None:
    path.with_name("new").write_bytes(b"2")
    age(path.with_name("new"))
    path.with_name("new").replace(path)


@pytest.mark.parametrize("change", [rewrite_longer, rewrite_later, rename_another_into_place])
def test_a_file_that_changed_is_read_again_and_then_remembered(
    tmp_path: Path, read_files: list[str], change: Callable[[Path], None]
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"1")
    age(path)
    with open_quietly(tmp_path / "cache") as cache:
        assert cache.file_digest(path) == hashlib.sha256(b"1").hexdigest()
        change(path)
        for _ in range(2):
            assert cache.file_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(read_files) == 2


@pytest.mark.parametrize(("age_s", "reads"), [(-60, 2), (0, 2), (1.5, 2), (3, 1)])
def test_a_file_just_written_is_not_remembered(
    tmp_path: Path, read_files: list[str], age_s: float, reads: int
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"1")
    with open_quietly(tmp_path / "cache") as cache:
        age(path, time.time() - age_s)
        for _ in range(2):
            cache.file_digest(path)
    assert len(read_files) == reads


def test_a_file_rewritten_under_its_old_time_within_two_seconds_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"1")
    stat = path.stat()
    with open_quietly(tmp_path / "cache") as cache:
        assert cache.file_digest(path) == hashlib.sha256(b"1").hexdigest()
        path.write_bytes(b"2")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert cache.file_digest(path) == hashlib.sha256(b"2").hexdigest()


def test_a_memory_that_was_altered_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"1")
    age(path)
    expected = hashlib.sha256(b"1").hexdigest()
    with open_quietly(tmp_path / "cache") as cache:
        cache.file_digest(path)
    body = cache.path.read_bytes()
    assert body.count(expected.encode()) == 1
    cache.path.write_bytes(body.replace(expected.encode(), expected[::-1].encode()))

    messages: list[str] = []
    with ScoreCache.open(tmp_path / "cache", messages.append) as cache:
        assert cache.file_digest(path) == expected
    [message] = messages
    assert "file digest does not fit its checksum" in message
    assert len(set_aside(tmp_path / "cache")) == 1


def test_files_are_hashed_without_a_cache_that_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"1")
    messages: list[str] = []
    with ScoreCache.open(path, messages.append) as cache:
        for _ in range(2):
            assert cache.file_digest(path) == hashlib.sha256(b"1").hexdigest()
    assert len(messages) == 1


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with (
        open_quietly(tmp_path / "cache") as cache,
        pytest.raises(ScorerError, match=r"gone\.safetensors: cannot be read: No such file"),
    ):
        cache.file_digest(tmp_path / "gone.safetensors")
