#include "data/glyphs.h"

#include <stddef.h>

/* clang-format off */
#define DOWN(x, y)   {x, y, DT_PEN_DOWN}
#define SMOOTH(x, y) {x, y, DT_PEN_SMOOTH}
#define CORNER(x, y) {x, y, DT_PEN_CORNER}

static const dt_glyph form_of_0[] = {
    {45, 9, {DOWN(55, 3), SMOOTH(28, 14), SMOOTH(12, 48), SMOOTH(22, 84), SMOOTH(46, 98),
        SMOOTH(72, 86), SMOOTH(86, 52), SMOOTH(76, 18), SMOOTH(52, 2)}},
    {30, 10, {DOWN(62, 6), SMOOTH(36, 6), SMOOTH(22, 36), SMOOTH(22, 70), SMOOTH(38, 96),
        SMOOTH(60, 92), SMOOTH(74, 62), SMOOTH(74, 28), SMOOTH(58, 6), SMOOTH(42, 14)}},
    {25, 9, {DOWN(40, 10), SMOOTH(18, 34), SMOOTH(14, 70), SMOOTH(38, 97), SMOOTH(70, 88),
        SMOOTH(90, 54), SMOOTH(78, 18), SMOOTH(48, 4), SMOOTH(26, 22)}},
};

static const dt_glyph form_of_1[] = {
    {62, 4, {DOWN(52, 0), SMOOTH(50, 34), SMOOTH(49, 68), SMOOTH(48, 100)}},
    {26, 4, {DOWN(32, 24), CORNER(56, 0), SMOOTH(53, 50), SMOOTH(50, 100)}},
    {12, 7, {DOWN(30, 22), CORNER(54, 0), SMOOTH(52, 50), SMOOTH(51, 98), DOWN(28, 98),
        SMOOTH(54, 99), SMOOTH(78, 97)}},
};

static const dt_glyph form_of_2[] = {
    {45, 9, {DOWN(16, 24), SMOOTH(34, 5), SMOOTH(62, 4), SMOOTH(76, 24), SMOOTH(66, 52),
        SMOOTH(40, 78), CORNER(12, 97), SMOOTH(50, 95), SMOOTH(90, 95)}},
    {40, 11, {DOWN(16, 22), SMOOTH(36, 4), SMOOTH(64, 6), SMOOTH(74, 28), SMOOTH(58, 58),
        SMOOTH(34, 86), SMOOTH(14, 94), SMOOTH(10, 80), SMOOTH(28, 76), SMOOTH(54, 90),
        SMOOTH(92, 92)}},
    {15, 8, {DOWN(12, 16), SMOOTH(44, 2), SMOOTH(74, 14), SMOOTH(68, 46), SMOOTH(38, 76),
        CORNER(18, 96), SMOOTH(52, 88), SMOOTH(86, 98)}},
};

static const dt_glyph form_of_3[] = {
    {45, 10, {DOWN(16, 14), SMOOTH(42, 2), SMOOTH(70, 12), SMOOTH(68, 34), CORNER(42, 47),
        SMOOTH(70, 56), SMOOTH(82, 76), SMOOTH(58, 97), SMOOTH(28, 97), SMOOTH(10, 86)}},
    {35, 11, {DOWN(18, 12), SMOOTH(50, 1), SMOOTH(74, 16), SMOOTH(64, 38), SMOOTH(42, 48),
        SMOOTH(44, 50), SMOOTH(66, 54), SMOOTH(82, 74), SMOOTH(64, 95), SMOOTH(34, 99),
        SMOOTH(10, 88)}},
    {20, 10, {DOWN(14, 5), SMOOTH(44, 4), CORNER(76, 4), SMOOTH(58, 24), CORNER(40, 42),
        SMOOTH(70, 48), SMOOTH(84, 70), SMOOTH(64, 95), SMOOTH(34, 98), SMOOTH(12, 90)}},
};

static const dt_glyph form_of_4[] = {
    {45, 8, {DOWN(22, 4), SMOOTH(17, 28), CORNER(14, 52), SMOOTH(46, 55), SMOOTH(90, 50),
        DOWN(74, 6), SMOOTH(68, 50), SMOOTH(62, 100)}},
    {25, 8, {DOWN(66, 2), SMOOTH(38, 32), CORNER(8, 64), SMOOTH(50, 64), SMOOTH(94, 60),
        DOWN(66, 2), SMOOTH(64, 50), SMOOTH(60, 100)}},
    {30, 8, {DOWN(20, 4), SMOOTH(12, 38), SMOOTH(28, 56), SMOOTH(58, 52), SMOOTH(78, 34),
        DOWN(82, 4), SMOOTH(76, 48), SMOOTH(66, 100)}},
};

