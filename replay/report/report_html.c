#include "replay/report/report_html.h"

#include "base/owned.h"
#include "base/safe_text.h"
#include "replay/report/report_chart.h"
#include "watch/amount_text.h"
#include "watch/progress_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'\">\n<title>Valise: report of a replay</title>\n<style>\n"
    ":root{color-scheme:light dark;--ink:#1c1f23;--paper:#fff;--soft:#5b6570;--line:#d9dee3;"
    "--good:#1a7f37;--bad:#c62828;--load:#1f6feb;--verify:#b35900}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ec;--paper:#14171a;--soft:#9aa5b1;"
    "--line:#2f363d;--good:#3fb950;--bad:#ff6b60;--load:#58a6ff;--verify:#f0883e}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:66rem;margin:2rem auto;padding:0 1rem}\n"
    "h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}\n"
    ".outcome{border-left:.4rem solid var(--good);padding:.3rem 1rem;margin:1rem 0}"
    ".outcome.bad{border-color:var(--bad)}\n"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line);"
    "vertical-align:top}td.any,li{overflow-wrap:anywhere}td.name{white-space:pre-wrap;"
    "min-width:8rem}.wide{overflow-x:auto}"
    "th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}.facts th{width:1%;white-space:nowrap;"
    "padding-right:2rem}\n"
    ".bar{background:var(--load);height:.6rem;min-width:1px}li{margin:.3rem 0}"
    ".advice,.soft{color:var(--soft)}code{overflow-wrap:anywhere}\n"
    "svg{width:100%;height:auto}svg text{fill:var(--soft);font:12px system-ui,sans-serif}"
    ".grid{stroke:var(--line)}polyline{fill:none;stroke-width:2}"
    "polyline.load{stroke:var(--load)}polyline.verify{stroke:var(--verify)}"
    ".legend .load{color:var(--load)}.legend .verify{color:var(--verify)}"
    ".legend span::before{content:\"\\2014  \"}\n</style>\n</head>\n<body>\n";

/* --- text ------------------------------------------------------------------------------ */

static void put_text(struct byte_buffer *out, const char *text)
{
    OWNED(byte_buffer) struct byte_buffer safe = {0};

    safe_text_put(&safe, text, strlen(text));
    for (size_t i = 0; i < safe.size; i++) {
        switch (safe.data[i]) {
        case '<':
            byte_buffer_format(out, "&lt;");
            break;
        case '>':
            byte_buffer_format(out, "&gt;");
            break;
        case '&':
            byte_buffer_format(out, "&amp;");
            break;
        case '"':
            byte_buffer_format(out, "&quot;");
            break;
        case '\'':
            byte_buffer_format(out, "&#39;");
            break;
        default:
            byte_buffer_put_u8(out, safe.data[i]);
        }
    }
}

static void put_fact(struct byte_buffer *out, const char *name, const char *text)
{
    if (text == NULL)
        return;
    byte_buffer_format(out, "<tr><th>%s</th><td class=\"any\">", name);
    put_text(out, text);
    byte_buffer_format(out, "</td></tr>\n");
}

static void put_fact_number(struct byte_buffer *out, const char *name, uint64_t number)
{
    if (number > 0)
        byte_buffer_format(out, "<tr><th>%s</th><td>%" PRIu64 "</td></tr>\n", name, number);
}

/* --- head ---------------------------------------------------------------------------------- */

