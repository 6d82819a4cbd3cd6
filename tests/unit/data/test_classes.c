/* Which label is which class. */
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "data/classes.h"

CU_SuiteInfo dt_suite_classes(void);

enum { SAMPLES = 70000 };

typedef struct fake {
    dt_source source;
    const int32_t *labels;
    int count;
} fake;

static dt_status fake_read(dt_source *source, dt_part part, int64_t first, int64_t count,
                           uint8_t *images, int32_t *labels, dt_error *error)
{
    const fake *self = (const fake *)source;
    (void)part, (void)error;
    for (int64_t i = 0; i < count; i++) {
        labels[i] = self->labels[(first + i) % self->count];
        for (int j = 0; images && j < 6; j++)
            images[i * 6 + j] = (uint8_t)j;
    }
    return DT_OK;
}

static fake fake_of(const int32_t *labels, int count)
{
    return (fake){.source = {.name = "fake",
                             .place = {"labels of the fake", "others"},
                             .shape = {3, 2, 1},
                             .count = {SAMPLES, 0},
                             .read = fake_read},
                  .labels = labels,
                  .count = count};
}

static void forget(fake *f)
{
    dt_free(f->source.class_names);
}

static dt_status count(fake *f, dt_label_set *set, dt_error *error)
{
    *set = (dt_label_set){0};
    dt_status status = dt_label_set_read(set, &f->source, DT_TRAIN, 0, SAMPLES, error);
    return status ? status : dt_classes_of_labels(&f->source, set, error);
}

/* What sample i is read as. */
static int class_of(fake *f, int i, dt_error *error)
{
    uint8_t image[6], label = 255;
    return dt_source_read(&f->source, DT_TRAIN, i, 1, image, &label, error) ? -1 : label;
}

static void test_counted(void)
{
    static const struct {
        int count;
        int32_t labels[5];
        int classes[5];
        const char *names, *list;
    } cases[] = {
        {3, {0, 1, 2}, {0, 1, 2}, NULL, "0 to 2"},
        {3, {3, 1, 2}, {2, 0, 1}, "1\n2\n3", "1 to 3"},
        {4, {0, 5, 9, 5}, {0, 1, 2, 1}, "0\n5\n9", "0, 5, 9"},
        {3, {-7, 70000, 255}, {0, 2, 1}, "-7\n255\n70000", "-7, 255, 70000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake f = fake_of(cases[i].labels, cases[i].count);
        dt_label_set set;
        char list[DT_CLASSES_LISTED];
        CU_ASSERT_EQUAL(count(&f, &set, NULL), DT_OK);
        const char *names = f.source.class_names;
        CU_ASSERT(names ? cases[i].names && strcmp(names, cases[i].names) == 0 : !cases[i].names);
        CU_ASSERT_STRING_EQUAL(dt_class_list(names, f.source.classes, list), cases[i].list);
        for (int j = 0; j < cases[i].count; j++)
            CU_ASSERT_EQUAL(class_of(&f, j, NULL), cases[i].classes[j]);
        forget(&f);
    }
}

static void test_too_many_and_too_few(void)
{
    int32_t labels[300];
    dt_error error = {0};
    dt_label_set set;
    for (int i = 0; i < 300; i++)
        labels[i] = (i * 77 + 5) % 300;
    fake f = fake_of(labels, 256);
    CU_ASSERT_EQUAL(count(&f, &set, NULL), DT_OK);
    CU_ASSERT_EQUAL(f.source.classes, 256);
    forget(&f);
    f = fake_of(labels, 257);
    CU_ASSERT_EQUAL(count(&f, &set, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "labels of the fake: expected labels of at most"));
    f = fake_of(labels, 1);
    CU_ASSERT_EQUAL(count(&f, &set, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "found one label, 5"));
}

/* A network that knows its classes by name finds them in data that count otherwise. */
static void test_by_name(void)
{
    static const int32_t labels[] = {3, 1, 2, 0};
    fake f = fake_of(labels, 4);
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_classes_of_names(&f.source, "2\n1\ncat\n3", 4, NULL), DT_OK);
    CU_ASSERT_EQUAL(class_of(&f, 0, NULL), 3);
    CU_ASSERT_EQUAL(class_of(&f, 1, NULL), 1);
    CU_ASSERT_EQUAL(class_of(&f, 2, NULL), 0);
    CU_ASSERT_EQUAL(class_of(&f, 3, &error), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "labels of the fake: expected labels 2, 1, cat, 3"
                                                 ", found 0 at sample 3"));
    forget(&f);
}