static const dt_glyph form_of_5[] = {
    {40, 10, {DOWN(84, 4), SMOOTH(58, 5), CORNER(30, 4), SMOOTH(27, 24), CORNER(24, 44),
        SMOOTH(54, 38), SMOOTH(80, 54), SMOOTH(78, 82), SMOOTH(48, 98), SMOOTH(12, 90)}},
    {35, 11, {DOWN(32, 8), SMOOTH(28, 26), CORNER(24, 46), SMOOTH(56, 42), SMOOTH(80, 60),
        SMOOTH(72, 88), SMOOTH(42, 99), SMOOTH(10, 88), DOWN(32, 7), SMOOTH(60, 5),
        SMOOTH(88, 2)}},
    {25, 8, {DOWN(84, 6), SMOOTH(50, 8), SMOOTH(30, 26), SMOOTH(48, 46), SMOOTH(74, 64),
        SMOOTH(70, 88), SMOOTH(40, 98), SMOOTH(12, 86)}},
};

static const dt_glyph form_of_6[] = {
    {55, 9, {DOWN(68, 2), SMOOTH(38, 24), SMOOTH(18, 58), SMOOTH(26, 92), SMOOTH(54, 97),
        SMOOTH(76, 78), SMOOTH(64, 58), SMOOTH(38, 62), SMOOTH(20, 80)}},
    {45, 9, {DOWN(52, 0), SMOOTH(32, 34), SMOOTH(18, 68), SMOOTH(34, 98), SMOOTH(66, 94),
        SMOOTH(80, 72), SMOOTH(60, 56), SMOOTH(34, 64), SMOOTH(24, 80)}},
};

static const dt_glyph form_of_7[] = {
    {45, 5, {DOWN(10, 8), SMOOTH(46, 8), CORNER(84, 6), SMOOTH(62, 46), SMOOTH(42, 100)}},
    {25, 8, {DOWN(12, 8), SMOOTH(48, 8), CORNER(84, 6), SMOOTH(60, 50), SMOOTH(40, 100),
        DOWN(32, 54), SMOOTH(56, 52), SMOOTH(80, 50)}},
    {30, 7, {DOWN(12, 22), CORNER(16, 6), SMOOTH(52, 8), CORNER(86, 8), SMOOTH(74, 24),
        SMOOTH(54, 52), SMOOTH(46, 100)}},
};

static const dt_glyph form_of_8[] = {
    {60, 11, {DOWN(74, 14), SMOOTH(48, 2), SMOOTH(24, 16), SMOOTH(36, 40), SMOOTH(62, 58),
        SMOOTH(76, 80), SMOOTH(50, 98), SMOOTH(24, 82), SMOOTH(38, 58), SMOOTH(64, 36),
        SMOOTH(76, 16)}},
    {20, 14, {DOWN(50, 2), SMOOTH(28, 14), SMOOTH(30, 36), SMOOTH(50, 46), SMOOTH(72, 34),
        SMOOTH(74, 12), SMOOTH(50, 2), DOWN(50, 46), SMOOTH(24, 62), SMOOTH(22, 88),
        SMOOTH(50, 99), SMOOTH(78, 88), SMOOTH(76, 60), SMOOTH(50, 46)}},
    {20, 11, {DOWN(84, 8), SMOOTH(54, 2), SMOOTH(30, 16), SMOOTH(40, 38), SMOOTH(64, 60),
        SMOOTH(68, 84), SMOOTH(44, 98), SMOOTH(24, 84), SMOOTH(38, 58), SMOOTH(66, 36),
        SMOOTH(80, 6)}},
};

static const dt_glyph form_of_9[] = {
    {40, 9, {DOWN(74, 16), SMOOTH(48, 3), SMOOTH(22, 18), SMOOTH(22, 42), SMOOTH(48, 48),
        SMOOTH(70, 32), CORNER(76, 12), SMOOTH(72, 50), SMOOTH(64, 100)}},
    {35, 11, {DOWN(76, 14), SMOOTH(50, 3), SMOOTH(26, 22), SMOOTH(28, 44), SMOOTH(52, 48),
        SMOOTH(72, 30), SMOOTH(78, 12), SMOOTH(76, 50), SMOOTH(66, 84), SMOOTH(42, 99),
        SMOOTH(18, 92)}},
    {25, 9, {DOWN(70, 10), SMOOTH(42, 8), SMOOTH(22, 30), SMOOTH(36, 50), SMOOTH(62, 42),
        SMOOTH(74, 14), SMOOTH(70, 44), SMOOTH(58, 74), SMOOTH(46, 100)}},
};

#define FORMS(list) {list, sizeof list / sizeof *list}
/* clang-format on */

static const struct {
    const dt_glyph *form;
    size_t count;
} digits[DT_GLYPH_DIGITS] = {
    FORMS(form_of_0), FORMS(form_of_1), FORMS(form_of_2), FORMS(form_of_3), FORMS(form_of_4),
    FORMS(form_of_5), FORMS(form_of_6), FORMS(form_of_7), FORMS(form_of_8), FORMS(form_of_9),
};

const dt_glyph *dt_glyph_forms(int digit, int *count)
{
    *count = (int)digits[digit].count;
    return digits[digit].form;
}
