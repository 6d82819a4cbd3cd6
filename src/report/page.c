#include "report/page.h"

#include "style.h"

void dt_page_begin(dt_markup *to, const char *title)
{
    dt_markup_add(to, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                      "img-src data:; style-src 'unsafe-inline'\">\n"
                      "<link rel=\"icon\" href=\"data:,\">\n<title>");
    dt_markup_text(to, title);
    dt_markup_add(to, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", dt_page_style);
}

void dt_page_end(dt_markup *to)
{
    dt_markup_add(to, "</main>\n</body>\n</html>\n");
}
