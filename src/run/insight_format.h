/* The layout of insight.h5, as its writer and its reader share it. */
#ifndef DT_RUN_INSIGHT_FORMAT_H
#define DT_RUN_INSIGHT_FORMAT_H

#include "run/insight.h"

/* Attribute of the root; the number is that of the layout. */
#define INSIGHT_FORMAT      "format"
#define INSIGHT_FORMAT_NAME "dist-train insight "
#define INSIGHT_FORMAT_TEXT INSIGHT_FORMAT_NAME "1"

/* Size of an object's path. */
enum { INSIGHT_PATH_SIZE = 64 };

/* Numbers that are counts are exact as floats up to here. */
#define INSIGHT_COUNT_MAX ((int64_t)1 << 24)

/* Integers that are attributes of the root. */
typedef struct insight_number {
    const char *name;
    size_t offset; /* in dt_insight */
    bool wide;     /* int64_t, else int */
    int64_t least, most;
} insight_number;

enum { INSIGHT_NUMBERS = 6, INSIGHT_ANSWERS = 2, INSIGHT_GALLERIES = 3, INSIGHT_LISTS = 3 };
extern const insight_number insight_numbers[INSIGHT_NUMBERS];

/* A group, and where its content stands in a dt_insight, or in one of its parts. */
typedef struct insight_place {
    const char *name;
    size_t offset;
} insight_place;

extern const insight_place insight_answers[INSIGHT_ANSWERS];     /* dt_answers */
extern const insight_place insight_galleries[INSIGHT_GALLERIES]; /* dt_gallery */
extern const insight_place insight_lists[INSIGHT_LISTS];         /* int64_t * of a dt_gallery */

/* What is at `offset` of a structure. */
static inline void *insight_at(const void *structure, size_t offset)
{
    return (char *)structure + offset;
}

/* What holds for every insight, to be written or just read. Errors: DT_ERR_DATA, with the object,
 * what was expected and what was found. */
dt_status insight_check(const dt_insight *insight, dt_error *error);

#endif
