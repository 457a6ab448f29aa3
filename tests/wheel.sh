#!/usr/bin/env bash
# Build the wheel, install it into an environment of its own that borrows the packages of
# the given one, and run the tests from a folder where the checkout's package is not. Left out
# are those of code that reads nothing that is packaged: the same modules passed them already.
set -euo pipefail
python=${1:?usage: tests/wheel.sh PYTHON [pytest arguments]}
shift
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m build --no-isolation --wheel --outdir "$work/dist" "$root" > "$work/build.log" 2>&1 ||
    { cat "$work/build.log"; exit 1; }
"$python" -m venv "$work/venv"
site=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$work/venv/bin/python" -m pip install ${PIP_FLAGS:-} --no-deps "$work"/dist/*.whl
# After the wheel's own folder on the path, so that the editable install cannot win.
"$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$site/borrowed.pth"

mkdir "$work/copy"
cp -r "$root/tests" "$root/pyproject.toml" "$root/README.md" "$root/action.yml" "$root/docs" "$work/copy/"
cd "$work/copy"
"$work/venv/bin/python" - <<'EOF'
import importlib.util
from pathlib import Path

import rmbench
from rmbench import resources

folder = Path(rmbench.__file__).parent
assert folder.parent.name == "site-packages", folder
assert resources.suites_dir() == folder / "_suites", resources.suites_dir()
assert resources.schema_dir() == folder / "_results" / "schema"
for name in ("suites", "results"):
    found = importlib.util.find_spec(name)
    assert found is None, f"the top-level name {name!r} must not be installed: {found}"
print(f"testing the wheel at {folder}")
EOF
RMBENCH_TEST_DATA=${RMBENCH_TEST_DATA:-$root/../shared/data} \
    OMP_NUM_THREADS=1 "$work/venv/bin/python" -m pytest -q -n auto -p no:cacheprovider tests \
    --ignore tests/engine --ignore tests/train --ignore tests/throughput --ignore tests/metrics \
    --ignore tests/compare --ignore tests/gate --ignore tests/simulations \
    --ignore tests/benchmarks --ignore tests/test_tutorial.py "$@"
