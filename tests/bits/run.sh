#!/usr/bin/env bash
# The same bits, however the program is compiled: builds bits.c with compilers, options and CPUs of
# many kinds and holds what it prints against table.txt. What this machine cannot build or run is
# skipped, and said. Also: a program compiled with options that change results says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

# The headers alone, for compilers that look for those of another machine.
mkdir "$work/headers"
for header in Random123 xxhash.h; do
    for place in /usr/include /usr/local/include; do
        [ ! -e "$place/$header" ] || ln -sf "$place/$header" "$work/headers/"
    done
done
sources=(src/base/*.c src/nn/*.c src/data/{source,synthetic,glyphs}.c tests/bits/bits.c)
flags=(-std=gnu11 -Wall -Wextra -Werror -fno-fast-math -fno-math-errno -fno-trapping-math
    -ffp-contract=off -DXXH_INLINE_ALL -Iinclude -isystem "$work/headers" -pthread)

# build COMPILER OPTION...: all of it in the file "program". Nothing else is asked of the machine.
build() {
    "$@" "${flags[@]}" "${after[@]}" "${sources[@]}" -o "$work/program" -lm
}

# variant WHAT RUNNER COMPILER OPTION...: RUNNER runs the program, '' directly.
variant() {
    local what=$1 runner
    read -ra runner <<<"$2"
    shift 2
    if ! command -v "$1" >/dev/null ||
        { [ -n "${runner[*]}" ] && ! command -v "${runner[0]}" >/dev/null; }; then
        echo "skip  $what: no $1 ${runner[0]:-}"
        skipped=$((skipped + 1))
    elif ! build "$@" 2>"$work/errors"; then
        echo "FAIL  $what: does not compile"
        head -5 "$work/errors"
        failed=$((failed + 1))
    elif "${runner[@]}" "$work/program" >"$work/found" 2>"$work/errors" &&
        diff tests/bits/table.txt "$work/found" >"$work/differences"; then
        echo "ok    $what"
        passed=$((passed + 1))
    else
        echo "FAIL  $what"
        head -5 "$work/errors" "$work/differences"
        failed=$((failed + 1))
    fi
}

# refused WHAT TEXT OPTION...: compiled with the options behind ours, the program must refuse.
refused() {
    local what=$1 text=$2
    shift 2
    after=("$@")
    if build cc -O2 "${arch[@]}" && ! "$work/program" >/dev/null 2>"$work/errors" &&
        grep -q "$text" "$work/errors"; then
        echo "ok    $what is refused"
        passed=$((passed + 1))
    else
        echo "FAIL  $what: expected to be refused for '$text'"
        failed=$((failed + 1))
    fi
    after=()
}

has() { grep -qw "$1" /proc/cpuinfo; }

after=() arch=()
case $(uname -m) in
    x86_64)
        arch=(-march=x86-64-v3)
        variant 'native, -O3' '' cc -O3 -march=native
        variant 'native, -O0' '' cc -O0 -march=native
        variant 'x86-64-v3, -O1' '' cc -O1 -march=x86-64-v3
        variant 'x86-64-v3, tuned for Zen 3' '' cc -O3 -march=x86-64-v3 -mtune=znver3
        variant 'x86-64-v3, Clang' '' clang -O2 -march=x86-64-v3
        variant 'x86-64, fused by software' '' cc -O2 -march=x86-64
        ! has avx512f || variant 'x86-64-v4, Clang' '' clang -O3 -march=x86-64-v4
        variant 'aarch64' 'qemu-aarch64-static' aarch64-linux-gnu-gcc -O3 -static
        ;;
    *)
        variant 'native, -O3' '' cc -O3
        variant 'native, -O0' '' cc -O0
        variant 'native, Clang' '' clang -O3
        ;;
esac
refused -ffast-math 'not be the same bits' -ffast-math -ffp-contract=off
refused -ffp-contract=fast 'rounded together' -ffp-contract=fast

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
