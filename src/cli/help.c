#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/options.h"
#include "generate.h"
#include "nn/layer.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"

#define WIDTH  80
#define INDENT 28

/* The text from `column` on, broken at blanks and indented. */
static void print_text(FILE *out, int column, int indent, const char *text)
{
    column += fprintf(out, "%*s", indent - column, "");
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > WIDTH)
            column = fprintf(out, "\n%*s", indent, "") - 1;
        column += fprintf(out, "%s%.*s", column > indent ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

/* "  TERM   text" */
static void print_entry(FILE *out, const char *term, const char *text)
{
    int column = fprintf(out, "  %s", term);
    if (column >= INDENT) {
        fputc('\n', out);
        column = 0;
    }
    print_text(out, column, INDENT, text);
}

void flag_add_values(const dt_flag *flag, dt_text *out)
{
    for (const char *const *name = flag->names; name && *name; name++)
        dt_text_add(out, "%s%s", name == flag->names ? "; " : ", ", *name);
    if (flag->preset)
        dt_text_add(out, " [%s]", flag->preset);
}

void setting_add_value_word(const dt_setting *setting, dt_text *out)
{
    static const char *const words[] = {
        [DT_SETTING_BOOL] = "",     [DT_SETTING_INT] = " N",         [DT_SETTING_INT64] = " N",
        [DT_SETTING_REAL] = " X",   [DT_SETTING_ENUM] = " NAME",     [DT_SETTING_TEXT] = " TEXT",
        [DT_SETTING_SIZE] = " WxH", [DT_SETTING_LIST] = " ITEM,...",
    };
    if (!setting->unit) {
        dt_text_add(out, "%s", words[setting->type]);
        return;
    }
    dt_text_add(out, " ");
    for (const char *c = setting->unit; *c; c++)
        dt_text_add(out, "%c", toupper((unsigned char)*c));
}

static void print_flags(FILE *out)
{
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    fprintf(out, "\nOptions:\n");
    for (size_t i = 0; i < count; i++) {
        dt_text term = {.text = (char[WIDTH]){""}, .size = WIDTH};
        if (flags[i].letter)
            dt_text_add(&term, "-%c, ", flags[i].letter);
        dt_text_add(&term, "--%s", flags[i].name);
        if (flags[i].value)
            dt_text_add(&term, " %s", flags[i].value);
        dt_text text = {.text = (char[2 * DT_TEXT_MAX]){""}, .size = 2 * DT_TEXT_MAX};
        dt_text_add(&text, "%s", flags[i].help);
        flag_add_values(&flags[i], &text);
        print_entry(out, term.text, text.text);
    }
}

/* True when the help already says what each name means. */
static bool explains_names(const dt_setting *setting)
{
    for (const char *const *name = setting->names; *name; name++)
        if (!strstr(setting->help, *name))
            return false;
    return true;
}

static void print_setting(FILE *out, const dt_setting *setting)
{
    char name[DT_VARIABLE_MAX], expects[DT_TEXT_MAX];
    dt_text term = {.text = (char[WIDTH]){""}, .size = WIDTH};
    dt_text_add(&term, "--%s%s", setting->type == DT_SETTING_BOOL ? "[no-]" : "",
                dt_options_name(setting, name));
    setting_add_value_word(setting, &term);
    dt_text text = {.text = (char[2 * DT_TEXT_MAX]){""}, .size = 2 * DT_TEXT_MAX};
    dt_text_add(&text, "%s", setting->help);
    if (setting->type == DT_SETTING_ENUM && !explains_names(setting))
        dt_text_add(&text, "; %s", dt_setting_expects(setting, expects));
    dt_text_add(&text, " [%s]", setting->default_value);
    print_entry(out, term.text, text.text);
}

static void print_settings(FILE *out)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    fprintf(out, "\nSettings, by their sections in INI files, with their defaults in brackets.\n"
                 "--print-config says more of each: the values that it takes, and its range.\n");
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(settings[i].section, settings[i - 1].section) != 0)
            fprintf(out, "\n[%s]\n", settings[i].section);
        print_setting(out, &settings[i]);
    }
}

