#include "banner.h"

#include <stdio.h>

#include "base/available.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/options.h"

static void print_ranks(const dt_run *run)
{
    int ranks = dt_comm_size(run->comm), hosts = dt_comm_hosts(run->comm);
    long long virtual_ranks = run->config.virtual_ranks;
    dt_say("  ranks     %d on %d host%s (%s%s), %lld virtual rank%s", ranks, hosts,
           hosts == 1 ? "" : "s", dt_comm_host(run->comm), hosts == 1 ? "" : ", ...", virtual_ranks,
           virtual_ranks == 1 ? "" : "s");
}

static void print_reduction(const dt_run *run)
{
    if (run->config.allreduce == DT_ALLREDUCE_MPI)
        dt_say("  reduction MPI_Allreduce: the result depends on the number of ranks");
    else
        dt_say("  reduction tree: with --virtual-ranks %lld, the same bits on any number of ranks",
               (long long)run->config.virtual_ranks);
}

static void print_data(const dt_run *run)
{
    static const char *const names[DT_SUBSETS] = {"training", "validation", "test"};
    char buffer[128];
    dt_text counts = {.text = buffer, .size = sizeof buffer};
    for (int i = 0; i < DT_SUBSETS; i++) {
        long long count = run->dataset->subsets[i].count;
        if (count > 0)
            dt_text_add(&counts, "%s%lld %s", counts.length > 0 ? ", " : "", count, names[i]);
    }
    dt_shape shape = run->source->shape;
    dt_say("  data      %s", run->source->name);
    dt_say("            %s; %d x %d x %d pixels, %d classes", buffer, shape.height, shape.width,
           shape.channels, run->source->classes);
}

static void print_network(const dt_run *run)
{
    char text[DT_TEXT_MAX];
    dt_architecture_text(&dt_network_spec_of(run->network)->architecture, text, sizeof text);
    dt_say("  network   %s, %zu parameters", text, run->parameter_count);
    size_t count;
    for (int i = 0; dt_network_describe_layer(run->network, i, text, sizeof text, &count); i++) {
        if (count > 0)
            dt_say("            %-28s%10zu", text, count);
        else
            dt_say("            %s", text);
    }
    dt_say("            loss %s", dt_loss_names[run->config.loss]);
}

static void print_memory(const dt_run *run)
{
    char network[DT_BYTES_TEXT], data[DT_BYTES_TEXT];
    dt_say("  memory    network %s, data %s (rank 0, while it saves)",
           dt_bytes_text(run->need.network, network), dt_bytes_text(run->need.data, data));
}

static void print_training(const dt_run *run)
{
    const dt_config *config = &run->config;
    dt_say("  training  %s, lr %g, batch %lld, %lld epoch%s of %lld steps, seed %lld",
           dt_optimizer_names[config->optimizer], config->lr, (long long)config->batch_size,
           (long long)config->epochs, config->epochs == 1 ? "" : "s",
           (long long)dt_plan_steps(&run->plan), (long long)config->seed);
}

/* The settings of a run that goes on, most of which are the checkpoint's, as a user would give
 * them.
 */
static void describe_settings(const dt_run *run, dt_config *settings)
{
    *settings = run->config;
    if (settings->virtual_ranks == dt_comm_size(run->comm))
        settings->virtual_ranks = 0;
    dt_config_unresolve(settings);
}

void dt_banner_print(const dt_run *run, const dt_config *asked, const char *output,
                     const char *resumed_from, int64_t step)
{
    char changes[4 * DT_TEXT_MAX];
    dt_say("dist-train " DT_VERSION);
    print_ranks(run);
    print_reduction(run);
    print_data(run);
    print_network(run);
    print_training(run);
    if (!output)
        print_memory(run);
    dt_config settings = *asked;
    if (resumed_from)
        describe_settings(run, &settings);
    dt_options_describe_changes(&settings, changes, sizeof changes);
    dt_say("  settings  %s", changes[0] ? changes : "all at their defaults");
    if (output)
        dt_say("  output    %s", output);
    if (resumed_from)
        dt_say("  resumed   from %s, step %lld of %lld", resumed_from, (long long)step,
               (long long)run->total_steps);
}