static const char *headline(const struct report *report, const struct error *failure)
{
    if (failure != NULL && failure->kind == ERROR_STOPPED)
        return "Stopped on request";
    if (failure != NULL && failure->kind == ERROR_MISMATCH)
        return "Verification found a difference";
    if (failure != NULL && failure->kind == ERROR_REJECTED)
        return "Done, but rows were rejected or values replaced";
    switch (report->outcome) {
    case REPORT_REFUSED:
        return "Refused";
    case REPORT_PLANNED:
        if (failure != NULL)
            return "Failed";
        return report->is_undo ? "A plan for taking the delta back; nothing was changed"
                               : "A plan; nothing was changed";
    case REPORT_NOTHING:
        return failure == NULL ? "Nothing to do" : "Failed";
    case REPORT_DONE:
        return failure == NULL ? "Done" : "Failed";
    case REPORT_UNDONE:
        return failure == NULL ? "The delta is taken back" : "Failed";
    case REPORT_FAILED:
        break;
    }
    return "Failed";
}

static void put_outcome(
    struct byte_buffer *out, const struct report *report, const struct error *failure)
{
    time_t now = time(NULL);
    struct tm parts;
    char text[40] = "";

    if (gmtime_r(&now, &parts) != NULL)
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts);
    byte_buffer_format(out,
        "<h1>Report of a replay</h1>\n<p class=\"soft\">valise-replay " VALISE_VERSION ", %s</p>\n",
        text);
    byte_buffer_format(out, "<div class=\"outcome%s\"><strong>%s</strong> (exit status %d)",
        failure == NULL ? "" : " bad", headline(report, failure),
        failure == NULL ? 0 : (int)failure->kind);
    if (failure != NULL) {
        byte_buffer_format(out, "<br>");
        put_text(out, failure->text);
    }
    byte_buffer_format(out, "</div>\n");
}

/* Tenths as long as these can be told apart. */
static const char *duration(char text[AMOUNT_TEXT_ROOM], double seconds)
{
    if (seconds >= 60)
        return amount_text_duration(text, seconds);
    snprintf(text, AMOUNT_TEXT_ROOM, "%.1f s", seconds);
    return text;
}

static void put_facts(struct byte_buffer *out, const struct report *report)
{
    char text[AMOUNT_TEXT_ROOM];

    byte_buffer_format(out, "<h2>What was moved</h2>\n<table class=\"facts\">\n");
    put_fact(out, report->is_delta ? "Delta" : "Dump", report->dump);
    put_fact(out, "Size of the file", amount_text_size(text, report->dump_size));
    put_fact(out, "State", report->state);
    put_fact(out, "Target database", report->database);
    put_fact(out, "PostgreSQL", report->server);
    put_fact(out, "Application", report->profile);
    if (report->is_resumed)
        put_fact(out, "Resumed", "an interrupted replay was carried on");
    put_fact_number(out, "Rows removed", report->work.removed_count);
    put_fact_number(out, "Rows added", report->work.added_count);
    put_fact_number(out, "Tables changed", report->work.changed_table_count);
    put_fact_number(out, "Connections", report->jobs);
    put_fact_number(
        out, "Indexes, constraints, triggers brought back", report->work.restored_count);
    put_fact_number(out, "Sequences set", report->work.sequence_count);
    if (report->total_seconds > 0)
        put_fact(out, "Time", duration(text, report->total_seconds));
    byte_buffer_format(out, "</table>\n");
}

/* --- phases and tables ------------------------------------------------------------------------ */

/* An amount of what a phase deals with; most have only some of the three. */
static void put_amount(struct byte_buffer *out, uint64_t amount, bool is_size)
{
    char text[AMOUNT_TEXT_ROOM];

    byte_buffer_format(out, "<td class=\"n\">");
    if (amount > 0 && is_size)
        byte_buffer_format(out, "%s", amount_text_size(text, amount));
    else if (amount > 0)
        byte_buffer_format(out, "%" PRIu64, amount);
    byte_buffer_format(out, "</td>");
}

