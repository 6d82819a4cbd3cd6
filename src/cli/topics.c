#include <stddef.h>

#include "cli/options.h"
#include "generate.h"
#include "run/names.h"
#include "train/export.h"

const dt_command_info dt_command_infos[] = {
    [DT_COMMAND_TRAIN] = {"train", "train a network, write a run directory (default)", NULL, NULL,
                          false},
    [DT_COMMAND_EVAL] = {"eval",
                         "loss, accuracy and confusion matrix of a weights file, or of several "
                         "together",
                         "FILE", "data model seed", false, true},
    [DT_COMMAND_PREDICT] =
        {"predict",
         "what a weights file says of pictures (JPEG, PNG, ...), IDX images, - for stdin", "FILE",
         "model classes normalize", true},
    [DT_COMMAND_INSPECT] = {"inspect", "what a weights file, checkpoint or run directory holds",
                            "FILE", "", true},
    [DT_COMMAND_EXPORT] = {"export", "write a trained network for Keras, PyTorch, NumPy and others",
                           NULL, "model classes normalize", false},
    [DT_COMMAND_IMPORT] = {"import", "make a weights file of a network trained elsewhere", NULL,
                           "model classes normalize", false},
    [DT_COMMAND_REPORT] = {"report", "make a page of a run directory, or compare several", "RUN",
                           "", true, true},
    [DT_COMMAND_WATCH] = {"watch", "follow runs from another terminal [runs/latest]", "RUN", "",
                          false, true},
    [DT_COMMAND_BENCH] = {"bench", "measure how fast training is, and how fast it could be", NULL,
                          NULL, false},
};

const char *const generate_names[] = {"man", "bash", NULL};

#define ALL     ((1U << DT_COMMANDS) - 1)
#define TRAIN   (1U << DT_COMMAND_TRAIN)
#define EVAL    (1U << DT_COMMAND_EVAL)
#define PREDICT (1U << DT_COMMAND_PREDICT)
#define EXPORT  (1U << DT_COMMAND_EXPORT)
#define IMPORT  (1U << DT_COMMAND_IMPORT)
#define REPORT  (1U << DT_COMMAND_REPORT)
#define BENCH   (1U << DT_COMMAND_BENCH)

#define FLAG(id, field, of, text)                                                                  \
    .name = (id), .offset = offsetof(dt_invocation, field), .commands = (of), .help = (text)
#define INPUT  .value = "FILE"
#define OUTPUT .value = "FILE", .written = true

static const dt_flag flags[] = {
    {FLAG("help", help, ALL,
          "print this text; --help layers, augment, optimizer, schedule: "
          "what these take"),
     .letter = 'h'},
    {FLAG("version", version, ALL, "print the version, and that of MPI")},
    {FLAG("config", config_path, ALL, "read settings from an INI file"), INPUT},
    {FLAG("print-config", print_config, ALL, "print all settings as an INI file, explained")},
    {FLAG("generate", generate, ALL, "print the manual page or the completion"), .value = "NAME",
     .names = generate_names},
    {FLAG("dry-run", dry_run, TRAIN, "train: check settings and data, say what a run would do")},
    {FLAG("weights", weights_path, EVAL | PREDICT | EXPORT,
          "eval, predict, export: the weights file; eval: several are an ensemble, whose "
          "probabilities are averaged"),
     INPUT, .needed = EVAL | PREDICT | EXPORT},
    {FLAG("format", format, EXPORT, "export: the format of the file, if its name does not say it"),
     .value = "NAME", .names = dt_export_names},
    {FLAG("from", from_path, IMPORT,
          "import: a file of safetensors, NumPy (npz), ONNX, Keras or PyTorch"),
     INPUT, .needed = IMPORT},
    {FLAG("out", out_path, EXPORT | IMPORT | REPORT,
          "export, import, report: the file to write; report: [RUN/report.html]"),
     OUTPUT, .letter = 'o', .needed = EXPORT | IMPORT},
    {FLAG("split", subset, EVAL, "eval: the samples to take"), .value = "NAME",
     .names = dt_subset_names, .preset = "test"},
    {FLAG("csv", csv_path, EVAL | BENCH, "eval, bench: write the numbers as CSV"), OUTPUT},
    {FLAG("json", json_path, EVAL, "eval: write the numbers as JSON"), OUTPUT},
    {FLAG("json", json, PREDICT, "predict: print a JSON object a line")},
    {FLAG("fit", fit, PREDICT,
          "predict: how a picture becomes an image, mnist: its ink alone, in the form of the "
          "training images; none: the whole of it, scaled; auto: the whole if the network was "
          "trained in colour or on a folder of pictures, or if the picture has the network's size "
          "and is light on dark as they are; else the ink"),
     .value = "NAME", .names = dt_image_way_names, .preset = "auto"},
    {FLAG("many", many, PREDICT,
          "predict: answer for each character in a picture, side by side and in lines; those "
          "that touch count as one, and what is much smaller than the largest is left out")},
    {FLAG("show", show, PREDICT, "predict: draw each image as the network sees it")},
    {FLAG("batches", batches, BENCH, "bench: batch sizes to measure"), .value = "N,N,...",
     .preset = "1,8,32,64,128,512,2048"},
    {FLAG("repetitions", repetitions, BENCH,
          "bench: repetitions of each measurement; the median counts"),
     .value = "N", .preset = "5"},
    {FLAG("quick", quick, BENCH,
          "bench: repetitions of 0.05 s, not 0.2 s, and no network of 2048-2048")},
};

const dt_flag *dt_flags(size_t *count)
{
    *count = sizeof flags / sizeof *flags;
    return flags;
}

const char purpose[] = "train image classifiers on MNIST-type data on any number of MPI ranks";

const char *const usage_text[] = {"dist-train [COMMAND] [OPTION]... [FILE]...",
                                  "mpirun -np RANKS dist-train [COMMAND] [OPTION]...", NULL};

const char *const description[] = {
    "Each rank holds a shard of the data and a replica of the network; the gradients of all ranks "
    "are added up along one fixed tree. So a run gives the same bits on any number of ranks, and "
    "one that was stopped and goes on from its checkpoint cannot be told from one that was not. "
    "Without mpirun the program is one rank.",
    "Any number of ranks means: with the same --virtual-ranks, among which each batch is cut. "
    "Unless it is given, it is the number of ranks that a run begins on, and stays so when the run "
    "goes on with fewer ranks or more. Of more, some only evaluate and wait; a warning says so.",
    "Without a command it trains, and writes a run directory, RUN below.", NULL};

const char sources[] =
    "Each setting can also come from the environment (--batch-size from DIST_TRAIN_BATCH_SIZE) and "
    "from the file of --config (batch_size = 64, below [train]). The command line wins over the "
    "environment, that over the file, that over the default. But DIST_TRAIN_DATA is what --data "
    "auto "
    "means: a run that goes on, and a network that is evaluated, have the data of the run unless "
    "--data or the file says otherwise.";

const help_topic examples[] = {
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

const help_topic exit_codes[] = {
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
    {"129, 130, 143, 152", "ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM, SIGXCPU"},
    {NULL, NULL},
};

const help_topic variables[] = {
    {"DIST_TRAIN_DATA", "what --data auto means: a data set"},
    {"OMPI_ALLOW_RUN_AS_ROOT, OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
     "both 1: mpirun runs for root, as in containers"},
    {NULL, NULL},
};

const help_topic file_topics[] = {
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
