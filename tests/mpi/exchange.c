/* Every sample arrives, from whatever rank holds it, and stays until its slot is used again. */
#include "dist/exchange.h"

#include <string.h>

#include "base/memory.h"
#include "base/partition.h"
#include "draw.h"
#include "harness.h"

enum { SETS = 6, STEPS = 20, MOST_WANTED = 150 };

typedef struct set {
    uint32_t number;
    int64_t count;
    int parts;
    size_t image_size;
} set;

/* What one slot brings. */
typedef struct slot_memory {
    dt_delivery delivery;
    int32_t wanted[MOST_WANTED];
    const uint8_t *images[MOST_WANTED];
    uint8_t labels[MOST_WANTED];
} slot_memory;

static uint8_t pixel(const set *of, int64_t position, size_t i)
{
    uint32_t bits = (uint32_t)position * 0x9e3779b9u + (uint32_t)i * 0x85ebca6bu + of->number;
    bits = (bits ^ bits >> 15) * 0xc2b2ae35u;
    return (uint8_t)(bits >> 24);
}

static uint8_t label(const set *of, int64_t position)
{
    return pixel(of, position, of->image_size + 7);
}

static dt_exchange *create(dt_comm *comm, const set *of)
{
    int size = dt_comm_size(comm), rank = dt_comm_rank(comm);
    dt_range held =
        dt_partition_parts(of->count, of->parts, dt_partition(of->parts, size, rank));
    uint8_t *images, *labels;
    dt_exchange *exchange = NULL;
    dt_error error = {0};
    dt_status status = dt_exchange_create(comm, of->count, of->parts, of->image_size,
                                          &exchange, &error);
    if (!check_status("dt_exchange_create", DT_OK, status, &error))
        return NULL;
    dt_exchange_own(exchange, &images, &labels);
    for (int64_t s = 0; s < held.count; s++) {
        labels[s] = label(of, held.first + s);
        for (size_t i = 0; i < of->image_size; i++)
            images[(size_t)s * of->image_size + i] = pixel(of, held.first + s, i);
    }
    dt_exchange_publish(exchange);
    return exchange;
}

/* Lists of every kind: nothing, one sample again and again, the set in a row, anything. */
static void draw_wanted(const set *of, slot_memory *slot, dt_random_sequence *random)
{
    int kind = draw_int(random, 0, 4), last = (int)of->count - 1;
    int first = draw_int(random, 0, last), count = kind ? draw_int(random, 1, MOST_WANTED) : 0;
    for (int i = 0; i < count; i++) {
        if (kind == 1)
            slot->wanted[i] = first;
        else if (kind == 2)
            slot->wanted[i] = (first + i) % (last + 1);
        else
            slot->wanted[i] = draw_int(random, 0, last);
    }
    memset(slot->images, 0, sizeof slot->images);
    memset(slot->labels, 0xee, sizeof slot->labels);
    slot->delivery = (dt_delivery){count, slot->wanted, slot->images, slot->labels};
}

static void check_slot(const set *of, const slot_memory *slot, int step)
{
    for (int i = 0; i < slot->delivery.count; i++) {
        int32_t position = slot->wanted[i];
        if (!check(slot->images[i] != NULL, "step %d, sample %d of %lld: no image", step, position,
                   (long long)of->count) ||
            !check(slot->labels[i] == label(of, position),
                   "step %d, sample %d of %lld: expected label %d, found %d", step, position,
                   (long long)of->count, label(of, position), slot->labels[i]))
            return;
        for (size_t k = 0; k < of->image_size; k++)
            if (!check(slot->images[i][k] == pixel(of, position, k),
                       "step %d, sample %d of %lld, pixel %zu of %zu: expected %d, found %d", step,
                       position, (long long)of->count, k, of->image_size, pixel(of, position, k),
                       slot->images[i][k]))
                return;
    }
}

/* One slot is under way while the other one is in use, and both are now and then; what has come is
 * there until its slot is used again. */
