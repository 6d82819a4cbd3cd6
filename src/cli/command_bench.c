#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "bench/bench.h"
#include "commands.h"
#include "file/atomic_file.h"
#include "train/session.h"

enum { REPETITIONS_MAX = 10000, BATCH_MAX = 1 << 24 };

/* The integer from 1 to `most` at *at, which moves behind it; 0 when there is none. */
static int64_t read_count(const char **at, int64_t most)
{
    char *end;
    if (!isdigit((unsigned char)**at))
        return 0;
    errno = 0;
    long long value = strtoll(*at, &end, 10);
    *at = end;
    return errno == 0 && value <= most ? value : 0;
}

static dt_status read_repetitions(const char *text, int *out, dt_error *error)
{
    const char *at = text;
    *out = (int)read_count(&at, REPETITIONS_MAX);
    if (*out > 0 && *at == '\0')
        return DT_OK;
    return dt_fail(error, DT_ERR_USAGE,
                   "--repetitions: expected an integer from 1 to %d, found "
                   "'%.60s'",
                   REPETITIONS_MAX, text);
}

static dt_status read_batches(const char *text, dt_bench_spec *out, dt_error *error)
{
    const char *at = text;
    while (out->batch_count < DT_BENCH_BATCHES_MAX) {
        at += strspn(at, " ");
        int64_t batch = read_count(&at, BATCH_MAX);
        if (batch == 0)
            break;
        out->batches[out->batch_count++] = batch;
        at += strspn(at, " ");
        if (*at == '\0')
            return DT_OK;
        if (*at++ != ',')
            break;
    }
    return dt_fail(error, DT_ERR_USAGE,
                   "--batches: expected 1 to %d integers from 1 to %d, separated by commas, found "
                   "'%.60s'",
                   DT_BENCH_BATCHES_MAX, BATCH_MAX, text);
}

static dt_status read_spec(const dt_invocation *invocation, dt_bench_spec *out, dt_error *error)
{
    *out = (dt_bench_spec){.seconds = invocation->quick ? 0.05 : 0.2, .large = !invocation->quick};
    dt_status status = read_repetitions(invocation->repetitions, &out->repetitions, error);
    return status ? status : read_batches(invocation->batches, out, error);
}

/* A count for people: "-" where it does not matter. */
static char *count_text(int64_t count, char text[24])
{
    snprintf(text, 24, count > 0 ? "%lld" : "-", (long long)count);
    return text;
}

static char *percent_text(double share, char text[24])
{
    if (isnan(share))
        text[0] = '\0';
    else
        snprintf(text, 24, "%.0f %%", 100 * share);
    return text;
}

static void print_table(const dt_comm *comm, const dt_config *config, const dt_bench_result *result)
{
    int ranks = dt_comm_size(comm), hosts = dt_comm_hosts(comm);
    dt_say("dist-train " DT_VERSION " bench: %d rank%s on %d host%s (%s), %s, %s", ranks,
           ranks == 1 ? "" : "s", hosts, hosts == 1 ? "" : "s", dt_comm_host(comm), result->data,
           dt_optimizer_names[config->optimizer]);
    dt_say("%-25s %6s %14s %10s %10s %10s  %-9s %8s %9s", "", "batch", "virtual ranks", "median",
           "least", "greatest", "unit", "of dense", "of sparse");
    for (int i = 0; i < result->row_count; i++) {
        const dt_bench_row *row = &result->rows[i];
        const dt_bench_measure_info *info = &dt_bench_measures[row->measure];
        char text[4][24];
        int digits = row->median < 1000 ? 2 : 0;
        if (i == 0 || strcmp(row->network, row[-1].network) != 0)
            dt_say("network %s", row->network);
        dt_say("%-25s %6s %14s %10.*f %10.*f %10.*f  %-9s %8s %9s", info->name,
               count_text(row->batch, text[0]), count_text(row->virtual_ranks, text[1]), digits,
               row->median, digits, row->least, digits, row->greatest, info->unit,
               percent_text(dt_bench_share(result, row, DT_BENCH_DENSE_CEILING), text[2]),
               percent_text(dt_bench_share(result, row, DT_BENCH_SPARSE_CEILING), text[3]));
    }
    dt_say("A ceiling is a step of matrix products and w -= lr g alone, the sparse one without");
    dt_say(
        "products of pixels that are 0 in a whole tile. of dense, of sparse: the share of each.");
}

static void format_csv(const dt_comm *comm, const dt_bench_result *result, dt_text *out)
{
    dt_text_add(out, "ranks,measure,network,batch,virtual_ranks,median,least,greatest,repetitions,"
                     "unit\n");
    for (int i = 0; i < result->row_count; i++) {
        const dt_bench_row *row = &result->rows[i];
        const dt_bench_measure_info *info = &dt_bench_measures[row->measure];
        dt_text_add(out, "%d,%s,%s,%lld,%d,%.6g,%.6g,%.6g,%d,%s\n", dt_comm_size(comm), info->name,
                    row->network, (long long)row->batch, row->virtual_ranks, row->median,
                    row->least, row->greatest, row->repetitions, info->unit);
    }
}

static dt_status write_csv(const dt_comm *comm, const dt_bench_result *result, const char *path,
                           dt_error *error)
{
    dt_text text = {0};
    format_csv(comm, result, &text);
    text = (dt_text){.size = text.length + 1};
    text.text = dt_calloc(text.size, 1, error);
    if (!text.text)
        return error->status;
    format_csv(comm, result, &text);
    dt_status status = dt_atomic_write(path, text.text, text.length, error);
    dt_free(text.text);
    return status;
}

dt_status command_bench(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    bool voice = dt_comm_rank(comm) == 0;
    dt_config config;
    dt_bench_spec spec;
    dt_status status = read_spec(invocation, &spec, error);
    if (!status)
        status = dt_session_settle(comm, &invocation->config, &config, error);
    if (status)
        return status;

    dt_bench_result result;
    status = dt_bench(comm, &config, &spec, &result, error);
    if (!status && voice)
        print_table(comm, &config, &result);
    if (!status && voice && invocation->csv_path[0])
        status = write_csv(comm, &result, invocation->csv_path, error);
    dt_bench_destroy(&result);
    return dt_comm_agree(comm, status, error);
}