static void put_phases(struct byte_buffer *out, const struct progress_view *view)
{
    char took[AMOUNT_TEXT_ROOM];

    byte_buffer_format(out,
        "<h2>Phases</h2>\n<div class=\"wide\"><table>\n<tr><th>phase</th><th class=\"n\">rows</th>"
        "<th class=\"n\">bytes</th><th class=\"n\">statements or tables</th><th class=\"n\">took</th>"
        "<th>state</th></tr>\n");
    for (int i = 0; i < PROGRESS_PHASE_COUNT; i++) {
        const struct progress_view_work *work = &view->phases[i];
        double seconds = work->ended > work->begun ? work->ended - work->begun : 0;

        if (!work->is_planned)
            continue;
        byte_buffer_format(out, "<tr><td>%s</td>", progress_phase_label((enum progress_phase)i));
        put_amount(out, work->done.rows, false);
        put_amount(out, work->done.bytes, true);
        put_amount(out, work->done.items, false);
        byte_buffer_format(out, "<td class=\"n\">%s</td><td>%s</td></tr>\n",
            duration(took, seconds),
            work->state == PROGRESS_DONE     ? "done"
            : work->state == PROGRESS_ACTIVE ? "unfinished"
                                             : "not begun");
    }
    byte_buffer_format(out, "</table></div>\n");
}

static void put_seconds(struct byte_buffer *out, const struct progress_view_table *table)
{
    static const enum progress_phase phases[] = {PROGRESS_LOAD, PROGRESS_INDEX, PROGRESS_VERIFY};

    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        double busy = table == NULL ? 0 : table->works[phases[i]].busy;

        if (phases[i] == PROGRESS_LOAD && table != NULL)
            busy += table->works[PROGRESS_DERIVE].busy + table->works[PROGRESS_CHANGE].busy;
        byte_buffer_format(out, "<td class=\"n\">%.1f s</td>", busy);
    }
}

static void put_table(struct byte_buffer *out, const struct plan_table *table,
    const struct progress_view_table *watched, uint64_t largest)
{
    char size[AMOUNT_TEXT_ROOM];
    bool moves = table->action == PLAN_LOAD || table->action == PLAN_DERIVE;

    byte_buffer_format(out, "<tr><td class=\"any name\">");
    put_text(out, table->name);
    if (table->target != NULL && strcmp(table->target->name, table->name) != 0) {
        byte_buffer_format(out, " <span class=\"soft\">as ");
        put_text(out, table->target->name);
        byte_buffer_format(out, "</span>");
    }
    byte_buffer_format(out,
        "</td><td>%s</td><td class=\"n\">%" PRIu64 "</td><td class=\"n\">%s</td>",
        plan_action_name(table->action), moves ? table->row_count : 0,
        amount_text_size(size, moves ? table->size : 0));
    put_seconds(out, watched);
    byte_buffer_format(out, "<td><div class=\"bar\" style=\"width:%.1f%%\"></div></td></tr>\n",
        largest == 0 || !moves ? 0.0 : 100.0 * (double)table->size / (double)largest);
}

static void put_tables(struct byte_buffer *out, const struct report *report)
{
    const struct plan *plan = report->plan;
    const struct progress_view *view = report->view;
    bool is_watched = view != NULL && view->table_count == plan->table_count;
    uint64_t largest = 0;

    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].size > largest)
            largest = plan->tables[i].size;
    byte_buffer_format(out,
        "<h2>Tables</h2>\n<div class=\"wide\"><table>\n<tr><th>table</th><th>action</th><th class=\"n\">rows</th>"
        "<th class=\"n\">bytes</th><th class=\"n\">loading</th><th class=\"n\">indexes</th>"
        "<th class=\"n\">verifying</th><th style=\"width:12%%\"></th></tr>\n");
    for (size_t i = 0; i < plan->table_count; i++)
        put_table(out, &plan->tables[i], is_watched ? &view->tables[i] : NULL, largest);
    byte_buffer_format(out, "</table></div>\n");
}

/* --- checks and findings ------------------------------------------------------------------------
 */

