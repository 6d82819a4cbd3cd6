#!/usr/bin/env bats
# Folders of pictures, one a class, as data sets.
# shellcheck disable=SC2030,SC2031,SC2054,SC2154
# A test is a subshell; 10,4 is one word; helpers.bash sets what seems unset.

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

base=(--layers 10,4 --epochs 2 --batch-size 8 --virtual-ranks 3)

make_form() { "$python" "$top/tests/runs/make_data.py" "$@"; }

@test "a folder of pictures a class trains to the weights of the same images in IDX files" {
    local form np=0
    make_form by-class plain
    make_form folder-alone plain/preview
    train 1 --data plain "${base[@]}" --output plain-run
    grep -q 'MNIST-type files in plain$' out # pictures beside them are none of theirs
    for form in folder folder-words folder-valid; do
        make_form $form $form
        np=$((np % 3 + 1))
        train $np --data $form "${base[@]}" --output run-$form
        expect "$form: parameter_hash" "$(summary parameter_hash plain-run)" \
            "$(summary parameter_hash run-$form)"
        expect "$form: test_accuracy" "$(summary test_accuracy plain-run)" \
            "$(summary test_accuracy run-$form)"
        grep -q '60 training, 20 test; 8 x 6 x 1 pixels, 4 classes' out
        grep -q 'pictures in grey$' out
    done
    make_form folder-alone alone
    train 3 --data alone "${base[@]}" --output alone-run
    grep -q 'nothing to test on' out
    expect "test_accuracy" null "$(summary test_accuracy alone-run)"
    train 2 --data folder "${base[@]}" --transpose --dry-run
    grep -q '6 x 8 x 1 pixels' out
    # Numbers are labels: data and networks of one kind are good for the other.
    train 2 eval --weights plain-run/weights.h5 --data folder
    mv out answers
    train 3 eval --weights run-folder/weights.h5 --data plain
    expect "loss" "$(grep -o 'loss [0-9.]*' answers)" "$(grep -o 'loss [0-9.]*' out)"
}

@test "names of folders are names of classes, for all who use the network" {
    make_form folder-words set
    make_form by-class plain
    train 2 --data set --epochs 3 --batch-size 8 --output run
    grep -q 'network   48-128-64-4,' out
    grep -q 'the classes are the labels ant, bee, moth, wasp;' out
    train 3 eval --weights run/weights.h5 --csv answers.csv
    expect "classes" "class ant bee moth wasp" "$(cut -d, -f1 answers.csv | words)"
    grep -q '>moth<' run/report.html
    # A picture is for predict what it was for training.
    train 1 predict --weights run/weights.h5 plain/t10k-images-idx3-ubyte
    cut -f2- out >expected
    train 1 predict --weights run/weights.h5 set/testing/*/*.ppm
    cut -f2- out | cmp - expected
    make_form folder-ink ink
    make_form folder-large large
    train 2 --data ink "${base[@]}" --output ink-run
    train 1 predict --weights ink-run/weights.h5 ink/test/*/*.png
    cut -f2- out >expected
    train 1 predict --weights ink-run/weights.h5 large/test/*/*.png
    cut -f2- out | cmp - expected
    refuse 64 "predict: expected --fit mnist with --many, since the network was trained on whole" \
        predict --weights ink-run/weights.h5 --many large/test/*/*.png
    train 1 export --weights run/weights.h5 --format safetensors -o net.safetensors
    grep -aq 'id2label.*0.*ant.*3.*wasp' net.safetensors
    train 1 import --from net.safetensors -o back.h5
    cmp run/weights.h5 back.h5
    train 1 export --weights run/weights.h5 -o page.html
    grep -q wasp page.html
    # Some of the classes, in another order of numbers; others.
    mkdir -p some/train other
    cp -r set/testing/bee set/testing/wasp some/train
    train 2 eval --weights run/weights.h5 --split train --data some
    cp -r set/Training/wasp other
    cp -r set/Training/moth other/yeti
    refuse 65 'pictures in other: expected the classes ant, bee, moth, wasp, .*, found yeti' \
        eval --weights run/weights.h5 --split train --data other
    train 1 --data plain --layers 4 --epochs 1 --output numbers
    refuse 65 'pictures in set: expected the classes 0 to 3, as the network has them, found ant' \
        eval --weights numbers/weights.h5 --data set
    refuse 78 'classes: the pictures in set have 4 classes, found 5' --data set --classes 5
    train 1 --data set --classes 4 --epochs 1 --output four
    grep -q 'the labels ant, bee, moth, wasp;' out
}

