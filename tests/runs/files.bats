#!/usr/bin/env bats
# What is no file in place of a file: every one that a run reads or writes, every option of a file.
# shellcheck disable=SC2154,SC2164 # helpers.bash sets $work, $status ...

load helpers

setup() {
    common_setup
    echo precious >precious
    mkdir others
    echo precious >others/precious
    settings=(--data synthetic --train-limit 40 --test-limit 10 --layers 10)
}

teardown() {
    common_teardown
}

# put KIND PATH: makes something there that is no file; $found is what a message calls it, where
# links are not followed.
put() {
    rm -rf "$2"
    case $1 in
        FIFO) found='a FIFO' && mkfifo "$2" ;;
        directory) found='a directory' && mkdir "$2" ;;
        file) found='a regular file' && cp precious "$2" ;;
        link) found='a symbolic link' && ln -s "$work/precious" "$2" ;;
        'directory link') found='a symbolic link' && ln -s "$work/others" "$2" ;;
        dangling) found='a symbolic link' && ln -s "$work/nothing" "$2" ;;
        'device link') found='a symbolic link' && ln -s /dev/zero "$2" ;;
        device)
            found='a device'
            mknod "$2" c 1 5 2>/dev/null || { found='a symbolic link' && ln -s /dev/zero "$2"; } ;;
    esac
}

# refused NP CODE REGEX ARGUMENT...: ends soon with the code and one line, and touches nothing.
refused() {
    local np=$1 code=$2 regex=$3
    dist_train "$1" "${@:4}"
    [ "$status" = "$code" ] && [ "$(grep -c '^dist-train: ' err)" = 1 ] &&
        grep -qE "^dist-train: .*$regex" err && { [ "$np" != 0 ] || [ "$(wc -l <err)" = 1 ]; } &&
        [ "$(cat precious others/*)" = $'precious\nprecious' ] && [ ! -e nothing ] && return
    echo "dist-train ${*:4} (np $np): expected exit code $code and one line like '$regex', found" \
        "exit code $status, $(cat precious others/* | tr '\n' ' '), and:"
    cat err
    return 1
}

# A run with all its files, of which none ends in its lock: $files and $folders are their names.
make_run() {
    train 0 "${settings[@]}" --epochs 1 --val-fraction 0.2 --checkpoint-epochs 1 --tensorboard \
        --output whole
    mapfile -t files < <(cd whole && find . -type f -printf '%P\n' | sort && echo lock && echo stop)
    mapfile -t folders < <(cd whole && find . -mindepth 1 -type d -printf '%P\n' | sort)
    [ ${#files[@]} -ge 12 ] && [ ${#folders[@]} -ge 3 ]
}

@test "in place of a file of a run nothing else is written to, replaced, removed or waited for" {
    make_run
    modes=(--overwrite '--resume auto')
    rest=(directory dangling device)
    i=0
    for name in "${files[@]}" "${folders[@]}"; do
        kinds=(FIFO link "${rest[i % 3]}")
        if [[ " ${folders[*]} " == *" $name "* ]]; then kinds=(FIFO 'directory link' file); fi
        for kind in "${kinds[@]}"; do
            rm -rf case && cp -a whole case && put "$kind" "case/$name"
            # shellcheck disable=SC2086 # two words
            refused 0 73 "case/$name: .*found $found; " "${settings[@]}" --epochs 2 \
                --output case ${modes[i % 2]}
            i=$((i + 1))
            rm -rf "case/$name" && diff -r <(cd whole && find . | grep -v "^./$name") \
                <(cd case && find . | grep -v "^./$name")
        done
    done
    rm -rf case && mkdir case && put FIFO case/log.txt
    refused 0 73 'case/log.txt: .*found a FIFO' "${settings[@]}" --output case
    refused 2 73 'case/log.txt: .*found a FIFO' "${settings[@]}" --output case --overwrite
    rm -rf case && cp -a whole case && put 'directory link' case/checkpoints
    refused 2 73 'case/checkpoints: .*found a symbolic link' "${settings[@]}" --epochs 2 \
        --output case --resume auto
}

# look COMMAND: all that it says of the directory `case`, and its page.
look() {
    local page=()
    [ "$1" != report ] || page=(-o page.html)
    rm -f page.html
    timeout -k 5 "$limit" "$program" "$1" case "${page[@]}" >said 2>&1 </dev/null || [ $? -lt 100 ]
    [ "$1" != report ] || cat page.html >>said
}

@test "what reads a run waits for no FIFO in place of a file of it, and names those that it needs" {
    make_run
    for command in inspect watch report; do
        rm -rf case && cp -a whole case
        look "$command" && cp said whole.said
        needed=0
        for name in "${files[@]}"; do
            rm -rf case && cp -a whole case && rm -f "case/$name"
            look "$command" && cp said without.said
            put FIFO "case/$name"
            look "$command"
            cmp -s whole.said without.said || {
                needed=$((needed + 1))
                grep -qF "$name: expected a regular file, found a FIFO" said ||
                    { echo "$command, $name:" && cat said && false; }
            }
        done
        [ "$needed" -ge 2 ]
    done
}

# arguments OPTION COMMAND: the others that the command needs.
arguments() {
    case $2 in
        train) echo "${settings[*]} --dry-run" ;;
        eval) [ "$1" = weights ] || echo --weights whole/weights.h5 ;;
        predict) echo image.png ;;
        export)
            echo --format npz
            [ "$1" = out ] || echo --out new.npz
            [ "$1" = weights ] || echo --weights whole/weights.h5 ;;
        import)
            [ "$1" = out ] || echo --out new.h5
            [ "$1" = from ] || echo --from whole/weights.h5 ;;
        report) echo whole ;;
        bench) echo --quick ;;
        *) return 1 ;;
    esac
}