static void put_checks(struct byte_buffer *out, const struct report *report)
{
    const struct verify_result *verified = &report->work.verified;
    char size[AMOUNT_TEXT_ROOM];

    byte_buffer_format(out,
        "<h2>Checks</h2>\n<ul>\n<li>The dump: digest of the file, checksum of each block that "
        "was read</li>\n<li>The target, before anything was touched: encoding, collation, "
        "rights, other sessions, tables, columns, values that do not fit</li>\n");
    if (report->work.verify_level == VERIFY_NONE || verified->table_count == 0)
        byte_buffer_format(out, "<li>What arrived: not verified%s</li>\n",
            report->work.verify_level == VERIFY_NONE ? ", as asked" : "");
    else if (report->work.verify_level == VERIFY_COUNTS)
        byte_buffer_format(out,
            "<li>What arrived: the number of rows of %zu tables (%" PRIu64 ")</li>\n",
            verified->table_count, verified->row_count);
    else if (report->work.verify_level == VERIFY_CHANGED)
        byte_buffer_format(out,
            "<li>What arrived: %" PRIu64 " rows of %zu tables were read back and compared (%s), of "
            "large tables those that the delta changed</li>\n",
            verified->row_count, verified->table_count, amount_text_size(size, verified->size));
    else
        byte_buffer_format(out,
            "<li>What arrived: every row of %zu tables was read back and compared, %" PRIu64
            " in all (%s)</li>\n",
            verified->table_count, verified->row_count, amount_text_size(size, verified->size));
    byte_buffer_format(out, "</ul>\n");
}

static void put_findings(
    struct byte_buffer *out, const char *title, const struct problem *items, size_t count)
{
    if (count == 0)
        return;
    byte_buffer_format(out, "<h2>%s</h2>\n<ul>\n", title);
    for (size_t i = 0; i < count; i++) {
        byte_buffer_format(out, "<li>");
        put_text(out, items[i].text);
        if (items[i].advice != NULL) {
            byte_buffer_format(out, "<br><span class=\"advice\">&rarr; ");
            put_text(out, items[i].advice);
            byte_buffer_format(out, "</span>");
        }
        byte_buffer_format(out, "</li>\n");
    }
    byte_buffer_format(out, "</ul>\n");
}

static void put_rejects(struct byte_buffer *out, const struct plan *plan)
{
    bool is_any = false;

    for (size_t i = 0; i < plan->table_count; i++) {
        const struct plan_table *table = &plan->tables[i];

        if (table->rejects.count == 0 && table->replaced_count == 0)
            continue;
        byte_buffer_format(out, "%s<li>",
            is_any ? ""
                   : "<h2>Rejected and replaced</h2>\n<p>Rejected rows are kept "
                     "as they were in <code>valise.rejects</code>.</p>\n<ul>\n");
        is_any = true;
        put_text(out, table->name);
        byte_buffer_format(out, ": %zu rows rejected, %" PRIu64 " values replaced",
            table->rejects.count, table->replaced_count);
        if (table->rejects.count > 0) {
            byte_buffer_format(out, "; the first because of: ");
            put_text(out, table->rejects.items[0].reason);
        }
        byte_buffer_format(out, "</li>\n");
    }
    byte_buffer_format(out, is_any ? "</ul>\n" : "");
}

void report_html_put(
    const struct report *report, const struct error *failure, struct byte_buffer *out)
{
    byte_buffer_format(out, "%s", head);
    put_outcome(out, report, failure);
    put_facts(out, report);
    if (report->problems != NULL)
        put_findings(out, "Problems", report->problems->items, report->problems->count);
    if (report->plan != NULL)
        put_rejects(out, report->plan);
    if (report->view != NULL)
        put_phases(out, report->view);
    if (report->rate != NULL)
        report_chart_put(out, report->rate);
    put_checks(out, report);
    if (report->problems != NULL)
        put_findings(out, "Worth knowing", report->problems->notes, report->problems->note_count);
    if (report->plan != NULL)
        put_tables(out, report);
    byte_buffer_format(out, "</body>\n</html>\n");
}
