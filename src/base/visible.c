#include "base/visible.h"

#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

/* Not plain; in the order of Unicode. */
static const struct {
    uint32_t first, last;
} hidden[] = {
    {0x0000, 0x001f}, /* C0 */
    {0x007f, 0x009f}, /* DEL, C1 */
    {0x00ad, 0x00ad}, /* soft hyphen */
    {0x061c, 0x061c}, /* Arabic letter mark */
    {0x180e, 0x180e}, /* Mongolian vowel separator */
    {0x200b, 0x200b}, /* zero-width space */
    {0x200e, 0x200f}, /* marks of direction */
    {0x2028, 0x202e}, /* separators, embeddings and overrides of direction */
    {0x2060, 0x206f}, /* word joiner, invisible operators, isolates, deprecated format characters */
    {0xd800, 0xdfff}, /* surrogates */
    {0xfdd0, 0xfdef}, /* noncharacters */
    {0xfeff, 0xfeff}, /* byte order mark */
    {0xfff9, 0xfffb}, /* interlinear annotation */
    {0x1d173, 0x1d17a}, /* musical format characters */
    {0xe0000, 0xe007f}, /* tags */
};

bool dt_visible_plain(uint32_t point)
{
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (point >= hidden[i].first && point <= hidden[i].last)
            return false;
    return point <= 0x10ffff && (point & 0xfffe) != 0xfffe;
}

size_t dt_visible_next(const char **text, char shown[DT_VISIBLE_MOST])
{
    static const char controls[] = "\n\r\t", letters[] = "nrt";
    const char *begin = *text;
    if (*begin >= ' ' && *begin <= '~') { /* nearly always */
        shown[0] = *(*text)++;
        shown[1] = '\0';
        return 1;
    }
    const char *control = strchr(controls, *begin);
    size_t length = dt_utf8_length((const unsigned char *)begin);
    uint32_t point = dt_utf8_next(text);
    if (length > 0 && dt_visible_plain(point)) {
        memcpy(shown, begin, length);
        shown[length] = '\0';
        return length;
    }
    if (control)
        return (size_t)snprintf(shown, DT_VISIBLE_MOST, "\\%c", letters[control - controls]);
    if (length <= 1)
        return (size_t)snprintf(shown, DT_VISIBLE_MOST, "\\x%02x", (unsigned)(unsigned char)*begin);
    return (size_t)snprintf(shown, DT_VISIBLE_MOST, point < 0x10000 ? "\\u%04x" : "\\U%08x",
                            (unsigned)point);
}

size_t dt_visible(const char *text, char *shown, size_t size)
{
    size_t whole = 0, written = 0;
    char next[DT_VISIBLE_MOST];
    while (*text) {
        size_t length = dt_visible_next(&text, next);
        if (written == whole && whole + length < size) {
            memcpy(shown + written, next, length);
            written += length;
        }
        whole += length;
    }
    if (size > 0)
        shown[written] = '\0';
    return whole;
}

static char *room_for(size_t size, char *room)
{
    char *text = size <= DT_VISIBLE_ROOM ? room : dt_calloc(size, 1, NULL);
    return text ? text : room;
}

char *dt_visible_format(char room[DT_VISIBLE_ROOM], const char *format, va_list args)
{
    char raw_room[DT_VISIBLE_ROOM];
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(raw_room, sizeof raw_room, format, args);
    char *raw = room_for((size_t)(length < 0 ? 0 : length) + 1, raw_room);
    if (raw != raw_room)
        vsnprintf(raw, (size_t)length + 1, format, again);
    va_end(again);
    size_t size = dt_visible(raw, NULL, 0) + 1;
    char *shown = room_for(size, room);
    dt_visible(raw, shown, shown == room ? DT_VISIBLE_ROOM : size);
    dt_visible_free(raw, raw_room);
    return shown;
}

void dt_visible_free(char *shown, const char *room)
{
    if (shown != room)
        dt_free(shown);
}

void dt_print(FILE *to, const char *format, ...)
{
    char room[DT_VISIBLE_ROOM];
    size_t length = strlen(format), ends = 0;
    while (ends < length && format[length - ends - 1] == '\n')
        ends++;
    va_list args;
    va_start(args, format);
    char *shown = dt_visible_format(room, format, args);
    va_end(args);
    /* The line ends are shown as "\n" each, behind all the rest, unless there was no memory. */
    size_t size = strlen(shown), tail = 2 * ends;
    fprintf(to, "%.*s%s", (int)(size > tail ? size - tail : 0), shown, format + length - ends);
    dt_visible_free(shown, room);
}