# entry OPTION: what --help says of it.
entry() {
    "$program" --help | awk -v option="--$1" '
        /^  -/ { on = index($0, option " FILE") } !NF { on = 0 } on'
}

@test "no option of a file takes what is none, be it read or written" {
    train 0 "${settings[@]}" --epochs 1 --output whole
    cp whole/config.ini good.ini && ln -s good.ini linked.ini
    train 0 "${settings[@]}" --config linked.ini --dry-run
    while read -r option commands; do
        echo "$option" >>tried
        # That of a setting begins otherwise.
        [[ " $(commands | words) " == *" ${commands%%,*} "* ]] || commands=train
        for command in ${commands//,/ }; do
            written=66
            [ "$(entry "$option" | grep -c write)" = 0 ] || written=73
            for kind in FIFO directory link dangling device; do
                [ "$kind$written" != link66 ] || continue
                put "$kind" it
                # shellcheck disable=SC2046 # words
                refused 0 $written "\bit: " "$command" $(arguments "$option" "$command") \
                    "--$option" it
            done
        done
    done < <("$program" --help | sed -nE 's/^ +(-., )?--([a-z-]+) FILE +(.*)/\2 \3/p' |
        awk '{ list = $0; sub(/^[^ ]* /, "", list)
               print $1, list ~ /: / ? substr(list, 1, index(list, ":") - 1) : "train" }')
    expect "options of a file" "$(sort -u tried | words)" \
        "$("$program" --generate bash | sed -nE 's/.*:--([a-z-]+)(\)| \|).* takes=file .*/\1/p' |
            sort -u | words)"
    for kind in FIFO directory device; do
        put "$kind" it
        refused 0 66 "\bit: " predict --weights whole/weights.h5 it
        [ "$kind" = directory ] || refused 0 66 "\bit: " inspect it
        [ "$kind" = directory ] || refused 0 66 "\bit: " report it
        [ "$kind" = directory ] || refused 0 66 "\bit: " watch it
    done
    put FIFO it
    refused 2 66 'it: expected a regular file, found a FIFO; write' "${settings[@]}" --config it
    refused 2 73 'it: expected a regular file, or none yet, found a FIFO' "${settings[@]}" \
        --timeline it
}
