#include <string.h>

#include "base/hash.h"
#include "parts.h"

static const struct {
    const char *word, *class;
} states[] = {[REPORT_COMPLETE] = {"complete", "good"},
              [REPORT_STOPPED] = {"stopped, can go on", ""},
              [REPORT_FAILED] = {"failed", "bad"},
              [REPORT_RUNNING] = {"running", ""},
              [REPORT_ENDED] = {"ended without a summary", "bad"}};

void report_chip(dt_markup *to, const report_run *run)
{
    dt_markup_add(to, "<span class=\"chip %s\">%s</span>", states[run->state].class,
                  states[run->state].word);
}

/* A row of a table, if the value is known. */
static void add_row(dt_markup *to, const char *name, const char *value, const char *class)
{
    if (!value)
        return;
    dt_markup_around(to, "<tr><th>", name, "</th>");
    dt_markup_add(to, "<td class=\"%s\">", class);
    dt_markup_around(to, "", value, "</td></tr>\n");
}

/* The settings that are the default, or those that are not: how many. */
static int add_settings(dt_markup *to, const dt_config *config, bool defaults)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    char text[DT_TEXT_MAX];
    int added = 0;
    dt_markup_add(to, "<table class=\"pairs\"><tbody>\n");
    for (size_t i = 0; i < count; i++)
        if (dt_config_is_default(config, &settings[i]) == defaults) {
            add_row(to, settings[i].name, dt_config_get(config, &settings[i], text), "mono break");
            added++;
        }
    dt_markup_add(to, "</tbody></table>\n");
    return added;
}

static void add_config(dt_markup *to, const report_run *run)
{
    if (!run->has_config)
        return;
    dt_markup_add(to, "<div><h3>Settings that are not the default</h3>\n");
    if (add_settings(to, &run->config, false) == 0)
        dt_markup_add(to, "<p>None.</p>\n");
    dt_markup_add(to, "<details><summary>The others</summary>\n");
    add_settings(to, &run->config, true);
    dt_markup_add(to, "</details></div>\n");
}

static bool is_told(const dt_insight *insight, const char *name)
{
    for (int i = 0; i < insight->fact_count; i++)
        if (strcmp(insight->facts[i].name, name) == 0)
            return true;
    return false;
}

static void add_facts(dt_markup *to, const report_run *run)
{
    const dt_summary *result = &run->result;
    char hash[DT_HASH_TEXT];
    dt_markup_add(to, "<div><h3>Run and environment</h3>\n<table class=\"pairs\"><tbody>\n");
    add_row(to, "directory", run->path, "mono break");
    if (!is_told(&run->insight, "data"))
        add_row(to, "data", result->data_source, "break");
    if (result->last.parameter_hash && !is_told(&run->insight, "parameter_hash"))
        add_row(to, "parameter_hash", dt_hash_text(result->last.parameter_hash, hash), "mono");
    if (run->has_weights)
        add_row(to, run->weights_name, dt_hash_text(run->weights.parameter_hash, hash), "mono");
    if (run->has_summary)
        add_row(to, "resumed from", run->summary.resumed_from, "mono break");
    for (int i = 0; i < run->insight.fact_count; i++)
        add_row(to, run->insight.facts[i].name, run->insight.facts[i].value, "break");
    add_row(to, "written by", result->version, "");
    dt_markup_add(to, "</tbody></table></div>\n");
}

void report_settings(dt_markup *to, const report_run *run)
{
    dt_markup_add(to, "<section>\n<h2>Settings and environment</h2>\n<div class=\"sides\">\n");
    add_config(to, run);
    add_facts(to, run);
    dt_markup_add(to, "</div>\n</section>\n");
}
