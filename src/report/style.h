/* The style sheet of the page. */
#ifndef DT_REPORT_STYLE_H
#define DT_REPORT_STYLE_H

extern const char dt_page_style[];

#endif
