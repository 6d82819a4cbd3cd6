#!/usr/bin/env bash
# The same bits, however the program is compiled: builds bits.c with compilers, options and CPUs of
# many kinds and holds what it prints against table.txt. What this machine cannot build or run is
# skipped, and said. Also: a program that was compiled so that its results change says so, and one
# for a newer CPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The headers alone, for compilers that look for those of another machine.
mkdir "$work/headers"
for header in Random123 xxhash.h; do
    for place in /usr/include /usr/local/include; do
        [ ! -e "$place/$header" ] || ln -sf "$place/$header" "$work/headers/"
    done
done
sources=(src/{base,nn,nn/layers}/*.c src/data/{source,synthetic,glyphs,augment,augment_list}.c
    tests/bits/bits.c)
flags=(-std=gnu11 -Wall -Wextra -Werror -fno-fast-math -fno-math-errno -fno-trapping-math
    -ffp-contract=off -DXXH_INLINE_ALL -Iinclude -isystem "$work/headers" -pthread)

# The numbers of the table, from the program that the compiler and its options make.
same_bits() {
    "$@" "${flags[@]}" "${sources[@]}" -o program -lm && "${runner[@]}" ./program >found &&
        diff "$OLDPWD/tests/bits/table.txt" found
}

# refuses STATUS TEXT COMPILER OPTION...: the program says a line with the text and nothing else.
refuses() {
    local expected=$1 text=$2 status=0
    shift 2
    "$@" -o program -lm || return
    "${runner[@]}" ./program >found 2>said || status=$?
    cat said
    [ "$status" = "$expected" ] && [ ! -s found ] && [ "$(grep -c "$text" said)" = 1 ]
}

# try WHAT RUNNER COMMAND...: the check, beside others; RUNNER runs the program, '' directly. Its
# verdict is the first line of a file.
try() {
    local what=$1 runner place
    read -ra runner <<<"$2"
    shift 2
    place=$(mktemp -d "$work/check.XXXXXX")
    (
        for name in "${runner[@]:0:1}" "$compiler"; do
            command -v "$name" >/dev/null && continue
            echo "skip  $what: no $name" >"$place/verdict"
            exit
        done
        ln -s "$PWD"/{src,include,tests} "$place"
        cd "$place"
        if "$@" >output 2>&1; then
            echo "ok    $what" >verdict
        else
            { echo "FAIL  $what" && head -8 output; } >verdict
        fi
    ) &
    [ "$(jobs -pr | wc -l)" -lt "$(nproc)" ] || wait -n
}

bits() {
    local compiler=$3
    try "$1" "$2" same_bits "${@:3}"
}

bits_refused() {
    local compiler=cc
    try "$1" "$2" refuses 78 "$3" cc -O2 "${flags[@]}" "${@:4}" "${sources[@]}"
}

has() { grep -qw "$1" /proc/cpuinfo; }

arch=()
case $(uname -m) in
    x86_64)
        arch=(-march=x86-64-v3)
        bits 'native, -O3' '' cc -O3 -march=native
        bits 'native, -O0' '' cc -O0 -march=native
        bits 'x86-64-v3, -O1' '' cc -O1 -march=x86-64-v3
        bits 'x86-64-v3, tuned for Zen 3' '' cc -O3 -march=x86-64-v3 -mtune=znver3
        bits 'x86-64-v3, Clang' '' clang -O2 -march=x86-64-v3
        bits 'x86-64, fused by software' '' cc -O2 -march=x86-64
        ! has avx512f || bits 'x86-64-v4, Clang' '' clang -O3 -march=x86-64-v4
        bits 'aarch64' 'qemu-aarch64-static -L /usr/aarch64-linux-gnu' \
            aarch64-linux-gnu-gcc -O3
        for cpu in Nehalem-v1 Haswell-v1; do
            bits_refused "for a newer CPU than $cpu" "qemu-x86_64-static -cpu $cpu" \
                'built for a CPU with .*make ARCH=x86-64-v3' -march=x86-64-v4
        done
        ;;
    *)
        bits 'native, -O3' '' cc -O3
        bits 'native, -O0' '' cc -O0
        bits 'native, Clang' '' clang -O3
        ;;
esac
bits_refused -ffast-math '' 'not be the same bits' "${arch[@]}" -ffast-math -ffp-contract=off
bits_refused -ffp-contract=fast '' 'rounded together' "${arch[@]}" -ffp-contract=fast
wait

cat "$work"/check.*/verdict
count() { cat "$work"/check.*/verdict | grep -c "^$1 " || true; }
echo "$(count ok) passed, $(count FAIL) failed, $(count skip) skipped"
[ "$(count FAIL)" = 0 ]
