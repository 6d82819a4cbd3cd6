#!/usr/bin/env bats
# The command line: help, settings from everywhere, and one clear line for every kind of bad input,
# with the exit codes of sysexits.h, without mpirun and on three ranks.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() {
    common_setup
    make_data good 40 20 12
}
teardown() { common_teardown; }

# damaged: a fresh copy of the good data in bad; images, labels: files of its training part.
damaged() {
    rm -rf bad
    cp -r good bad
    images=bad/train-images-idx3-ubyte labels=bad/train-labels-idx1-ubyte
}

# poke FILE OFFSET BYTES: overwrites, bytes as printf has them.
poke() {
    # shellcheck disable=SC2059
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# refuse_data CODE REGEX [ARGUMENT...]
refuse_data() { refuse "$1" "$2" --data bad "${@:3}"; }

@test "missing data: 66" {
    damaged
    rm "$labels"
    refuse_data 66 'bad: .*train-labels-idx1-ubyte.*get-mnist'
    refuse 66 'nowhere: .*directory.*nothing' --data nowhere
    printf '; of a, b\n[data]\n' >notes.ini
    refuse 66 'notes.ini: expected IDX, CSV, .npz or HDF5, or .*another kind' --data notes.ini
    refuse 66 'c.ini: ' --config c.ini
    refuse 66 'good: ' --config good
}

@test "truncated and over-long IDX files: 65" {
    damaged
    truncate -s -1 "$images"
    refuse_data 65 "$images: expected 5776 bytes .*40 images.*found 5775"
    truncate -s 15 "$images"
    refuse_data 65 "$images: expected .*found .*truncated"
    truncate -s 0 "$images"
    refuse_data 65 "$images: expected .*magic 2051.*found no data"
    damaged
    printf x >>"$labels"
    refuse_data 65 "$labels: expected 48 bytes .*40 labels.*found 49"
    damaged
    poke "$labels" 4 '\xff\xff\xff\xff'
    refuse_data 65 "$labels: expected "
}

@test "IDX files of another kind: 65" {
    damaged
    poke "$images" 0 'GIF8'
    refuse_data 65 "$images: expected .*magic 2051.*found"
    damaged
    mv "$labels" aside && mv "$images" "$labels" && mv aside "$images"
    refuse_data 65 "bad/train-.*: expected .*magic.*found .*swapped"
    damaged
    poke "$images" 2 '\x0d'
    refuse_data 65 "$images: expected .*unsigned bytes|$images: expected .*magic 2051"
}

@test "labels out of range: 65, whoever reads them" {
    damaged
    poke "$labels" 8 '\x0a'
    refuse_data 65 "$labels: expected labels 0 to 9, found 10 at sample 0" --classes 10
    damaged
    poke "$labels" 47 '\xff'
    refuse_data 65 "$labels: expected labels 0 to 9, found 255 at sample 39" --classes 10
    refuse 65 "expected labels 0 to 4, found" --data good --classes 5 --layers 5
}

@test "files that do not fit together: 65" {
    damaged
    make_data other 41 20 12
    cp other/train-labels* bad
    refuse_data 65 "$labels: expected .*$images.* 40.*found 41"
    rm -r other
    damaged
    make_data other 40 20 10
    cp other/t10k-images* bad
    refuse_data 65 'bad/t10k-images.*: expected .*12 x 12.*found 10 x 10'
}

@test "damaged gzip: 65" {
    local zipped=bad/t10k-images-idx3-ubyte.gz size
    damaged
    size=$(stat -c %s "$zipped")
    truncate -s -9 "$zipped"
    refuse_data 65 "$zipped: expected .*found .*truncated"
    damaged
    poke "$zipped" $((size / 2)) '\x00\x00\x00'
    refuse_data 65 "$zipped: expected .*found damage"
    damaged
    poke "$zipped" $((size - 6)) 'zz'
    refuse_data 65 "$zipped: expected .*found "
}

@test "unknown options and commands: 64, with the nearest name" {
    refuse 64 'unknown option --bacth-size; did you mean --batch-size\?' --bacth-size 3
    refuse 64 'unknown option --qwertyuiop; --help' --qwertyuiop 3
    refuse 64 "unknown command 'trian'; did you mean 'train'\?" trian
    refuse 64 'unknown option -x' -x
    refuse 64 '--epochs: expected a value, found the end' --epochs
    refuse 64 "unexpected argument '5'" --epochs 3 5
    refuse 64 '--seed: expected once, found a second time' --seed 1 --seed 1
    refuse 64 '--no-bias: expected no value' --no-bias=3
}

@test "values that a setting does not take: 78" {
    refuse 78 "--batch-size: expected an integer from 1 to 16777216 samples, found '0'" \
        --batch-size 0
    refuse 78 "--epochs: expected an integer .*, found '1.5'" --epochs 1.5
    refuse 78 "--lr: expected .*number.*, found '-1'" --lr -1
    refuse 78 "--lr: expected .*number.*, found 'nan'" --lr nan
    refuse 78 "--optimizer: .*found 'adamm'; did you mean 'adam'\?" --optimizer adamm
    refuse 78 "--layers: layer 2, '': expected a number or a kind of layer .*, found nothing" \
        --layers 128,,10
    refuse 78 "--layers: layer 1, 'dense 8 rleu': .*found 'rleu'; did you mean 'relu'\?" \
        --layers "dense 8 rleu, dense 10"
    refuse 78 "--layers: layer 2, 'danse 10': expected .*, found 'danse'; did you mean 'dense'\?" \
        --layers "8, danse 10"
}

@test "settings that do not go together: 78" {
    refuse 78 "layers: .*one output a class, 10, found 9" --layers 128,9 --classes 10
    refuse 78 "val_fraction: .*split = random" --split random
    refuse 78 "output_activation: .*cross-entropy" --output-activation softmax
    refuse 78 "activation: expected relu, as layers says, found tanh; leave it out, or change" \
        --layers "dense 8 relu, dense 10" --activation tanh
    refuse 78 "bias: expected true, as layers says, found false" \
        --layers "dense 8, dense 10" --no-bias
    refuse 78 "layers: expected a layer that can be trained" --layers "relu"
    refuse 78 "layers: layer 3: dropout: expected a layer with parameters behind it" \
        --layers "dense 12, dense 10, dropout 0.5, softmax" --loss mse
    refuse 78 "layers: layer 2: groupnorm: expected more than one value .*in an input of 1x1x12" \
        --layers "dense 12, groupnorm 12, dense 10" --data good
    refuse 78 "layers: layer 2: layernorm: expected more than one value .*in an input of 1x1x1" \
        --layers "dense 1, layernorm, dense 10" --data good
    refuse 78 "layers: layer 2: maxpool 30x30: expected .*at least 30x30.*, found 24x24x3" \
        --layers "conv 3 5x5, maxpool 30, dense 10" --data synthetic
    refuse 78 "lr_min: .*at most lr" --schedule cosine --lr 0.1 --lr-min 0.2
    refuse 78 "val_fraction 0.01 of 40 samples" --data good --val-fraction 0.01
}

@test "layers of the command line win over what a file says of them; activation for a part: 78" {
    printf '[model]\nactivation = relu\nbias = false\nlayers = 9, dense 8 tanh, 10\n' >c.ini
    dist_train 0 --data good --config c.ini --layers "dense 9 tanh, dense 10" --dry-run
    expect "exit code" 0 "$status"
    grep -q '^            tanh$' out
    expect "without bias" 0 "$(grep -c 'bias false' out)"
    dist_train 0 --data good --config c.ini --layers 9,10 --dry-run
    grep -q '^            dense 9 -> 10, bias false' out
    grep -q '^            relu$' out
    DIST_TRAIN_ACTIVATION=relu dist_train 0 --data good --layers "dense 9 tanh, dense 10" --dry-run
    expect "exit code" 0 "$status"
    DIST_TRAIN_ACTIVATION=relu DIST_TRAIN_LAYERS="dense 9 tanh, dense 10" \
        refuse 78 "activation: expected tanh, as layers says, found relu" --data good
    printf '[model]\nlayers = dense 9 relu, dense 8 tanh, dense 10\n' >c.ini
    refuse 78 "activation: expected relu, as layers says, found tanh" --config c.ini \
        --activation tanh
}

@test "mistakes in a config file: 78, with its line" {
    printf '[train]\nepochs = 3\n\nbatch_siz = 3\n' >c.ini
    refuse 78 "c.ini:4: unknown setting 'batch_siz'; did you mean 'batch_size'\?" --config c.ini
    printf '[train]\nepochs = 3\nepochs = 4\n' >c.ini
    refuse 78 'c.ini:3: epochs: expected once.*line 2' --config c.ini
    printf '; c\n[train]\nlr = fast\n' >c.ini
    refuse 78 "c.ini:3: lr: expected .*, found 'fast'" --config c.ini
    printf '[trian]\n' >c.ini
    refuse 78 'c.ini:1: .*\[trian\]; did you mean \[train\]\?' --config c.ini
    printf '[data]\nepochs = 3\n' >c.ini
    refuse 78 'c.ini:2: epochs: .*\[train\]' --config c.ini
    printf '[train]\nepochs\n' >c.ini
    refuse 78 'c.ini:2: expected .*NAME = VALUE' --config c.ini
    printf '[model]\nlayers = 30, 9\n' >c.ini
    refuse 78 'layers: .*found 9' --config c.ini --classes 10
}

@test "mistakes in the environment: 78; a name near to a setting's is a warning" {
    DIST_TRAIN_EPOCHS=many refuse 78 "DIST_TRAIN_EPOCHS: expected an integer .*found 'many'"
    DIST_TRAIN_EPOCH=3 dist_train 3 --data good --epochs 1 --output run
    expect "exit code, lines" "0 1" "$status $(wc -l <err)"
    grep -q '^warning: environment DIST_TRAIN_EPOCH is .*; did you mean DIST_TRAIN_EPOCHS?' err
}

@test "an output directory that cannot be: 73" {
    touch file
    refuse 73 'file: cannot create directory' --data good --output file
    refuse 73 'file: cannot create directory' --data good --output file/run
    refuse 73 '/proc/none: cannot create' --data good --output /proc/none
    expect "what was there" 0 "$(stat -c %s file)"
}

@test "a directory that is read only: 73" {
    mkdir locked
    chmod a-w locked
    [ ! -w locked ] || skip "this user may write everywhere"
    refuse 73 'locked/run: ' --data good --output locked/run
    refuse 73 'locked: ' --data good --output locked
}

@test "an existing run is refused without --overwrite: 73" {
    train 0 --data good --layers 10 --epochs 1 --seed 2 --output run
    local before
    before=$(cat run/* | cksum)
    refuse 73 'run: already holds a run .*--overwrite' --data good --output run
    expect "files of the run" "$before" "$(cat run/* | cksum)"
    train 3 --data good --layers 10 --epochs 1 --output run --overwrite
    grep -qx 'seed = 1' run/config.ini
    mkdir empty
    train 0 --data good --layers 10 --epochs 1 --output empty/
}

@test "--help and --version: exit code 0, once, and help names every setting" {
    local np name count=0
    for np in 0 3; do
        train $np --version
        expect "lines" 2 "$(wc -l <out)"
        grep -qE '^dist-train [0-9]+\.[0-9]+\.[0-9]+$' out
        grep -qE '^MPI: [A-Z].* v?[0-9]+\.' out
        train $np --help
        expect "usages" 1 "$(grep -c '^Usage' out)"
    done
    "$program" --print-config | sed -n 's/^\([a-z_0-9]*\) = .*/\1/p' | tr _ - >names
    while read -r name; do
        grep -qE "^ +--(\[no-\])?$name( |$)" out || expect "--$name" "in --help" "nowhere"
        count=$((count + 1))
    done <names
    at_least "$count" 35
    expect "lines over 80 columns" 0 "$(grep -cE '.{81}' out || true)"
    train 0 -h
    train 0 --help --bogus
}

# others INI: an option for each setting, with another value than its default.
others() {
    awk '
        { comment = $0 }
        !/^; .*; default / { if (/^[a-z]/) print option($1) "=" value; next }
        { value = other(substr($0, 3)) }
        function option(name) { gsub(/_/, "-", name); return "--" name }
        function other(text, preset, word, count, i) {
            preset = text
            sub(/.*; default /, "", preset)
            sub(/; default .*/, "", text)
            if (text == "true or false")
                return preset == "true" ? "false" : "true"
            if (sub(/^one of /, "", text)) {
                count = split(text, word, /, | or /)
                return word[count] == preset ? word[1] : word[count]
            }
            if (text ~ /^layers/)
                return "9, dense 8 bias false tanh, " classes
            if (text ~ /WIDTHxHEIGHT/)
                return "24x17"
            if (text ~ /^augmentations/)
                return "shift 2.5, flip"
            if (!match(text, /a(n integer|[ ]number) from /))
                return "a name; # \"so\""
            split(substr(text, RSTART + RLENGTH), word, " ")
            i = text ~ /integer/ ? word[1] + 2 : (word[1] + word[3]) / 2
            i = i == preset ? (text ~ /integer/ ? i + 1 : i / 2) : i
            classes = classes ? classes : i
            return sprintf("%.15g", i)
        }' "$1"
}

@test "--print-config fed back is identical" {
    local file options
    train 3 --print-config
    cp out defaults.ini
    train 0 --config defaults.ini --print-config
    diff defaults.ini out
    mapfile -t options < <(others defaults.ini)
    expect "options" "$(grep -c '^[a-z].* = ' defaults.ini)" ${#options[@]}
    train 0 "${options[@]}" --print-config
    cp out mine.ini
    expect "settings left at their defaults" "" \
        "$(comm -12 <(grep ' = ' defaults.ini | sort) <(grep '^[a-z_0-9]* = ' mine.ini | sort))"
    train 2 --config mine.ini --print-config
    diff mine.ini out
    for file in "$top"/configs/*.ini; do
        train 0 --config "$file" --print-config
        cp out once.ini
        train 0 --config once.ini --print-config
        diff once.ini out
    done
}

@test "--print-config fed back is identical, whatever --layers says" {
    local layers number=0
    printf '[model]\nlayers = 64, 10\nactivation = tanh\nbias = false\n' >file.ini
    for layers in "dense 5 silu, dense 10" "dense 5, dense 10" "dense 5 gelu, 4, dense 10" \
        "dense 5 bias true, rms, dense 10" "10" "dense 10 softmax"; do
        train 0 --loss mse --layers "$layers" --print-config
        cp out "$((++number)).ini"
        train 0 --config file.ini --loss mse --layers "$layers" --print-config
        cp out "$((++number)).ini"
        train 0 --config "$number.ini" --data good --dry-run
        grep '^ *\(dense\|network\|[a-z]*$\)' out >here
        train 0 --config file.ini --loss mse --layers "$layers" --data good --dry-run
        grep '^ *\(dense\|network\|[a-z]*$\)' out | diff - here
    done
    while ((number > 0)); do
        train 0 --config "$number.ini" --print-config
        diff "$number.ini" out
        number=$((number - 1))
    done
}

@test "the command line wins over the environment, that over the file" {
    printf '[train]\nepochs = 3\nseed = 3\nbatch_size = 3\n' >c.ini
    export DIST_TRAIN_EPOCHS=4 DIST_TRAIN_SEED=4
    train 2 --config c.ini --epochs 5 --print-config
    expect "epochs, batch_size, seed" "5 3 4" \
        "$(sed -n -E 's/^(epochs|seed|batch_size) = //p' out | words)"
}

@test "--dry-run reads and checks, says what a run would do, and writes nothing" {
    local file
    make_data digits 40 20
    for file in "$top"/configs/*.ini; do
        train 2 --config "$file" --data digits --batch-size 32 --dry-run
        grep -q 'ranks  *2 on 1 host' out
        grep -q '40 training\|54 training, 6 validation' out
        expect "columns where layers' parameters end" 1 "$(sed -n '/^  network/,/^ *loss/p' out |
            grep '   *[0-9]*$' | awk '{ print length }' | sort -u | wc -l)"
    done
    rm -r digits
    train 3 --data good --layers 30,10 --lr 0.5 --dry-run
    grep -q '144-30-10, 4660 parameters' out
    grep -qE "settings +--data good --layers '?30, ?10'? --lr 0.5" out
    expect "files" "err good out" "$(printf '%s\n' * | words)"
    damaged
    printf x >>"$labels"
    refuse_data 65 "$labels: expected" --dry-run
}

@test "lr that is scaled for a larger batch than there is, is said, with what to do" {
    local np scaled=(--data synthetic --train-limit 50 --lr-scaling linear --epochs 1 --no-report)
    local said="warning: lr_scaling: lr is scaled for batch_size = 512, but a batch has the 50 \
training samples that there are; --batch-size 50 scales it for these"
    for np in 0 3; do
        dist_train "$np" "${scaled[@]}" --batch-size 512 --dry-run
        expect "exit code" 0 "$status"
        expect "said" "$said" "$(cat err)"
    done
    train 3 "${scaled[@]}" --batch-size 50 --dry-run
    train 3 "${scaled[@]/linear/none}" --batch-size 512 --dry-run
    dist_train 1 "${scaled[@]}" --batch-size 512 --output run
    expect "said" "$said" "$(cat err)"
    train 1 --epochs 2 --resume auto --output run # batch_size cannot change now
}

# used_by TOPIC: the settings that its kinds use, as the help says.
used_by() {
    "$program" --help "$1" | awk '/^  [a-z]/ { print entry; entry = "" } { entry = entry " " $0 }
        END { print entry }' | sed -n 's/.*; uses //p' | tr -s ' ' '\n' | sort -u
}

# The parameters that a short run comes to, and the settings that it calls unused.
short_run=(--layers "8,10" --batch-size 50 --epochs 4 --checkpoint-epochs 0 --no-report)
hash_of() {
    train 0 "${short_run[@]}" "$@" --output run --overwrite >&2 || return
    sed -n '$s/.*,//p' run/metrics.csv
}
unused_of() {
    train 0 "${short_run[@]}" "$@" --dry-run >&2 || return
    sed -n 's/^  unused  //p' out | grep -o -e '--[a-z0-9-]*' |
        sed 's/^--no-/--/' || true
}

@test "a setting is called unused if, and only if, another value of it changes nothing" {
    local kind name unused more before after option words
    local -a contexts options same context
    local -A other=([momentum]=0.5 [trust]=0.01 [alpha]=0.5 [beta1]=0.5 [beta2]=0.9 [epsilon]=0.01
        [gamma]=0.5 [step_epochs]=2 [lr_min]=0.0005 [power]=3 [pct_start]=0.6 [div_factor]=5
        [final_div_factor]=10 [anneal]=linear [cycle_momentum]=false [base_momentum]=0.5
        [max_momentum]=0.7 [plateau_patience]=1 [plateau_threshold]=1 [lr_batch]=32 [val_seed]=9
        [decay_all]=true [max_skips]=1 [synthetic_seed]=5 [keys]=last [size]=9x9)
    local -a plateau=("--val-fraction 0.2 --schedule plateau --plateau-patience 0"
        "--val-fraction 0.2 --schedule plateau --plateau-threshold 1")
    local used
    used="$(used_by optimizer | words) $(used_by schedule | words)"
    expect "used" "beta1 lr_min" "$(grep -ow -e beta1 -e lr_min <<<"$used" | words)"
    for name in $used; do
        [ -n "${other[$name]-}" ] || expect "a setting without another value" "" "$name"
    done
    for kind in $(names optimizer); do contexts+=("--optimizer $kind"); done
    for kind in $(names schedule); do contexts+=("--val-fraction 0.2 --schedule $kind"); done
    contexts=("${contexts[@]/%plateau/plateau --plateau-patience 0 --plateau-threshold 1}"
        "${plateau[@]/%/ --gamma 0.5 --lr-min 0.0001}"
        "--schedule one-cycle --optimizer sgd" "--schedule one-cycle --optimizer lars"
        "--schedule one-cycle --cycle-momentum=false" "--lr-scaling linear" "--weight-decay 0.1"
        "--data synthetic --train-limit 200 --test-limit 20")
    make_data data 200 20
    for words in "${contexts[@]}"; do
        [[ $words == *--data* ]] || words+=" --data data"
        read -ra context <<<"$words"
        options=() same=()
        for name in "${!other[@]}"; do
            [[ $words == *"--${name//_/-}"* || $name = cycle_momentum ]] ||
                options+=("--${name//_/-}=${other[$name]}")
        done
        unused=$(unused_of "${context[@]}" "${options[@]}")
        if [[ $words != *--cycle-momentum* ]]; then # which decides about others
            more=$(unused_of "${context[@]}" --cycle-momentum=false)
            unused+=$'\n'$more
            options+=(--cycle-momentum=false)
        fi
        before=$(hash_of "${context[@]}")
        for option in "${options[@]}"; do
            if grep -qx -e "${option%%=*}" <<<"$unused"; then
                same+=("$option")
                continue
            fi
            after=$(hash_of "${context[@]}" "$option")
            [ "$after" != "$before" ] ||
                expect "$words: $option is not called unused" "another hash" "the same"
        done
        after=$(hash_of "${context[@]}" "${same[@]}")
        expect "$words: ${same[*]}" "$before" "$after"
    done
}

@test "what makes a setting useless is named beside it, and by a run that goes on" {
    local unused="--size (data of another format), --power (schedule = constant), \
--no-cycle-momentum (schedule = constant)" config
    local run=(--data good --size 9x9 --power 2 --no-cycle-momentum)
    train 2 "${run[@]}" --max-steps 1 --output run
    expect "unused" "$unused" "$(sed -n 's/^  unused    //p' out)"
    train 1 --output run --resume auto --power 3 # without a warning of another trajectory
    expect "unused" "$unused" "$(sed -n 's/^  unused    //p' out)"
    train 0 --data good --optimizer sgd --max-steps 0 --output sgd
    train 0 --config sgd/config.ini --dry-run
    expect "what is auto" "" "$(grep '^  unused ' out || true)"
    for config in "$top"/configs/*.ini; do
        train 0 --config "$config" --data synthetic --dry-run
        expect "$config: unused" "" "$(grep '^  unused ' out || true)"
    done
}

@test "--dry-run draws what augmentation does, wherever the first training image is" {
    local np drawn one
    for np in 1 3 5; do
        train "$np" --data synthetic --train-limit 2 --batch-size 2 --augment "shift 1" --dry-run
        drawn=$(sed -n '/^  augment /,/^  settings /p' out)
        one=${one-$drawn}
        at_least "$(wc -l <<<"$drawn")" 10
        expect "np $np: drawn" "$one" "$drawn"
    done
}

@test "--dry-run says what is wrong with the output directory, and makes none" {
    train 2 --data good --output new/run --dry-run
    [ ! -e new ]
    mkdir old empty
    touch old/metrics.csv file
    refuse 73 "old: already holds a run \(metrics.csv\)" --data good --output old --dry-run
    refuse 73 "file: cannot create directory: a file is in the way" --data good \
        --output file/run --dry-run
    train 0 --data good --output old --overwrite --dry-run
    train 0 --data good --output empty --dry-run
    expect "files" "empty err file good old old/metrics.csv out" \
        "$(find . -path ./good -prune -printf '%P\n' -o -mindepth 1 -printf '%P\n' | sort | words)"
}

@test "--data auto: DIST_TRAIN_DATA, else data/mnist, else synthetic digits and a word of it" {
    DIST_TRAIN_DATA=good train 2 --layers 10 --epochs 1 --output named
    expect "source" "MNIST-type files in good" "$(summary data_source named)"
    make_data other 40 20 12 && DIST_TRAIN_DATA=other dist_train 1 --output named \
        --resume auto --epochs 2
    expect "exit code" 0 "$status"
    expect "source of a run that goes on" "MNIST-type files in good" "$(summary data_source named)"
    run env DIST_TRAIN_DATA=other "$PROGRAM" eval --weights named/weights.h5
    [[ $output == *' on MNIST-type files in good, '* ]]
    mkdir data
    cp -r good data/mnist
    train 2 --layers 10 --epochs 1 --output found
    expect "source" "MNIST-type files in data/mnist" "$(summary data_source found)"
    rm -r data
    dist_train 3 --layers 10 --epochs 1 --train-limit 50 --test-limit 5 --output none
    expect "exit code" 0 "$status"
    expect "source" "synthetic digits" "$(summary data_source none)"
    expect "lines on synthetic digits and get-mnist.sh" 1 \
        "$(cat out err | grep -c 'synthetic digits .*get-mnist.sh')"
}

@test "a CPU that lacks what the program was built for: one line, no core, 78" {
    command -v qemu-x86_64-static && grep -q avx /proc/cpuinfo || skip "no other CPU here"
    ulimit -c unlimited
    run qemu-x86_64-static -cpu Nehalem-v1 "$PROGRAM" --version
    [ "$status" -eq 78 ]
    [[ $output =~ ^dist-train:\ this\ program\ was\ built\ for\ a\ CPU\ with\ [^$'\n']*$ ]]
    [ -z "$(find . -name '*core*')" ]
}

@test "nothing is left of a process that has ended, whoever its first parent is" {
    "$PYTHON" - "$PROGRAM" <<'EOT'
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1)  # orphans come to this process
subprocess.run([sys.argv[1], "--version"], stdout=subprocess.DEVNULL, check=True)
try:
    sys.exit(f"left: {os.waitpid(-1, 0)}")
except ChildProcessError:
    pass
EOT
}
