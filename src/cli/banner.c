#include "banner.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/available.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/options.h"
#include "draw.h"

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("-_./,:+@%", *text))
            return false;
    return true;
}

static void add_for_shell(dt_text *to, const char *text)
{
    if (is_plain(text)) {
        dt_text_add(to, "%s", text);
        return;
    }
    bool quoted = false;
    for (; *text; text++) {
        bool must_quote = *text != '\'';
        if (quoted != must_quote)
            dt_text_add(to, "'");
        quoted = must_quote;
        dt_text_add(to, quoted ? "%c" : "\\%c", *text);
    }
    if (quoted)
        dt_text_add(to, "'");
}

/* Without its value: "--epochs", "--no-report". */
static void add_option(dt_text *to, const dt_config *config, const dt_setting *setting)
{
    char name[DT_VARIABLE_MAX], value[DT_TEXT_MAX];
    bool is_off = setting->type == DT_SETTING_BOOL &&
                  strcmp(dt_config_get(config, setting, value), "false") == 0;
    dt_text_add(to, "--%s%s", is_off ? "no-" : "", dt_options_name(setting, name));
}

size_t dt_options_describe_changes(const dt_config *config, char *text, size_t size)
{
    dt_text out = {.text = text, .size = size};
    if (size > 0)
        text[0] = '\0';
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        char value[DT_TEXT_MAX];
        const dt_setting *setting = &settings[i];
        if (dt_config_is_default(config, setting))
            continue;
        dt_text_add(&out, "%s", out.length ? " " : "");
        add_option(&out, config, setting);
        if (setting->type == DT_SETTING_BOOL)
            continue;
        dt_config_get(config, setting, value);
        dt_text_add(&out, strncmp(value, "--", 2) == 0 ? "=" : " ");
        add_for_shell(&out, value);
    }
    return out.length;
}

static void print_ranks(const dt_session *run)
{
    int ranks = dt_comm_size(run->comm), hosts = dt_comm_hosts(run->comm);
    long long virtual_ranks = run->config.virtual_ranks;
    dt_say("  ranks     %d on %d host%s (%s%s), %lld virtual rank%s", ranks, hosts,
           hosts == 1 ? "" : "s", dt_comm_host(run->comm), hosts == 1 ? "" : ", ...", virtual_ranks,
           virtual_ranks == 1 ? "" : "s");
}

static void print_reduction(const dt_session *run)
{
    if (run->config.allreduce == DT_ALLREDUCE_MPI)
        dt_say("  reduction MPI_Allreduce: the result depends on the number of ranks");
    else
        dt_say("  reduction tree: with --virtual-ranks %lld, the same bits on any number of ranks",
               (long long)run->config.virtual_ranks);
}

static void print_data(const dt_session *run)
{
    char counts[DT_DATASET_COUNTS], list[DT_CLASSES_LISTED];
    dt_shape shape = run->source->shape;
    dt_say("  data      %s", run->source->name);
    dt_say("            %s; %d x %d x %d pixels, %d classes",
           dt_dataset_counts(run->dataset, counts), shape.height, shape.width, shape.channels,
           run->source->classes);
    if (run->source->class_names)
        dt_say("            the classes are the labels %s; the network counts them from 0",
               dt_class_list(run->source->class_names, run->source->classes, list));
    if (run->source->note[0])
        dt_say("            %s", run->source->note);
    if (run->source->count[DT_TEST] == 0)
        dt_say("            no test samples: there is nothing to test on");
}

static void print_network(const dt_session *run)
{
    char text[DT_TEXT_MAX];
    dt_architecture_text(&dt_network_spec_of(run->network)->architecture, text, sizeof text);
    dt_say("  network   %s, %zu parameters", text, run->parameter_count);
    size_t count;
    int width = 28; /* of what stands before a count */
    for (int i = 0; dt_network_describe_layer(run->network, i, text, sizeof text, &count); i++)
        width = count > 0 && (int)strlen(text) > width ? (int)strlen(text) : width;
    for (int i = 0; dt_network_describe_layer(run->network, i, text, sizeof text, &count); i++) {
        if (count > 0)
            dt_say("            %-*s%10zu", width, text, count);
        else
            dt_say("            %s", text);
    }
    dt_layer first;
    if (dt_architecture_next(&dt_network_spec_of(run->network)->architecture, 0, &first) &&
        strcmp(first.kind->name, "dense") == 0 && first.inputs == first.outputs)
        dt_say("            (dense %d is a layer: the input of %d values need not be in the list)",
               first.outputs, first.inputs);
    dt_say("            loss %s", dt_loss_names[run->config.loss]);
}

static void print_memory(const dt_session *run)
{
    char network[DT_BYTES_TEXT], data[DT_BYTES_TEXT];
    dt_say("  memory    network %s, data %s (rank 0, while it saves)",
           dt_bytes_text(run->need.network, network), dt_bytes_text(run->need.data, data));
}

static void print_training(const dt_session *run)
{
    const dt_config *config = &run->config;
    long long steps = dt_plan_steps(&run->plan);
    char scaled[64] = "", parts[40] = "";
    if (config->lr_scaling != DT_LR_AS_IT_IS)
        snprintf(scaled, sizeof scaled, " (%g at batch %lld, %s)", config->lr,
                 (long long)config->lr_batch, dt_lr_scaling_names[config->lr_scaling]);
    if (config->accumulate > 1)
        snprintf(parts, sizeof parts, " in %lld parts",
                 (long long)(config->accumulate < config->batch_size ? config->accumulate
                                                                     : config->batch_size));
    dt_say("  training  %s, lr %g%s, batch %lld%s, %lld epoch%s of %lld step%s, seed %lld",
           dt_optimizer_names[config->optimizer], dt_config_peak_lr(config), scaled,
           (long long)config->batch_size, parts, (long long)config->epochs,
           config->epochs == 1 ? "" : "s", steps, steps == 1 ? "" : "s", (long long)config->seed);
    if (run->average)
        dt_say("            the moving average of the weights is evaluated and saved, ema %g",
               config->ema);
}

