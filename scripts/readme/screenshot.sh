#!/usr/bin/env bash
# Makes README's picture, scripts/readme/report.png: trains configs/mnist.ini shortly on 2 ranks and
# takes the first screen of the run's report.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/readme/screenshot.sh [DIR]

Needs ./dist-train, chromium, and MNIST in DIR (default: $DIST_TRAIN_DATA or data/mnist).
Exit code: 0, or 66 where something is missing.
EOF
}

fail() {
    printf 'screenshot: %s\n' "$1" >&2
    exit 66
}

case ${1-} in
    -h | --help) usage && exit ;;
esac
data=$(realpath -m "${1:-${DIST_TRAIN_DATA:-data/mnist}}")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
browser=$(command -v chromium || command -v chromium-browser || true)
[ -x "$top/dist-train" ] || fail 'no ./dist-train here; make builds it'
[ -d "$data" ] || fail "$data: expected a directory with MNIST; scripts/get-mnist.sh fetches it"
[ -n "$browser" ] || fail 'no chromium here (scripts/install-deps.sh --web)'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$top/scripts/ranks.sh"
find_launcher "$top/dist-train"
cd "$work"
mkdir data
ln -s "$data" data/mnist
ranks 2 "$top/dist-train" --config "$top/configs/mnist.ini" --data data/mnist \
    --val-fraction 0.1 --log-every 50 --output mnist
timeout 60 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
    --user-data-dir="$work/browser" --window-size=1180,968 --screenshot="$work/report.png" \
    "file://$work/mnist/report.html" 2>browser.log || { cat browser.log >&2; exit 1; }
mv "$work/report.png" "$here/report.png"
echo "$here/report.png: $(stat -c %s "$here/report.png") bytes"