@test "pictures of several sizes are refused, and scaled to --size, which the network keeps" {
    make_form folder-sizes set
    refuse 65 'size: expected .* same size, found 6x8 pixels, set/.*\.png, and 5x8, .*/030\.png; ' \
        --data set
    local np
    for np in 1 3; do
        train $np --data set --size 7x9 --layers 10,4 --epochs 2 --virtual-ranks 3 --output run$np
        grep -q '9 x 7 x 1 pixels, 4 classes' out
        grep -q 'each scaled as a whole (means over areas)' out
    done
    cmp run1/weights.h5 run3/weights.h5
    train 2 eval --weights run1/weights.h5 --csv one.csv
    # Another folder is scaled to what the network takes, whatever its sizes are.
    make_form folder-words words
    train 3 eval --weights run1/weights.h5 --data words
    train 2 eval --weights run1/weights.h5 --split train --json train.json
    train 1 predict --weights run1/weights.h5 set/train/*/*.png
    "$python" - train.json <<'EOT'
import json, sys
right = sum(line.split("\t")[0].split("/")[2] == line.split("\t")[1] for line in open("out"))
found = json.load(open("train.json"))["accuracy"]
assert abs(right / 60 - found) < 1e-9, (right, found)
EOT
    refuse 78 "--size: expected auto or WIDTHxHEIGHT, .* found '0x9'" --data set --size 0x9
    dist_train 1 --data set --size 7x9 --output parts --max-steps 1
    dist_train 2 --data set --size 9x7 --output parts --resume auto
    expect "exit code" 78 "$status"
    grep -q 'size: expected 7x9, as this run has it, found 9x7' err
}

@test "one picture in colour makes a data set in colour, on any number of ranks" {
    make_form folder set
    printf "P6 6 8 255\n%s" "$(printf 'a%.0s' {1..143})b" >set/test/3/colour.ppm
    local np
    for np in 1 2 3; do
        train $np --data set "${base[@]}" --output run$np
        grep -q '8 x 6 x 3 pixels' out
        grep -q 'pictures in colour$' out
    done
    cmp run1/weights.h5 run2/weights.h5
    cmp run1/weights.h5 run3/weights.h5
}

@test "what is no picture is passed over and said; a picture that is broken is refused by name" {
    make_form folder set
    train 1 --data set "${base[@]}" --output before
    touch set/README.md set/train/.DS_Store set/train/0/{.DS_Store,Thumbs.db,notes}
    cp -r set/train set/val
    mkdir set/train/1/deeper
    mv set/train/1/00* set/train/1/deeper
    train 3 --data set "${base[@]}" --output after
    local names='.DS_Store, README.md, Thumbs.db, notes'
    grep -q "pictures in grey; without $names and the like, 6 in all\$" out
    rm set/README.md set/train/.DS_Store set/train/0/{.DS_Store,Thumbs.db,notes}
    train 2 --data set "${base[@]}" --dry-run
    grep -q 'pictures in grey; without val/$' out
    # By its content, whatever it is called.
    mv set/train/2/002.png set/train/2/picture
    train 1 --data set "${base[@]}" --dry-run
    grep -q ' 60 training, 20 test;' out

    local broken=set/train/3/zzz.png
    head -c 60 set/train/3/003.png >$broken
    refuse 65 "$broken: expected a whole picture, found one that is damaged" --data set
    : >$broken
    refuse 65 "$broken: expected a picture, JPEG, PNG, " --data set
    echo '<html>' >$broken
    refuse 65 "$broken: expected a picture, JPEG, PNG, " --data set
    rm $broken
    mkdir $broken
    refuse 66 "$broken: expected a regular file, found a directory" --data set
    rmdir $broken
    ln -s nowhere $broken
    refuse 66 "$broken: .*No such file" --data set
}

@test "folders that are no data set are refused in one line" {
    make_form folder set
    mkdir set/train/empty
    refuse 65 'set/train/empty: expected pictures of the class .*, found none' --data set
    rmdir set/train/empty
    ln -s ../.. set/train/2/up
    refuse 65 'set/train/2/up.*: expected .*, found a link to a folder that it is in' --data set
    rm set/train/2/up
    mkdir -p twice/train
    cp -r set/test/[01] twice/train
    mkdir twice/train/0/a
    ln -s a twice/train/0/b
    refuse 65 'twice/train/0/b: expected .* of the class, each once, found a link' --data twice
    rm -r twice
    cp -r set/test/0 set/test/cow
    refuse 65 'set/test/cow: expected one of the classes of set/train, found another' --data set
    rm -r set/test/cow
    cp set/train/0/000.png set/train/alone.png
    refuse 65 'set/train: expected folders of pictures, .*, found the picture alone.png' --data set
    rm set/train/alone.png
    mv set/train/3 set/train/$'\xff\n'
    refuse 65 "set/train: expected folders whose names.* found '.xff.n'" --data set
    mv set/train/$'\xff\n' set/train/3
    mv set/train/0/000.png set/train/0/$'\xff\e[1m.png'
    train 2 --data set "${base[@]}" --dry-run
    cp -r set two
    cp -r two/train two/training
    refuse 65 'two: expected one folder of a kind, found train and training;' --data two
    rm -r two/training two/test
    mkdir -p two/test/0 two/test/1
    refuse 65 'two/test: expected pictures of the classes .*, found none; move it away' --data two
    cp set/test/0/* two/test/0
    rm -r two/train
    refuse 65 'two: expected a folder train beside test, found none' --data two
    mkdir -p bare/train_set bare/test_set
    cp set/train/1/*.png bare/train_set
    cp set/test/1/*.png bare/test_set
    refuse 65 'bare/train_set: expected a folder of pictures a class, found none' --data bare
    mv bare/train_set bare/train
    mv bare/test_set bare/test
    refuse 65 'bare/train: expected a folder of pictures a class, found none' --data bare
    rm -r bare/test
    cp -r set/test bare/test
    refuse 65 'bare/train: expected a folder of pictures a class, found none' --data bare
    mkdir one
    cp -r set/train/0 one/cat
    refuse 65 'one: expected folders of pictures of 2 or more classes, found one, cat' --data one
    mkdir flat
    cp set/train/1/*.png flat
    refuse 65 'flat: expected folders of pictures, one a class, found the picture ' --data flat
    local i
    for i in {1..257}; do cp -r one/cat "one/$i"; done
    refuse 65 'one: expected a folder a class, of at most 256 classes, found more' --data one
}

@test "links that lead around in folders without pictures are not followed for ever" {
    mkdir loops
    local i
    for i in {1..40}; do ln -s . "loops/$i"; mkdir "loops/d$i"; done
    for i in {1..40}; do for j in {1..40}; do ln -s "../d$i" "loops/d$j/$i"; done; done
    limit=20 refuse 66 'loops: expected ' --data loops
    make_form csv csv
    cp csv/* loops
    limit=20 train 1 --data loops "${base[@]}" --dry-run
}

@test "folders whose names begin with those of the parts are the parts, or classes" {
    make_form folder set
    train 1 --data set "${base[@]}" --output plain
    mv set/train set/training_set
    mv set/test set/test_set
    train 2 --data set "${base[@]}" --output begins
    expect "hash" "$(summary parameter_hash plain)" "$(summary parameter_hash begins)"
    mkdir things
    mv set/training_set/0 things/train_station
    mv set/training_set/1 things/horse
    train 1 --data things --dry-run --layers 2
    grep -q ' 2 classes' out
}

@test "a restart goes on with the same pictures, and with no others" {
    make_form folder-words set
    local settings=(--data set --epochs 4 --batch-size 8 --virtual-ranks 3)
    train 2 "${settings[@]}" --output whole
    dist_train 1 "${settings[@]}" --output parts --max-steps 9
    cp -r parts others
    train 3 "${settings[@]}" --output parts --resume auto
    cmp whole/weights.h5 parts/weights.h5
    mv set/Training/bee set/Training/fly
    rm -r set/testing/bee
    dist_train 2 --output others --resume auto
    expect "exit code" 65 "$status"
    grep -q 'expected the classes ant, bee, moth, wasp, as the network has them, found fly' err
    mv set/Training/fly set/Training/bee
    rm set/Training/moth/002.ppm
    dist_train 2 --output others --resume auto
    expect "exit code" 78 "$status"
    grep -q 'of another data set' err
}

@test "20,000 pictures are there in a moment" {
    make_form folder-alone set
    "$python" - <<'EOT'
import glob, os
for path in glob.glob("set/*/*.png"):
    for copy in range(333):
        os.link(path, f"{path[:-4]}-{copy}.png")
EOT
    limit=60 train 2 --data set "${base[@]}" --max-steps 1 --output run
    grep -q '20040 training' out
}
