#!/usr/bin/env bash
# Proves the rules of the house that a compiler does not.
set -euo pipefail
shopt -s inherit_errexit

usage() {
    cat <<'EOF'
Usage: scripts/lint.sh [DIR]

Checks the source tree DIR (default: this one) and prints a line for each violation:
  - a room (src/ROOM, include/ROOM) includes project headers only from itself and the rooms that it
    sees (the table in this script); mpi.h only in dist, libraries of file formats only in file
  - a header in include/ROOM is included by another room, another such header or a test; what its
    own room alone includes lies in src/ROOM
  - headers ROOM/NAME.h have the include guard DT_ROOM_NAME_H
  - names that begin with dt_ are public: src has none that no header in include has
  - a status is compared with nothing: "if (status)", "!status"
  - no file of src but src/base/file.c opens a file or directory, reads at an offset or syncs
  - base, nn, data and dist call no function of the C library whose last place is its own affair
    (exp, log, pow, cos, ...): base/elementary.h and nn/vector_math.h have them
  - documents have no line over 160 columns, README.md has at most 250 lines
  - no tab in C, no line over 100 columns, no file in src or include over 450 lines
  - scripts run no program of procps and the like, which a bare Debian lacks; kill only as a builtin
  - shellcheck is content with the scripts (where it is installed)
Exit code: 0 no violation, 1 violations, 64 wrong usage.
EOF
}

# The room of each file comes from its path: src/ROOM/name.c, src/ROOM/FOLDER/name.c,
# include/ROOM/name.h.
# shellcheck disable=SC2016
check_rooms='
function report(text) { printf "%s:%d: %s\n", FILENAME, FNR, text }

function exists(path,   line, found) {
    found = (getline line < path) >= 0
    close(path)
    return found
}

function check_include(line,   quoted, target, parts, target_room) {
    if (!match(line, /"[^"]*"|<[^>]*>/)) return
    quoted = substr(line, RSTART, 1) == "\""
    target = substr(line, RSTART + 1, RLENGTH - 2)
    if (target ~ /^mpi(-ext)?\.h$/ ||
        target ~ /^(hdf5(_hl)?|H5[A-Za-z]*|jansson|seccomp|zip)\.h$/ ||
        target ~ /^(leptonica|libexif)\//) {
        if (room != (target ~ /^mpi/ ? "dist" : "file"))
            report("room " room " may not include " target)
        return
    }
    split(target, parts, "/")
    target_room = parts[1]
    if (target_room in below) {
        if (target_room != room && index(" " below[room] " ", " " target_room " ") == 0)
            report("room " room " may not include \"" target "\"")
    } else if (quoted && (target !~ /^(\.\.\/|[a-z0-9]+\/)?[a-z0-9_]+\.h$/ ||
                          !exists(directory "/" target)))
        report("\"" target "\" is in no room; expected \"room/name.h\"")
}

# What a room sees: the rooms named here, and what they see. They stand above it, so no circle.
function sees(room, rooms,   count, list, i) {
    below[room] = rooms
    count = split(rooms, list, " ")
    for (i = 1; i <= count; i++) {
        if (!(list[i] in below)) {
            print "lint: " list[i] " does not stand above " room > "/dev/stderr"
            exit 2
        }
        below[room] = below[room] " " below[list[i]]
    }
}

BEGIN {
    sees("base", "")
    sees("chart", "base")
    sees("nn", "base")
    sees("data", "base")
    sees("dist", "base")
    sees("file", "base")
    sees("run", "data nn file")    # insight: the form of images, the counts of metrics; subsets
    sees("model", "nn file")
    sees("config", "dist data nn")
    sees("train", "config run model dist")
    sees("bench", "train")
    sees("report", "run model config chart nn")
    sees("cli", "bench report")
}

FNR == 1 {
    depth = split(FILENAME, path, "/")
    room = path[2]
    directory = path[1] "/" path[2]
    if (depth == 4 && path[1] == "src") { # a folder of its room
        directory = directory "/" path[3]
        depth--
    }
    if (depth != 3 || !(room in below)) report("in no room; expected " path[1] "/ROOM/name.[ch]")
    guard = ""
    directives = 0
    name = FILENAME
    sub(/.*\//, "", name)
    if (name ~ /\.h$/ && FILENAME != "src/nn/layers/list.h") {
        guard = toupper("DT_" room "_" name)
        gsub(/[^A-Z0-9]/, "_", guard)
    }
}

/^[ \t]*#/ {
    directives++
    if (guard != "" && directives <= 2) {
        expected = (directives == 1 ? "#ifndef " : "#define ") guard
        if ($0 != expected) report("expected \"" expected "\", found \"" $0 "\"")
    }
}

/^[ \t]*#[ \t]*include/ { if (room in below) check_include($0) }

FNR == 451 { report("the file has more than 450 lines") }
'

# Who uses the headers of include/ROOM.
# shellcheck disable=SC2016
check_headers='
FNR == 1 {
    split(FILENAME, path, "/")
    room = path[1] == "tests" ? "" : path[2]
    if (path[1] == "include") headers[path[2] "/" path[3]] = FILENAME
}

/^[ \t]*#[ \t]*include/ && match($0, /"[^"]*"|<[^>]*>/) {
    target = substr($0, RSTART + 1, RLENGTH - 2)
    split(target, parts, "/")
    if (path[1] != "src" || parts[1] != room) used[target]
}

END {
    for (header in headers)
        if (!(header in used))
            printf "%s:1: only src/%s includes it; expected it there\n", \
                headers[header], substr(header, 1, index(header, "/") - 1)
}
'

