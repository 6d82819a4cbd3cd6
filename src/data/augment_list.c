#include <string.h>

#include "data/augment.h"

#define AMOUNT(of, from, to, says)                                                                 \
    DT_ARGUMENT(of, DT_ARGUMENT_REAL, from, to, NULL, says, .word = NULL)

const dt_augment_row dt_augment_rows[] = {
    [DT_AUGMENT_SCALE] = {"scale",
                          "larger or smaller",
                          1,
                          {AMOUNT("share", 0, 0.9, "factor between 1 - share and 1 + share")}},
    [DT_AUGMENT_SHEAR] = {"shear",
                          "slanted",
                          1,
                          {AMOUNT("share", 0, 2, "sideways by up to so much of the height")}},
    [DT_AUGMENT_ROTATE] = {"rotate",
                           "turned about the centre",
                           1,
                           {AMOUNT("degrees", 0, 180, "at most, either way")}},
    [DT_AUGMENT_SHIFT] = {"shift",
                          "moved",
                          1,
                          {AMOUNT("pixels", 0, 128, "at most, in each direction")}},
    [DT_AUGMENT_ELASTIC] = {"elastic",
                            "bent: each pixel moves with its neighbours (Simard 2003)",
                            2,
                            {AMOUNT("sigma", 0.5, 64,
                                    "pixels over which it is smooth; the more, the longer it "
                                    "takes"),
                             AMOUNT("alpha", 0, 1000,
                                    "factor of displacements that were drawn from -1 to 1, then "
                                    "smoothed")}},
    [DT_AUGMENT_FLIP] = {"flip", "left and right exchanged, with probability 1/2", 0, {{0}}},
    [DT_AUGMENT_ERASE] = {"erase",
                          "a rectangle of 2 to 33 % of the image set to 0",
                          1,
                          {AMOUNT("p", 0, 1, "probability, image by image")}},
};

bool dt_augment_is_some(const dt_augment *augment)
{
    for (int kind = 0; kind < DT_AUGMENT_KINDS; kind++)
        if (augment->has[kind])
            return true;
    return false;
}

static int find_kind(const char *word)
{
    for (int kind = 0; kind < DT_AUGMENT_KINDS; kind++)
        if (strcmp(word, dt_augment_rows[kind].name) == 0)
            return kind;
    return -1;
}

static dt_status refuse_kind(const dt_item *item)
{
    char expected[128];
    const char *names[DT_AUGMENT_KINDS + 1] = {NULL};
    dt_suggestion search = {.typed = item->word};
    dt_text out = {.text = expected, .size = sizeof expected};
    for (int kind = 0; kind < DT_AUGMENT_KINDS; kind++) {
        names[kind] = dt_augment_rows[kind].name;
        dt_suggest_offer(&search, names[kind]);
    }
    dt_text_add_names(&out, names);
    return dt_item_refuse(item, expected, "", &search);
}

static dt_status parse_item(dt_item *item, dt_augment *out)
{
    int kind = find_kind(item->word);
    if (kind < 0)
        return refuse_kind(item);
    const dt_augment_row *row = &dt_augment_rows[kind];
    if (out->has[kind])
        return dt_item_refuse(item, "each kind once", " a second time", NULL);
    out->has[kind] = true;
    dt_item_advance(item);
    dt_status status =
        dt_item_take_values(item, row->arguments, row->argument_count, out->arguments[kind]);
    if (!status && item->word[0])
        return dt_item_refuse(item, "a comma or the end", "", NULL);
    return status;
}

dt_status dt_augment_parse(const char *text, dt_augment *out, dt_error *error)
{
    dt_augment list = {0};
    dt_item item = {.noun = "augmentation", .error = error};
    while (strcmp(text, "none") != 0 && dt_item_next(&item, text)) {
        dt_status status = parse_item(&item, &list);
        if (status)
            return status;
    }
    *out = list;
    return DT_OK;
}

char *dt_augment_text(const dt_augment *augment, char text[DT_AUGMENT_TEXT])
{
    dt_text out = {.text = text, .size = DT_AUGMENT_TEXT};
    for (int kind = 0; kind < DT_AUGMENT_KINDS; kind++) {
        const dt_augment_row *row = &dt_augment_rows[kind];
        if (!augment->has[kind])
            continue;
        dt_text_add(&out, "%s%s", out.length > 0 ? ", " : "", row->name);
        for (int i = 0; i < row->argument_count; i++) {
            char value[32];
            dt_argument_text(&row->arguments[i], augment->arguments[kind][i], value, sizeof value);
            dt_text_add(&out, " %s", value);
        }
    }
    if (out.length == 0)
        dt_text_add(&out, "none");
    return text;
}
