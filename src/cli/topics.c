#include "topics.h"

#include <stddef.h>

#include "run/directory.h"

const char dt_purpose[] = "train image classifiers on MNIST-type data on any number of MPI ranks";

const char *const dt_usage[] = {"dist-train [COMMAND] [OPTION]... [FILE]...",
                                "mpirun -np RANKS dist-train [COMMAND] [OPTION]...", NULL};

const char *const dt_description[] = {
    "Each rank holds a shard of the data and a replica of the network; the gradients of all ranks "
    "are added up along one fixed tree. So a run gives the same bits on any number of ranks, and "
    "one that was stopped and goes on from its checkpoint cannot be told from one that was not. "
    "Without mpirun the program is one rank.",
    "Any number of ranks means: with the same --virtual-ranks, among which each batch is cut. "
    "Unless it is given, it is the number of ranks that a run begins on, and stays so when the run "
    "goes on with fewer ranks or more. Of more, some only evaluate and wait; a warning says so.",
    "Without a command it trains, and writes a run directory, RUN below.", NULL};

const char dt_sources[] =
    "Each setting can also come from the environment (--batch-size from DIST_TRAIN_BATCH_SIZE) and "
    "from the file of --config (batch_size = 64, below [train]). The command line wins over the "
    "environment, that over the file, that over the default.";

const dt_topic dt_examples[] = {
    {"mpirun -np 8 dist-train", "train with the defaults on 8 ranks"},
    {"mpirun -np 8 --oversubscribe dist-train",
     "on a machine with fewer cores (Open MPI; MPICH needs to be told nothing)"},
    {"dist-train --config configs/mnist.ini --output runs/mnist",
     "settings from a file, the run in a directory of its own"},
    {"mpirun -np 2 dist-train --layers 500,300,10 --lr 0.01 --optimizer momentum",
     "settings on the command line"},
    {"mpirun -np 8 dist-train --output runs/a --resume auto",
     "begin a run or go on with it: the same line, as often as it takes"},
    {"dist-train --config configs/article-numpy.ini --dry-run",
     "check settings and data, train nothing"},
    {"dist-train eval --weights runs/latest/weights.h5 --split test",
     "loss, accuracy and confusion matrix on the test samples"},
    {"dist-train predict --weights runs/latest/weights.h5 digit.png", "which digit is it?"},
    {NULL, NULL},
};

const dt_topic dt_exit_codes[] = {
    {"0", "done"},
    {"64", "wrong usage"},
    {"65", "bad data"},
    {"66", "missing input"},
    {"70", "internal error, or out of memory"},
    {"71", "no step for --stall-timeout: a rank hangs"},
    {"73", "cannot create a file"},
    {"74", "reading or writing failed"},
    {"75", "stopped on request, with a checkpoint: --resume auto goes on"},
    {"78", "bad setting"},
    {"129, 130, 143", "ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM, as shells say it"},
    {NULL, NULL},
};

const dt_topic dt_variables[] = {
    {"DIST_TRAIN_DATA", "also what --data auto means: a directory of MNIST-type files"},
    {"OMPI_ALLOW_RUN_AS_ROOT, OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
     "both 1: mpirun runs for root, as in containers"},
    {NULL, NULL},
};

const dt_topic dt_files[] = {
    {"RUN/" DT_FILE_CONFIG, "every setting, resolved: --config with this file repeats the run"},
    {"RUN/" DT_FILE_LOG, "what was printed, without the bar"},
    {"RUN/" DT_FILE_METRICS,
     "a row an epoch (and every --log-every steps): losses, accuracies, learning rate, speed, "
     "where the time went, parameter hash"},
    {"RUN/" DT_FILE_SUMMARY, "how the run ended, for scripts; none while it goes on"},
    {"RUN/" DT_FILE_WEIGHTS, "the model, as Keras' load_weights takes it"},
    {"RUN/" DT_FILE_BEST, "the same, at the best validation accuracy"},
    {"RUN/" DT_FILE_INSIGHT, "what the run knew at its end: answers, mistakes, times, places"},
    {"RUN/" DT_FILE_REPORT, "all of it as a page for a browser"},
    {"RUN/tensorboard/", "event files, with --tensorboard"},
    {"RUN/checkpoints/step-NNNNNNNN.h5", "the newest --keep checkpoints"},
    {"RUN/lock", "while the run lives: who is writing here"},
    {"RUN/stop", "made by the user: the run writes a checkpoint and stops"},
    {"runs/latest", "the newest run that was given no --output"},
    {"data/mnist", "where --data auto looks for MNIST"},
    {NULL, NULL},
};