/* Data that have names are looked at by these; a network need have them all. */
static void test_names_of_data(void)
{
    static const int32_t labels[] = {0, 1, 2};
    static const int expected[] = {2, 3, 0};
    fake f = fake_of(labels, 3);
    dt_error error = {0};
    dt_classes_of_number(&f.source, 3);
    f.source.class_names = dt_strdup("cat\ndog\n7", NULL);
    CU_ASSERT_EQUAL(dt_classes_of_names(&f.source, "7\nbat\ncat\ndog", 4, NULL), DT_OK);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(class_of(&f, i, NULL), expected[i]);
    CU_ASSERT_STRING_EQUAL(f.source.class_names, "7\nbat\ncat\ndog");
    dt_free(f.source.class_names);
    f.source.class_names = dt_strdup("cat\ndog\n7", NULL);
    f.source.classes = 3;
    CU_ASSERT_EQUAL(dt_classes_of_names(&f.source, "cat\n7", 2, &error), DT_ERR_DATA);
    CU_ASSERT_STRING_EQUAL(error.message,
                           "fake: expected the classes cat, 7, as the network has them, found dog");
    CU_ASSERT_EQUAL(dt_classes_of_names(&f.source, NULL, 9, &error), DT_ERR_DATA);
    CU_ASSERT_STRING_EQUAL(error.message,
                           "fake: expected the classes 0 to 8, as the network has them, found cat");
    forget(&f);
}

static void test_transposed(void)
{
    static const int32_t labels[] = {0, 1};
    static const uint8_t upright[] = {0, 2, 4, 1, 3, 5};
    uint8_t images[12], classes[2];
    fake f = fake_of(labels, 2);
    dt_classes_of_number(&f.source, 2);
    dt_source_transpose(&f.source);
    CU_ASSERT(f.source.shape.height == 2 && f.source.shape.width == 3);
    CU_ASSERT_EQUAL(dt_source_read(&f.source, DT_TRAIN, 0, 2, images, classes, NULL), DT_OK);
    CU_ASSERT_EQUAL(memcmp(images, upright, 6), 0);
    CU_ASSERT_EQUAL(memcmp(images + 6, upright, 6), 0);
}

static void test_names(void)
{
    char long_name[400], name[DT_CLASS_NAME];
    memset(long_name, 'x', sizeof long_name);
    long_name[399] = 0;
    CU_ASSERT_EQUAL(dt_class_names_check(NULL, 3, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_class_names_check("a\nb\n\xc3\xa4", 3, NULL), DT_OK);
    const char *const bad[] = {"a\nb", "a\nb\nc\nd", "a\n\nc", "a\nb\n", "a\nb\na", long_name};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_EQUAL(dt_class_names_check(bad[i], 3, NULL), DT_ERR_DATA);
    CU_ASSERT_STRING_EQUAL(dt_class_name("a\nb", 1, name), "b");
    CU_ASSERT_STRING_EQUAL(dt_class_name("a\nb", 2, name), "2");
    CU_ASSERT_STRING_EQUAL(dt_class_name("", 7, name), "7");
    CU_ASSERT_EQUAL(dt_class_count(NULL), 0);
    CU_ASSERT_EQUAL(dt_class_count(""), 0);
    CU_ASSERT_EQUAL(dt_class_count("a"), 1);
    CU_ASSERT_EQUAL(dt_class_count("a\n\xc3\xa4\n7"), 3);
    CU_ASSERT_EQUAL(dt_class_find("a\nb", 2, "b"), 1);
    CU_ASSERT_EQUAL(dt_class_find("", 10, "7"), 7);
    CU_ASSERT_EQUAL(dt_class_find("a\nb", 2, "1"), -1);
    CU_ASSERT(dt_class_is_number("-12") && dt_class_is_number("0"));
    CU_ASSERT(!dt_class_is_number("-0") && !dt_class_is_number("01") && !dt_class_is_number("") &&
              !dt_class_is_number("1e3") && !dt_class_is_number("12345678901"));
}

CU_SuiteInfo dt_suite_classes(void)
{
    static CU_TestInfo tests[] = {
        {"counted, from any number, with gaps", test_counted},
        {"too many, too few", test_too_many_and_too_few},
        {"found by name", test_by_name},
        {"names that the data have", test_names_of_data},
        {"rows and columns exchanged", test_transposed},
        {"names", test_names},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "classes", .pTests = tests};
}