/* One after the other, the channels' mean. */
static void put_grey(dt_shape shape, const uint8_t *image, uint8_t *to, int pitch)
{
    for (int y = 0; y < shape.height; y++)
        for (int x = 0; x < shape.width; x++, image += shape.channels) {
            int sum = 0;
            for (int c = 0; c < shape.channels; c++)
                sum += image[c];
            to[y * pitch + x] = (uint8_t)(sum / shape.channels);
        }
}

/* A training image, the first of all, and what becomes of it in the first epochs. */
static void draw_augmented(const dt_session *run, const uint8_t *image)
{
    enum { VERSIONS = 3, GAP = 2 };
    dt_shape shape = run->source->shape;
    int pitch = (VERSIONS + 1) * (shape.width + GAP) - GAP;
    dt_augmenter *augmenter = NULL;
    uint8_t *canvas = dt_calloc((size_t)shape.height, (size_t)pitch, NULL);
    uint8_t *drawn = dt_calloc((size_t)dt_shape_size(shape), 1, NULL);
    if (canvas && drawn &&
        !dt_augmenter_create(&run->config.augment, shape, (uint64_t)run->config.seed, &augmenter,
                             NULL)) {
        put_grey(shape, image, canvas, pitch);
        for (int i = 0; i < VERSIONS; i++) {
            dt_augmenter_draw(augmenter, (uint32_t)i, 0, image, drawn);
            put_grey(shape, drawn, canvas + (i + 1) * (shape.width + GAP), pitch);
        }
        image_drawing how = drawing_of(stdout);
        dt_say("  augment   a training image, and three of what becomes of it:");
        fflush(stdout);
        draw_image(stdout, &how, shape.height, pitch, canvas);
    }
    dt_augmenter_destroy(augmenter);
    dt_free(drawn);
    dt_free(canvas);
}

/* The settings of a run that goes on, most of which are the checkpoint's, as a user would give
 * them.
 */
static void describe_settings(const dt_session *run, dt_config *settings)
{
    *settings = run->config;
    if (settings->virtual_ranks == dt_comm_size(run->comm))
        settings->virtual_ranks = 0;
    dt_config_unresolve(settings);
}

const char *banner_place(const dt_session *run, int64_t step, char text[BANNER_PLACE])
{
    bool beyond = step > run->total_steps;
    snprintf(text, BANNER_PLACE,
             beyond ? "step %lld, beyond the %lld asked for" : "step %lld of %lld", (long long)step,
             (long long)run->total_steps);
    return text;
}

/* Settings that were changed, and make no difference to this run. */
static void print_unused(const dt_session *run, const dt_config *asked)
{
    char line[DT_TEXT_MAX] = "", why[DT_TEXT_MAX];
    dt_text out = {.text = line, .size = sizeof line};
    dt_config changed = *asked;
    dt_config_unresolve(&changed); /* a config.ini has defaults in place of auto */
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        if (dt_config_is_default(&changed, &settings[i]))
            continue;
        bool of_other_data = dt_session_ignores(run, settings[i].name);
        if (!of_other_data && !dt_config_is_unused(&run->config, &settings[i], why))
            continue;
        dt_text_add(&out, "%s", out.length ? ", " : "");
        add_option(&out, &changed, &settings[i]);
        dt_text_add(&out, " (%s)", of_other_data ? "data of another format" : why);
    }
    if (out.length > 0)
        dt_say("  unused    %s", line);
}

/* output, image: NULL for none. */
static void print(const dt_session *run, const dt_config *asked, const char *output,
                  const char *resumed_from, int64_t step, const uint8_t *image)
{
    char changes[4 * DT_TEXT_MAX], place[BANNER_PLACE];
    dt_say("dist-train " DT_VERSION);
    print_ranks(run);
    print_reduction(run);
    print_data(run);
    print_network(run);
    print_training(run);
    if (!output)
        print_memory(run);
    if (image)
        draw_augmented(run, image);
    dt_config settings = *asked;
    if (resumed_from)
        describe_settings(run, &settings);
    dt_options_describe_changes(&settings, changes, sizeof changes);
    dt_say("  settings  %s", changes[0] ? changes : "all at their defaults");
    print_unused(run, &settings);
    if (output)
        dt_say("  output    %s", output);
    if (resumed_from)
        dt_say("  resumed   from %s, %s", resumed_from, banner_place(run, step, place));
}

void banner_print(const dt_session *run, const dt_config *asked, const char *output,
                  const char *resumed_from, int64_t step)
{
    print(run, asked, output, resumed_from, step, NULL);
}

dt_status banner_print_dry(const dt_session *run, const dt_config *asked, const char *resumed_from,
                           int64_t step, dt_error *error)
{
    bool voice = dt_comm_rank(run->comm) == 0;
    int32_t first = 0;
    uint8_t label;
    const uint8_t *image = NULL; /* comes from the rank that holds it */
    const dt_delivery delivery = {voice, &first, &image, &label};
    if (dt_augment_is_some(&run->config.augment)) {
        if (dt_exchange_begin(run->exchange, 0, &delivery, error))
            return error->status;
        dt_exchange_end(run->exchange, 0);
    }
    if (voice)
        print(run, asked, NULL, resumed_from, step, image);
    return DT_OK;
}
