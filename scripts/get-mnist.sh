#!/usr/bin/env bash
# Fetches MNIST, verified, into a directory.
set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/get-mnist.sh [--timeout SECONDS] [--max-time SECONDS] [DIR]

Fetches the four files of MNIST (11 MB) into DIR (default data/mnist, where dist-train looks) with
curl or wget. Files that are there and right are kept; an interrupted download goes on where it
stopped; a file gets its name only after the SHA-256 of its unpacked content has been verified.
A file of that name with other content is kept beside the new one, with a ~ at the end of its name.

  --timeout SECONDS    give up on a mirror that is silent for so long (default 20)
  --max-time SECONDS   give up altogether after so long (default 3600)
  --help               show this text

MNIST_MIRRORS in the environment: the mirrors to try in turn, separated by spaces.
Exit code: 0 all files are there, 1 some could not be fetched, 64 wrong usage.
EOF
}

default_mirrors='https://ossci-datasets.s3.amazonaws.com/mnist/
    https://storage.googleapis.com/cvdf-datasets/mnist/
    http://yann.lecun.com/exdb/mnist/'

# Smallest first: without a network we know soon.
files=(t10k-labels-idx1-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte
    train-images-idx3-ubyte)

declare -A sha256=( # of the unpacked files
    [train-images-idx3-ubyte]=ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
    [train-labels-idx1-ubyte]=65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
    [t10k-images-idx3-ubyte]=0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
    [t10k-labels-idx1-ubyte]=ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
)

fail() {
    printf 'get-mnist: %s\n' "$1" >&2
    exit "${2:-1}"
}

# verify PATH NAME: is PATH, gzipped or not, the content of NAME?
verify() {
    local sum
    case $1 in
        *.gz | *.part) sum=$(gzip -dc <"$1" 2>/dev/null | sha256sum) || return ;;
        *) sum=$(sha256sum <"$1") || return ;;
    esac
    [ "${sum%% *}" = "${sha256[$2]}" ]
}

# Appends to PART what is missing of URL. 0: complete; 1: not, but PART is good to resume from;
# 2: PART cannot be resumed. Leaves the reason in $reason.
transfer() {
    local url=$1 part=$2 status=0 command
    if command -v curl >/dev/null; then
        command=(curl --fail --silent --show-error --location --connect-timeout "$timeout"
            --speed-time "$timeout" --speed-limit 10000 --continue-at - --output "$part" "$url")
    else
        command=(wget -nv --tries=1 --timeout="$timeout" --continue -O "$part" "$url")
    fi
    [ "$SECONDS" -lt "$max_time" ] || { reason='out of time' && return 1; }
    reason=$(LC_ALL=C timeout --foreground $((max_time - SECONDS)) "${command[@]}" 2>&1) ||
        status=$?
    reason=${reason##*$'\n'}
    case ${command[0]}-$status in
        *-0) return 0 ;;
        *-124) reason='out of time' && return 1 ;;
        curl-33 | curl-36) return 2 ;;
        curl-22) [[ $reason != *416* ]] || return 2 ;;
    esac
    reason=${reason:-${command[0]} exit code $status}
    return 1
}

transfer_and_verify() {
    transfer "$1" "$2" || return
    verify "$2" "$3" && return
    reason="its content is not MNIST's"
    return 2
}

# fetch_from MIRROR NAME: a part that proves useless is thrown away and fetched anew once.
fetch_from() {
    local name=$2 url=${1%/}/$2.gz part=$dir/$2.gz.part resumed=false status=0
    [ ! -s "$part" ] || resumed=true
    transfer_and_verify "$url" "$part" "$name" || status=$?
    if [ $status -eq 2 ] && $resumed; then
        rm -f "$part"
        status=0
        transfer_and_verify "$url" "$part" "$name" || status=$?
    fi
    [ $status -ne 2 ] || rm -f "$part"
    return $status
}

# fetch NAME: tries the mirrors in turn, the one that served last first.
fetch() {
    local name=$1 i
    reasons=()
    for i in "${!mirrors[@]}"; do
        if fetch_from "${mirrors[i]}" "$name"; then
            source=${mirrors[i]}
            mirrors=("${mirrors[@]:i}" "${mirrors[@]:0:i}")
            return
        fi
        reasons+=("${mirrors[i]}: $reason")
    done
    return 1
}

# provide NAME: sees to it that NAME or NAME.gz is there and right, and says so.
provide() {
    local name=$1 raw=$dir/$1 packed=$dir/$1.gz origin
    if [ -e "$raw" ] && verify "$raw" "$name"; then
        echo "$name: there, verified"
        return
    fi
    if [ -e "$packed" ] && verify "$packed" "$name"; then
        origin=there
    elif [ -s "$packed.part" ] && verify "$packed.part" "$name"; then
        origin='complete from an earlier download'
        mv -b -- "$packed.part" "$packed"
    elif fetch "$name"; then
        origin="fetched from $source"
        mv -b -- "$packed.part" "$packed"
    else
        return 1
    fi
    # The program prefers unpacked files, so a wrong one would hide the right one.
    [ ! -e "$raw" ] || mv -b -- "$raw" "$raw~"
    echo "$name.gz: $origin, verified"
}

dir='' timeout=20 max_time=3600
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage && exit ;;
        --timeout | --max-time)
            [[ ${2-} =~ ^[1-9][0-9]{0,5}$ ]] || fail "$1: expected seconds, found '${2-}'" 64
            case $1 in --timeout) timeout=$2 ;; *) max_time=$2 ;; esac
            shift
            ;;
        -*) fail "unknown option '$1' (--help says what there is)" 64 ;;
        '') fail 'DIR is empty' 64 ;;
        *)
            [ -z "$dir" ] || fail "expected one DIR, found '$dir' and '$1'" 64
            dir=$1
            ;;
    esac
    shift
done
dir=${dir:-data/mnist}
read -rd '' -a mirrors <<<"${MNIST_MIRRORS:-$default_mirrors}" || true

command -v curl >/dev/null || command -v wget >/dev/null ||
    fail 'needs curl or wget (scripts/install-deps.sh installs curl)'
mkdir -p -- "$dir" || fail "cannot make the directory $dir"
[ -w "$dir" ] || fail "cannot write to the directory $dir"
exec 9<"$dir"
if command -v flock >/dev/null; then
    flock --nonblock --conflict-exit-code 75 9 || [ $? -ne 75 ] ||
        fail "another get-mnist.sh is at work in $dir"
fi

for name in "${files[@]}"; do
    provide "$name" && continue
    printf '  %s\n' "${reasons[@]}" >&2
    fail "$name.gz could not be fetched from any of ${#mirrors[@]} mirrors; run this again to go on"
done
echo "MNIST is complete in $dir"