void dt_options_print_help(FILE *out)
{
    for (const char *const *usage = usage_text; *usage; usage++)
        fprintf(out, "%s%s\n", usage == usage_text ? "Usage: " : "       ", *usage);
    fprintf(out, "\n%c%s.\n\nCommands:\n", toupper((unsigned char)purpose[0]), purpose + 1);
    for (int i = 0; i < DT_COMMANDS; i++)
        print_entry(out, dt_command_infos[i].name, dt_command_infos[i].help);
    print_flags(out);
    print_settings(out);
    fputc('\n', out);
    print_text(out, 0, 0, sources);
    fprintf(out, "\nExamples:\n");
    for (const help_topic *topic = examples; topic->term; topic++)
        fprintf(out, "  %s\n", topic->term);
    fprintf(out, "\nExit codes:\n");
    for (const help_topic *topic = exit_codes; topic->term; topic++)
        fprintf(out, "  %2s  %s\n", topic->term, topic->text);
}

static void print_argument(FILE *out, const dt_argument *argument)
{
    char term[WIDTH], text[2 * WIDTH], values[64];
    snprintf(term, sizeof term, "  %s", argument->name);
    dt_text says = {.text = text, .size = sizeof text};
    dt_argument_expects(argument, values, sizeof values);
    dt_text_add(&says, "%s; %s", argument->help, values);
    if (argument->preset)
        dt_text_add(&says, " [%s]", argument->preset);
    print_entry(out, term, text);
}

/* A kind of item: its name with the values that it must have, and all that it takes. */
static void print_kind(FILE *out, const char *name, const char *help, const dt_argument *arguments,
                       int count)
{
    char term[WIDTH];
    dt_text says = {.text = term, .size = sizeof term};
    dt_text_add(&says, "%s", name);
    for (int i = 0; i < count; i++)
        if (!arguments[i].preset)
            dt_text_add(&says, " %s", arguments[i].name);
    print_entry(out, term, help);
    for (int i = 0; i < count; i++)
        print_argument(out, &arguments[i]);
}

static void print_layer_kinds(FILE *out, bool activations)
{
    const dt_layer_kind *kind;
    for (int i = 0; (kind = dt_layer_kind_at(i)); i++)
        if (kind->follows == activations) {
            char name[WIDTH];
            snprintf(name, sizeof name, "%s%s", kind->name, kind->second ? " LABEL" : "");
            print_kind(out, name, kind->help, kind->arguments, kind->argument_count);
            if (kind->second)
                print_entry(out, "  LABEL", kind->second);
        }
}

static void print_layers(FILE *out)
{
    fprintf(out, "--layers ITEM, ITEM, ...\n\n");
    print_text(out, 0, 0,
               "An item is KIND VALUE... [NAME VALUE]... [ACTIVATION] [as LABEL]: what a layer is, "
               "the values that it must have, those that it may have, the activation behind it, "
               "and a name for its output, by which later items take it. A number alone is a "
               "dense layer with so many outputs, with --bias as it is set; if the next item is "
               "no activation, it is followed by --activation or, behind the last layer with "
               "weights, by --output-activation.");
    fprintf(out, "\nKinds of layers:\n");
    print_layer_kinds(out, false);
    fprintf(out, "\nActivations, which may also be items of their own:\n");
    print_layer_kinds(out, true);
    fprintf(out,
            "\nThe same network three times:\n"
            "  --layers 128,64,10\n"
            "  --layers \"dense 128 relu, dense 64 relu, dense 10\"\n"
            "  --layers \"dense 128, relu, dense 64, relu, dense 10\"\n"
            "An activation for each layer, one without biases:\n"
            "  --layers \"dense 128 bias false relu, dense 64 tanh, dense 10\"\n"
            "A residual connection:\n"
            "  --layers \"conv 16 3x3 same relu as a, conv 16 3x3 same, add a relu, maxpool 2, "
            "dense 10\"\n");
}

