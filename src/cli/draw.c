#include "draw.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SHADES_UNICODE = 5, SHADES_ASCII = 10 };

static const char *const unicode_shades[SHADES_UNICODE] = {" ", "\u2591", "\u2592", "\u2593",
                                                           "\u2588"};
static const char ascii_shades[SHADES_ASCII + 1] = " .:-=+*#%@";

static bool names_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (!value || !*value)
            continue;
        const char *charset = strchr(value, '.');
        return charset &&
               (strncasecmp(charset, ".utf-8", 6) == 0 || strncasecmp(charset, ".utf8", 5) == 0);
    }
    return false;
}

image_drawing drawing_of(FILE *file)
{
    image_drawing out = {.utf8 = names_utf8()};
    struct winsize size;
    if (isatty(fileno(file)) && ioctl(fileno(file), TIOCGWINSZ, &size) == 0)
        out.columns = size.ws_col;
    const char *columns = getenv("COLUMNS");
    if (out.columns == 0 && columns)
        out.columns = (int)strtol(columns, NULL, 10);
    if (out.columns < 1)
        out.columns = 80;
    return out;
}

/* Mean of part (row, column) of rows x columns parts of the image. */
static int mean_of_part(int height, int width, const uint8_t *pixels, int rows, int columns,
                        int row, int column)
{
    int top = row * height / rows, bottom = (row + 1) * height / rows;
    int left = column * width / columns, right = (column + 1) * width / columns;
    int sum = 0;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++)
            sum += pixels[(size_t)y * (size_t)width + (size_t)x];
    return sum / ((bottom - top) * (right - left));
}

void draw_image(FILE *out, const image_drawing *how, int height, int width, const uint8_t *pixels)
{
    int columns = width < how->columns ? width : how->columns;
    int across = 2 * width <= how->columns ? 2 : 1; /* characters a part */
    /* A character is about twice as high as wide. */
    int rows = across == 2 ? height : height * columns / width / 2;
    rows = rows > 0 ? rows : 1;
    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
            int mean = mean_of_part(height, width, pixels, rows, columns, row, column);
            for (int i = 0; i < across; i++)
                if (how->utf8)
                    fputs(unicode_shades[(mean * (SHADES_UNICODE - 1) + 127) / 255], out);
                else
                    fputc(ascii_shades[(mean * (SHADES_ASCII - 1) + 127) / 255], out);
        }
        fputc('\n', out);
    }
}
