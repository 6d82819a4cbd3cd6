/* Records: structs whose members have names in files. A table says once what the members are;
 * file/record.h reads and writes them. */
#ifndef DT_BASE_RECORD_H
#define DT_BASE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dt_field_kind {
    DT_FIELD_TEXT,    /* char *; of a record that was read it is the record's: dt_record_free */
    DT_FIELD_FLAG,    /* bool: one of two words */
    DT_FIELD_INTEGER, /* int64_t */
    DT_FIELD_INT,     /* int */
    DT_FIELD_REAL,    /* double */
    DT_FIELD_HASH,    /* uint64_t: 16 hexadecimal digits */
    DT_FIELD_SHAPE,   /* int64_t[3]: height, width and channels */
    /* Arrays, owned like a text. */
    DT_FIELD_LIST,    /* int64_t *, of one dimension */
    DT_FIELD_FLOATS,  /* float * */
    DT_FIELD_WHOLE,   /* int64_t *, in files as floats, which they fit into */
    DT_FIELD_BYTES,   /* uint8_t *, likewise */
    DT_FIELD_DOUBLES, /* double *, in files as floats */
    DT_FIELD_KINDS
} dt_field_kind;

typedef struct dt_field {
    const char *name;
    dt_field_kind kind;
    size_t offset;       /* of the member */
    const char *group;   /* below that of the record ("/optimizer"); NULL: that itself */
    bool optional;       /* may be missing in a file; an array or a text: NULL in the struct, too */
    bool old;            /* only in files of older versions: read, never written */
    int64_t least, most; /* of an integer; 0, 0: any */
    const char *words[2]; /* of a flag: false, true */
    int rank, sizes[2];   /* of an array: its dimensions, as numbers of dt_record.sizes */
} dt_field;

/* What every row of a table says. */
#define DT_FIELD(field_kind, field_name, record, member)                                           \
    .name = field_name, .kind = DT_FIELD_##field_kind, .offset = offsetof(record, member)

/* How many things an array has of a kind. */
typedef struct dt_size {
    const char *of;      /* "parameters" */
    int64_t count, most; /* -1: not known yet, 1 to `most` */
} dt_size;

/* A struct with its table. */
typedef struct dt_record {
    const dt_field *fields;
    size_t count;
    void *at;          /* the struct */
    const char *group; /* the path of the record in its file; "": it is all of it */
    dt_size *sizes;    /* NULL: no field is an array */
} dt_record;

static inline void *dt_record_member(const dt_record *record, const dt_field *field)
{
    return (char *)record->at + field->offset;
}

/* Of a field that is an integer of either kind; what an int cannot hold becomes -1 there. */
int64_t dt_record_integer(const dt_record *record, const dt_field *field);
void dt_record_set_integer(const dt_record *record, const dt_field *field, int64_t value);

/* Makes all of it unknown: integers -1, reals NaN, texts NULL. */
void dt_record_clear(const dt_record *record);

/* Frees texts and arrays, which become NULL. */
void dt_record_free(const dt_record *record);

#endif
