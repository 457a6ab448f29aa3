"""What a source holds, without looking into its rows: a fingerprint, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from rmbench.data.files import ending
from rmbench.data.hub import HubSource
from rmbench.data.source import Opened, parse_source
from rmbench.errors import DataError

_BLOCK_BYTES = 1 << 20
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SourceIdentity:
    """Which data a source stands for.

    Attributes:
        source: The source as it was named, a local path made absolute.
        fingerprint: ``sha256:`` with the digest of the file, or for a folder of the lines
            that ``sha256sum`` prints for its files; ``commit:`` with that of a Hub data set.
        rows: Number of rows where counting them costs nothing (Parquet) or little (plain
            JSON Lines, blank lines included); ``None`` otherwise.
    """

    source: str
    fingerprint: str
    rows: int | None


def identify(source: str, opened: Opened) -> SourceIdentity:
    """Fingerprint a source; local files are read once through, byte by byte.

    Args:
        source: What was asked for.
        opened: The same, opened.

    Raises:
        DataError: If a file cannot be read.
    """
    found = parse_source(source)
    if isinstance(found, HubSource):
        return SourceIdentity(opened.parts[0].label, f"commit:{opened.revision}", None)
    read = {Path(part.label): _read_through(Path(part.label)) for part in opened.parts}
    if found.is_dir():
        lines = "".join(
            f"{digest}  {path.relative_to(found).as_posix()}\n"
            for path, (digest, _) in read.items()
        )
        fingerprint = sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
    else:
        ((fingerprint, _),) = read.values()
    counts = [rows for _, rows in read.values()]
    known = [rows for rows in counts if rows is not None]
    return SourceIdentity(
        str(found.resolve()),
        f"sha256:{fingerprint}",
        sum(known) if len(known) == len(counts) else None,
    )


def _read_through(path: Path) -> tuple[str, int | None]:
    """SHA-256 (hex) of a file, and its number of rows if that is cheap to know."""
    digest, lines, head, last = sha256(), 0, b"", b""
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
                lines += block.count(b"\n")
                head = head or block.removeprefix(_UTF8_BOM).lstrip()[:1]
                last = block[-1:]
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=str(path)) from None
    rows = None
    if not path.name.lower().endswith(".gz"):
        if ending(path) == ".parquet":
            rows = _parquet_rows(path)
        elif ending(path) in (".jsonl", ".json") and head != b"[":
            rows = lines + (last not in (b"", b"\n"))
    return digest.hexdigest(), rows


def _parquet_rows(path: Path) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except pa.ArrowException:
        return None  # whoever reads its rows says what is wrong with the file
