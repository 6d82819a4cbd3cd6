#include "base/record.h"

#include <math.h>

#include "base/memory.h"

int64_t dt_record_integer(const dt_record *record, const dt_field *field)
{
    const void *member = dt_record_member(record, field);
    return field->kind == DT_FIELD_INT ? *(const int *)member : *(const int64_t *)member;
}

void dt_record_set_integer(const dt_record *record, const dt_field *field, int64_t value)
{
    void *member = dt_record_member(record, field);
    if (field->kind == DT_FIELD_INT)
        *(int *)member = value == (int)value ? (int)value : -1;
    else
        *(int64_t *)member = value;
}

void dt_record_clear(const dt_record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        const dt_field *field = &record->fields[i];
        void *member = dt_record_member(record, field);
        if (field->kind == DT_FIELD_TEXT)
            *(char **)member = NULL;
        else if (field->kind == DT_FIELD_REAL)
            *(double *)member = (double)NAN;
        else if (field->kind == DT_FIELD_INTEGER || field->kind == DT_FIELD_INT)
            dt_record_set_integer(record, field, -1);
    }
}

void dt_record_free(const dt_record *record)
{
    for (size_t i = 0; i < record->count; i++) {
        const dt_field *field = &record->fields[i];
        void **member = dt_record_member(record, field);
        if (field->kind == DT_FIELD_TEXT || field->kind >= DT_FIELD_LIST) {
            dt_free(*member);
            *member = NULL;
        }
    }
}
