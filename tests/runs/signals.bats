#!/usr/bin/env bats
# SIGTERM, SIGHUP and SIGINT end every command at once, with what a shell makes of the signal; a
# training in its steps stops as it promises (restart.bats).
# shellcheck disable=SC2030,SC2031,SC2054,SC2086,SC2154 # 20,10 is one word; bats and helpers.bash

load helpers

setup() {
    common_setup
    small=(--data synthetic --train-limit 300 --test-limit 60 --layers 16,10 --epochs 1)
}

teardown() { common_teardown; }

# arguments COMMAND: of a run of it that would succeed; sets words.
arguments() {
    case $1 in
        train) words=(train "${small[@]}" --output new --overwrite) ;;
        eval) words=(eval "${small[@]:0:6}" --weights run/weights.h5 --csv e.csv --json e.json) ;;
        predict) words=(predict --weights run/weights.h5 digit.png) ;;
        inspect) words=(inspect run) ;;
        export) words=(export --weights run/weights.h5 --format npz --out w.npz) ;;
        import) words=(import --from given.npz --out w.h5) ;;
        report) words=(report run --out page.html) ;;
        watch) words=(watch run) ;;
        bench) words=(bench --quick --data synthetic --train-limit 64 --batches 8 --csv b.csv) ;;
        *)
            echo "$1: a command that this test has no arguments for"
            return 1
            ;;
    esac
}

make_run() {
    train 1 "${small[@]}" --output run
    dist_train 0 export --weights run/weights.h5 --format npz --out given.npz
    "$python" - <<'PY'
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = b"".join(b"\0" + bytes(10) + (b"\xff" if 4 <= y < 24 else b"\0") * 8 + bytes(10)
                for y in range(28))
with open("digit.png", "wb") as out:
    out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
              + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
PY
}

# begin NP PLACE ARGUMENT...: starts it in the background and waits until a rank is held at the
# function PLACE; sets started, what we wait for, and held, the rank's number.
begin() {
    local np=$1 place=$2 launch=()
    [ "$np" = 0 ] || launch=("${launcher[@]}" -np "$np")
    rm -f held
    env --default-signal=HUP,INT timeout -k 2 25 "${launch[@]}" env HOLD_AT="$place" \
        HOLD_FILE="$PWD/held" LD_PRELOAD="${MPI_TESTS:-$top/build/mpi-tests}/hold.so" \
        "$program" "${@:3}" >out 2>err </dev/null &
    started=$!
    until [ -s held ]; do
        [ -e "/proc/$started/exe" ] || break
        sleep 0.05
    done
    [ ! -s held ] || { held=$(head -n 1 held) && return; }
    echo "$*: expected to be held at $place, found"
    cat out err
    return 1
}

# ends CODE WHAT: what we started ends before its time is up (code 124).
ends() {
    local code=0
    wait "$started" || code=$?
    expect "$2: exit code" "$1" "$code"
}

# code_of SIGNAL: what a shell makes of it.
code_of() { echo $((128 + $(kill -l "$1"))); }

# ignores PID SIGNAL: some mpiruns start their ranks with SIGHUP ignored, as nohup does.
ignores() {
    (((0x$(sed -n 's/^SigIgn:\t//p' "/proc/$1/status") >> ($(kill -l "$2") - 1)) & 1))
}

@test "every command ends by the signal" {
    make_run
    local command signal
    for command in $(commands); do
        arguments "$command"
        for signal in TERM HUP INT; do
            begin 0 MPI_Finalize "${words[@]}"
            kill -"$signal" "$held"
            ends "$(code_of $signal)" "$command, SIG$signal"
        done
    done
    expect "train and others" "1 1" "$(commands | grep -cx train) $(commands | grep -cx report)"
}

@test "every command ends under mpirun, when a rank or mpirun gets the signal" {
    make_run
    local command turn=0 signal signals=(TERM INT HUP)
    for command in $(commands); do
        arguments "$command"
        signal=${signals[turn++ % 3]}
        begin 2 MPI_Finalize "${words[@]}"
        ! ignores "$held" "$signal" || signal=TERM
        kill -"$signal" "$held"
        ends "$(code_of $signal)" "$command, SIG$signal to a rank"
    done
    # mpirun has a code of its own.
    for signal in TERM INT HUP; do
        arguments eval
        begin 2 MPI_Finalize "${words[@]}"
        kill -"$signal" "$(cut -d' ' -f1 "/proc/$started/task/$started/children")"
        ends 1 "SIG$signal to mpirun"
    done
}

