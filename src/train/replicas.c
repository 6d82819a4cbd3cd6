#include "train/replicas.h"

#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

/* The value that most of the ranks have; of two as frequent ones the lower rank's. */
static uint64_t most_frequent(const uint64_t *hashes, int ranks)
{
    int best = 0, best_count = 0;
    for (int r = 0; r < ranks; r++) {
        int count = 0;
        for (int other = 0; other < ranks; other++)
            count += hashes[other] == hashes[r];
        if (count > best_count) {
            best = r;
            best_count = count;
        }
    }
    return hashes[best];
}

/* `what` the values are, for messages. */
static dt_status compare(const dt_session *run, const char *what, const float *values,
                         uint64_t *hash, dt_error *error)
{
    int ranks = dt_comm_size(run->comm);
    uint64_t *hashes = dt_calloc((size_t)ranks, sizeof *hashes, error);
    dt_status status = dt_comm_agree(run->comm, hashes ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status) {
        *hash = dt_hash(values, run->parameter_count * sizeof *values);
        dt_comm_all_gather(run->comm, hash, sizeof *hash, hashes);
        uint64_t common = most_frequent(hashes, ranks);
        char list[200] = "";
        dt_text others = {.text = list, .size = sizeof list};
        for (int r = 0; r < ranks; r++)
            if (hashes[r] != common)
                dt_text_add(&others, " %d", r);
        if (others.length > 0)
            status = dt_fail(
                error, DT_ERR_INTERNAL,
                "the replicas have diverged: expected the same %s on all %d "
                "ranks, found others on rank%s%s%s; check those hosts' memory, and that all "
                "hosts have the same processor and libraries",
                what, ranks, strchr(list + 1, ' ') ? "s" : "", list,
                others.length >= sizeof list ? " ..." : "");
    }
    dt_free(hashes);
    return status;
}

dt_status dt_verify_replicas(dt_session *run, uint64_t *parameter_hash, dt_error *error)
{
    uint64_t hash;
    dt_status status = compare(run, "parameters", run->parameters, parameter_hash, error);
    if (status || !run->average)
        return status;
    dt_replica_share(run->average);
    return compare(run, "average of the parameters", run->model, &hash, error);
}