static void test_set(dt_comm *comm, const set *of, slot_memory slots[DT_DELIVERY_SLOTS])
{
    dt_random_sequence own = draw_begin(of->number * 100 + (uint32_t)dt_comm_rank(comm) + 1);
    dt_random_sequence common = draw_begin(of->number * 100);
    dt_exchange *exchange = create(comm, of);
    dt_error error = {0};
    if (!exchange)
        return;
    for (int i = 0; i < DT_DELIVERY_SLOTS; i++) {
        slots[i].delivery.count = 0;
        dt_exchange_end(exchange, i);
    }
    for (int step = 0; step < STEPS; step++) {
        int slot = step % DT_DELIVERY_SLOTS, other = 1 - slot;
        check_slot(of, &slots[slot], step);
        draw_wanted(of, &slots[slot], &own);
        if (draw_int(&own, 0, 3) == 0)
            harness_sleep(200);
        dt_status status = dt_exchange_begin(exchange, slot, &slots[slot].delivery, &error);
        check_status("dt_exchange_begin", DT_OK, status, &error);
        dt_exchange_end(exchange, draw_int(&common, 0, 2) ? other : slot);
        dt_exchange_end(exchange, other);
        check_slot(of, &slots[other], step);
    }
    dt_exchange_end(exchange, (STEPS - 1) % DT_DELIVERY_SLOTS);
    for (int i = 0; i < DT_DELIVERY_SLOTS; i++)
        check_slot(of, &slots[i], STEPS);
    dt_exchange_destroy(exchange);
}

static void deliver(const set *of, dt_exchange *exchange, slot_memory *slot, int number)
{
    dt_error error = {0};
    dt_status status = dt_exchange_begin(exchange, 0, &slot->delivery, &error);
    if (check_status("dt_exchange_begin", DT_OK, status, &error)) {
        dt_exchange_end(exchange, 0);
        check_slot(of, slot, number);
    }
}

/* Memory that fails on one rank, allocation after allocation, when a slot has to grow: an error on
 * all, after which little and much is delivered as before. Returns whether one failed. */
static bool test_failure(dt_comm *comm, const set *of, slot_memory *slot, int number, int victim)
{
    dt_random_sequence own = draw_begin(8000 + (uint32_t)(number * 100 + dt_comm_rank(comm)));
    dt_exchange *exchange = create(comm, of);
    dt_error error = {0};
    if (!exchange)
        return false;
    do
        draw_wanted(of, slot, &own);
    while (slot->delivery.count < MOST_WANTED / 2);
    int64_t many = slot->delivery.count, few = 9;
    slot->delivery.count = few;
    deliver(of, exchange, slot, number);

    slot->delivery.count = many;
    if (dt_comm_rank(comm) == victim)
        dt_memory_fail_at(number);
    dt_status status = dt_exchange_begin(exchange, 0, &slot->delivery, &error);
    dt_memory_fail_at(0);
    check_status("a rank without memory", status ? DT_ERR_INTERNAL : DT_OK, status, &error);
    dt_exchange_end(exchange, 0);
    slot->delivery.count = few;
    deliver(of, exchange, slot, number);
    slot->delivery.count = many;
    deliver(of, exchange, slot, number);
    dt_exchange_destroy(exchange);
    return status != DT_OK;
}

static void test_failures(dt_comm *comm, const set *of, slot_memory *slot)
{
    enum { ALLOCATIONS = 6 }; /* more than dt_exchange_begin has */
    int failures = 0;
    for (int number = 1; number <= ALLOCATIONS; number++)
        for (int victim = 0; victim < dt_comm_size(comm); victim += 2)
            failures += test_failure(comm, of, slot, number, victim);
    check((failures > 0) == (dt_comm_hosts(comm) > 1),
          "%d hosts: expected failures only where buffers are needed, found %d",
          dt_comm_hosts(comm), failures);
}

static void test(dt_comm *comm)
{
    static const size_t image_sizes[] = {1, 5, 784};
    int size = dt_comm_size(comm);
    dt_random_sequence random = draw_begin(2);
    slot_memory *slots = harness_alloc(DT_DELIVERY_SLOTS, sizeof *slots);
    for (uint32_t number = 0; number < SETS; number++) {
        set drawn = {.number = number,
                     .count = number == 0 ? 1 : draw_int(&random, 1, number % 2 ? 20 : 900),
                     .parts = draw_int(&random, size, size + 20),
                     .image_size = image_sizes[number % 3]};
        test_set(comm, &drawn, slots);
        if (number == SETS - 1)
            test_failures(comm, &drawn, slots);
    }
    dt_free(slots);
}

int main(int argc, char **argv)
{
    return harness_run(argc, argv, test);
}