@test "what says something of the program ends by the signal too, and so does the start" {
    local signal words
    for words in --help --version --print-config "--generate man"; do
        begin 0 MPI_Finalize $words
        kill -TERM "$held"
        ends 143 "$words"
    done
    for signal in TERM HUP INT; do
        begin 0 MPI_Comm_dup --version
        kill -$signal "$held"
        ends "$(code_of $signal)" "start, SIG$signal"
    done
    begin 2 MPI_Comm_dup "${small[@]}"
    kill -INT "$held"
    ends 130 "start of a rank"
    expect "files" "err held out" "$(echo *)"
}

@test "a command that waits for its input ends by the signal" {
    make_run
    local code=0
    env --default-signal=INT "$program" predict --weights run/weights.h5 - < <(exec sleep 10) \
        >out 2>err &
    until [[ $(readlink /proc/$!/fd/* 2>/dev/null) == *weights.h5* ]] || grep -q . err ||
        [ "$(cut -d' ' -f1 </proc/$!/syscall)" = 0 ]; do sleep 0.02; done
    kill -INT $!
    wait $! || code=$?
    expect "exit code" 130 $code
}

@test "a training that is building itself ends by the signal, at any number of ranks" {
    local np signal
    for np in 0 2; do
        for signal in TERM INT; do
            begin $np MPI_Win_allocate_shared "${small[@]}" --output new
            kill -$signal "$held"
            ends "$(code_of $signal)" "np $np, SIG$signal"
            [ ! -e new ]
        done
    done
}

@test "a training that was to go on, and ended while it built itself: told, and it goes on" {
    train 1 "${small[@]}" --output whole
    train 1 "${small[@]}" --max-steps 2 --output run
    begin 0 MPI_Win_allocate_shared "${small[@]}" --output run --resume auto
    kill -TERM "$held"
    ends 143 "resuming"
    expect "temporary files" "" "$(find run -name '*.tmp')"
    dist_train 0 watch run
    expect "watch: exit code" 71 "$status"
    grep -q '^run: died: .*; --resume auto goes on$' out
    dist_train 1 "${small[@]}" --output run --resume auto
    expect "exit code" 0 "$status"
    grep -q '^run: lock taken over from process .* which has ended$' err
    expect "hash" "$(summary parameter_hash whole)" "$(summary parameter_hash run)"
}

# no_debris ARGUMENT...: ended while it writes its first file, it has left none.
no_debris() {
    local before
    rm -f held out err
    before=$(find . | sort)
    begin "$np" fsync "$@"
    expect "files being written" 1 "$(find . -name '*.tmp' | wc -l)"
    kill -INT "$held"
    ends 130 "np $np, $*"
    rm -f held out err
    expect "files after $*" "$before" "$(find . | sort)"
}

@test "a file that is half written does not stay" {
    make_run
    local np=0 format command
    for format in $(choices export format); do
        no_debris export --weights run/weights.h5 --format "$format" --out "out.$format"
    done
    local tried=0
    for command in $(commands); do
        [ "$command" != train ] || continue
        arguments "$command"
        [[ ${words[*]} =~ --(out|csv|json) ]] || continue
        no_debris "${words[@]}"
        tried=$((tried + 1))
    done
    at_least $tried 5
    np=2
    arguments import
    no_debris "${words[@]}"
}

@test "what a command prints cannot be written: 74, but of a training, which has a log" {
    make_run
    local command words expected said=() way
    for command in $(commands) --help --version --print-config --generate --dry-run; do
        case $command in
            --generate) words=(--generate man) ;;
            --dry-run) words=(--dry-run "${small[@]}") ;;
            --*) words=("$command") ;;
            *) arguments "$command" ;;
        esac
        expected=74
        [ "$command" != train ] || expected=0
        for way in full closed all-closed; do
            status=0
            case $way in
                full) timeout "$limit" "$program" "${words[@]}" </dev/null >/dev/full 2>err ;;
                closed) timeout "$limit" "$program" "${words[@]}" </dev/null >&- 2>err ;;
                *) timeout "$limit" "$program" "${words[@]}" <&- >&- 2>&- ;;
            esac || status=$?
            expect "exit code of ${words[*]}, $way" $expected "$status"
            [ $expected = 0 ] || [ $way = all-closed ] ||
                grep -q '^dist-train: standard output: cannot write' err
            said+=("$command")
        done
    done
    expect "cases" $((3 * ($(commands | wc -l) + 5))) ${#said[@]}
    expect "lines of the log" 1 "$(grep -c '^done: ' new/log.txt)"
}
