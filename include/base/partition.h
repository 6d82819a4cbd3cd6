/* Who does what: integer arithmetic that every rank evaluates alike.
 *
 * n items are cut among `parts` so that part k has [n k / parts, n (k + 1) / parts): contiguous,
 * disjoint, covering, sizes that differ by at most one, empty parts where parts > n. */
#ifndef DT_BASE_PARTITION_H
#define DT_BASE_PARTITION_H

#include <stdint.h>

typedef struct dt_range {
    int64_t first, count;
} dt_range;

/* Where part k of n items begins; k = parts gives n. 0 <= n <= 2^62 / parts, 0 <= k <= parts. */
static inline int64_t dt_partition_first(int64_t n, int64_t parts, int64_t k)
{
    return n * k / parts;
}

/* Parts first .. first + count - 1 of n items, together a contiguous range of items. */
static inline dt_range dt_partition_parts(int64_t n, int64_t parts, dt_range which)
{
    int64_t first = dt_partition_first(n, parts, which.first);
    return (dt_range){first, dt_partition_first(n, parts, which.first + which.count) - first};
}

/* Part k of n items. */
static inline dt_range dt_partition(int64_t n, int64_t parts, int64_t k)
{
    return dt_partition_parts(n, parts, (dt_range){k, 1});
}

/* The part that item i of n belongs to. 0 <= i < n. */
static inline int64_t dt_partition_owner(int64_t n, int64_t parts, int64_t i)
{
    return ((i + 1) * parts - 1) / n;
}

#endif