static void print_augment(FILE *out)
{
    fprintf(out, "--augment ITEM, ITEM, ...\n\n");
    print_text(out, 0, 0,
               "Training images are drawn anew in each epoch; those of validation and test stay as "
               "they are. An item is KIND VALUE...; amounts are drawn uniformly for each "
               "image. What becomes of an image depends on --seed, the epoch and its "
               "place in the epoch alone: the same on any number of ranks, and after a restart. "
               "What lies beyond an image is 0. --dry-run draws one image in the terminal, the "
               "report shows a few.");
    fprintf(out, "\nKinds, in the order in which they are applied:\n");
    for (int i = 0; i < DT_AUGMENT_KINDS; i++) {
        const dt_augment_row *row = &dt_augment_rows[i];
        print_kind(out, row->name, row->help, row->arguments, row->argument_count);
    }
    fprintf(out, "\nFor handwritten digits:\n"
                 "  --augment \"shift 2, rotate 10, scale 0.1, shear 0.1\"\n"
                 "As in P. Simard et al., Best practices for convolutional neural networks, 2003:\n"
                 "  --augment \"elastic 4 34\"\n");
}

/* "  NAME   HELP; uses SETTINGS" */
static void print_user(FILE *out, const char *name, const char *help, const char *uses)
{
    char text[6 * WIDTH];
    snprintf(text, sizeof text, "%s%s%s", help, uses[0] ? "; uses " : "", uses);
    print_entry(out, name, text);
}

static void print_optimizers(FILE *out)
{
    fprintf(out, "--optimizer KIND\n\n");
    print_text(out, 0, 0,
               "How the mean gradient of a batch changes the parameters, with --lr and "
               "--weight-decay. The list names the other settings that a kind uses, and what auto "
               "means for it. The formulas are PyTorch's where it has the kind, else those of the "
               "papers.");
    fprintf(out, "\nKinds:\n");
    for (int i = 0; dt_optimizer_names[i]; i++) {
        const dt_optimizer_facts *facts = dt_optimizer_facts_of(i);
        char text[4 * WIDTH];
        dt_text says = {.text = text, .size = sizeof text};
        dt_text_add(&says, "%s [lr %g, weight_decay %g", facts->help, facts->lr,
                    facts->weight_decay);
        if (dt_has_word(facts->uses, "beta2"))
            dt_text_add(&says, ", beta2 %g", facts->beta2);
        if (dt_has_word(facts->uses, "epsilon"))
            dt_text_add(&says, ", epsilon %g", facts->epsilon);
        dt_text_add(&says, "]");
        print_user(out, dt_optimizer_names[i], text, facts->uses);
    }
}

static void print_schedules(FILE *out)
{
    fprintf(out, "--schedule KIND\n\n");
    print_text(out, 0, 0,
               "How the learning rate changes from update to update; its peak is --lr. "
               "--warmup-epochs puts a linear rise in front of every kind but one-cycle, which has "
               "its own. The list names the other settings that each kind uses. The formulas are "
               "PyTorch's where it has the kind. The first update after the warm-up has the first "
               "rate of the schedule, the last update its last: PyTorch's T_max and total_iters "
               "are one less than the number of these updates.");
    fprintf(out, "\nKinds:\n");
    for (int i = 0; dt_schedule_names[i]; i++) {
        const dt_schedule_facts *facts = dt_schedule_facts_of(i);
        print_user(out, dt_schedule_names[i], facts->help, facts->uses);
    }
}

static const struct {
    const char *name; /* of a setting */
    void (*print)(FILE *out);
} topics[] = {{"layers", print_layers},
              {"augment", print_augment},
              {"optimizer", print_optimizers},
              {"schedule", print_schedules}};
enum { TOPICS = sizeof topics / sizeof *topics };

/* TOPICS: there is none. */
static int find_topic(const dt_setting *setting)
{
    int i = 0;
    while (i < TOPICS && strcmp(setting->name, topics[i].name) != 0)
        i++;
    return i;
}

bool dt_options_is_topic(const dt_setting *setting)
{
    return find_topic(setting) < TOPICS;
}

void dt_options_print_topic(FILE *out, const dt_setting *topic)
{
    int found = find_topic(topic);
    if (found < TOPICS)
        topics[found].print(out);
}