# Names of src that no header in include has. The rows of layers are found by their list.
# shellcheck disable=SC2016
check_names='
{
    for (rest = $0; match(rest, /(^|[^A-Za-z0-9_])dt_[A-Za-z0-9_]+/); ) {
        name = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        sub(/^[^d]/, "", name)
        if (FILENAME ~ /^include/) public[name]
        else if (!(name in public) && name !~ /^dt_layer_/)
            printf "%s:%d: %s is private; expected it without dt_\n", FILENAME, FNR, name
    }
}
'

# What base/file.h is for. A call of that name through a pointer counts too: rename it.
opening='\b((f|fre)?open|openat2?|creat|(fd)?opendir|scandir|n?ftw|fts_open|mko?stemps?|tmpfile'
opening+='|pread|fsync|fdatasync)(64)?\('
library_functions='exp|exp2|expm1|log|log2|log10|log1p|pow|cbrt|a?(sin|cos|tan)h?|atan2|erfc?'

fail() {
    printf 'lint: %s\n' "$1" >&2
    exit 64
}

# report REASON: prints the lines "FILE:LINE:TEXT" of its input as "FILE:LINE: REASON".
report() {
    sed -E "s/^([^:]*:[0-9]+):.*/\1: $1/"
}

# matches REASON GREP-ARGUMENT...: reports the matching lines; no match is no failure.
matches() {
    { grep -nH "${@:2}" || [ $? -eq 1 ]; } | report "$1"
}

check_scripts() {
    if ! command -v shellcheck >/dev/null; then
        echo 'lint: shellcheck is not installed, the scripts are not checked' >&2
    elif [ ${#scripts[@]} -gt 0 ]; then
        shellcheck -x --format=gcc "${scripts[@]}" || [ $? -eq 1 ]
    fi
}

# What a bare Debian lacks and install-deps.sh does not install, and what stands before a command.
absent='(free|pgrep|pidof|pkill|pmap|ps|sysctl|top|uptime|vmstat|bc|column|file|fuser|hexdump|jq|'
absent+='killall|less|lsof|nc|netstat|pstree|rsync|tree|unzip|which|xxd|zip)'
before='(^|[|;&({`!"]|(then|do|else|if|while|until|run|in_room|exec|nice|env|sudo|xargs|timeout) )'
no_builtin='(xargs|in_room|env|sudo|nice|exec|nsenter.*|unshare.*|timeout.*) (kill|/bin/kill)'

check_all() {
    awk "$check_rooms" "${room_files[@]}" /dev/null
    awk "$check_headers" "${c_files[@]}" /dev/null | LC_ALL=C sort
    awk "$check_names" "${public_files[@]}" "${own_files[@]}" /dev/null
    matches 'expected a status alone, or with a ! before it' -E '[=!]= *DT_OK' \
        "${room_files[@]}" /dev/null
    matches 'expected a call of base\/file.h, found one of its own' -E "$opening" \
        "${others[@]}" /dev/null
    matches 'a tab; expected spaces' $'\t' "${c_files[@]}" /dev/null
    LC_ALL=C.UTF-8 matches 'over 100 columns' -E '^.{101,}' \
        "${c_files[@]}" "${scripts[@]}" /dev/null
    LC_ALL=C.UTF-8 matches 'over 160 columns' -E '^.{161,}' "${documents[@]}" /dev/null
    awk 'FILENAME == "README.md" && FNR == 251 { print FILENAME ":251: more than 250 lines" }' \
        "${documents[@]}" /dev/null
    matches 'runs a program that a bare Debian lacks' \
        -E "^([^#]*[^[:alnum:]_#])?($before *$absent|$no_builtin) [^=]" "${scripts[@]}" /dev/null
    matches 'C libraries differ in the last place of this; expected that of elementary.h' -E \
        "^[^*+]*[^A-Za-z0-9_*.]($library_functions)f?\\(" \
        "${exact_files[@]}" /dev/null
    check_scripts
}

find_files() {
    local place places=()
    for place in "${@:2}"; do [ ! -e "$place" ] || places+=("$place"); done
    [ ${#places[@]} -eq 0 ] || find "${places[@]}" -type f -regex "$1" | LC_ALL=C sort
}

case ${1-} in
    -h | --help) usage && exit ;;
    -*) fail "unknown option '$1' (--help says what there is)" ;;
esac
[ $# -le 1 ] || fail "expected one DIR at most, found $#"
tree=${1:-$(dirname "${BASH_SOURCE[0]}")/..}
[ -d "$tree/src" ] || fail "$tree is no source tree: it has no directory src"
cd "$tree"

mapfile -t room_files < <(find_files '.*\.[ch]' src include)
mapfile -t public_files < <(find_files '.*\.[ch]' include)
mapfile -t own_files < <(find_files '.*\.[ch]' src)
mapfile -t others < <(find_files '.*\.[ch]' src include | grep -vx 'src/base/file\.c')
mapfile -t c_files < <(find_files '.*\.[ch]' src include tests)
mapfile -t exact_files < <(
    find_files '.*\.[ch]' {src,include}/{base,nn,data,dist} | grep -v 'nn/vector_math\.h$'
)
mapfile -t documents < <(find_files '.*\.md' README.md src include scripts tests configs)
mapfile -t scripts < <(
    find_files '.*\.\(sh\|bash\|bats\|sbatch\)' scripts tests
    find_files '.*' .ci/run
)

violations=$(check_all)
if [ -n "$violations" ]; then
    printf '%s\n' "$violations"
    exit 1
fi
echo "lint: ${#c_files[@]} C files and ${#scripts[@]} scripts, no violation"
