#include "replay/preflight/preflight_values.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/stop.h"
#include "replay/preflight/preflight_advice.h"
#include "replay/values/row_words.h"
#include "replay/values/unix_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What does not fit of one column, by reason. */
struct misfit {
    uint64_t count;
    uint64_t replaced_count;            /* of these, values that the policy replaces */
    const char *reason;                 /* of a rejected row; NULL: not needed yet */
    char example[ROW_WORDS_VALUE_SIZE]; /* the first such value */
    char key[ROW_WORDS_KEY_SIZE];       /* where it is */
};

/* Looking at every value of one table. */
struct scan {
    const struct preflight *preflight;
    struct plan_table *table;
    const struct schema_table *source;
    struct misfit *misfits; /* owned: column_count times CONVERT_FAULT_COUNT */
    struct byte_buffer scratch;
};

static void scan_release(struct scan *scan)
{
    free(scan->misfits);
    byte_buffer_release(&scan->scratch);
}

/* --- scanning ------------------------------------------------------------------------ */

static enum convert_fault convert(
    struct scan *scan, const struct type_map *map, const struct value *value)
{
    scan->scratch.size = 0;
    return map->kind == TYPE_OTHER ? convert_text(map, value, &scan->scratch)
                                   : convert_binary(map, value, &scan->scratch);
}

static bool is_replaceable(int fault)
{
    return fault == CONVERT_NUL || fault == CONVERT_UTF8 || fault == CONVERT_TIME;
}

/* What is wrong with a value; *is_replaced: and the policy helps. */
static enum convert_fault look_at_value(
    struct scan *scan, const struct type_map *map, const struct value *value, bool *is_replaced)
{
    struct type_map careful = *map;
    enum convert_fault fault;

    careful.trusts_text = false;
    *is_replaced = false;
    if (!map->replaces_text)
        return convert(scan, &careful, value);
    careful.replaces_text = false;
    careful.nul_replacement = NULL;
    fault = convert(scan, &careful, value);
    if (!is_replaceable(fault))
        return fault;
    careful = *map;
    careful.trusts_text = false;
    *is_replaced = convert(scan, &careful, value) == CONVERT_FITS;
    return *is_replaced ? fault : convert(scan, &careful, value);
}

static const char *reason_for(
    const struct scan *scan, const struct copy_column *column, struct misfit *misfit, int fault)
{
    if (misfit->reason == NULL)
        misfit->reason = arena_format(&scan->preflight->problems->arena, "column \"%s\" (%s) %s",
            column->type.column->name, column->type.column->type_text,
            convert_fault_text((enum convert_fault)fault));
    return misfit->reason;
}

/* A row is rejected once, for the first of its values that is a reason. */
static void look_at_row(
    struct scan *scan, const struct value *values, const struct source_rows *rows)
{
    const char *reason = NULL;

    for (size_t i = 0; i < scan->table->column_count; i++) {
        const struct copy_column *column = &scan->table->columns[i];
        const struct value *value = &values[column->source];
        bool is_replaced;
        enum convert_fault fault = look_at_value(scan, &column->type, value, &is_replaced);
        struct misfit *misfit = &scan->misfits[i * CONVERT_FAULT_COUNT + fault];

        if (fault == CONVERT_FITS)
            continue;
        misfit->replaced_count += is_replaced ? 1 : 0;
        if (column->type.rejects && reason == NULL)
            reason = reason_for(scan, column, misfit, fault);
        if (misfit->count++ > 0)
            continue;
        row_words_value(misfit->example, value);
        row_words_key(misfit->key, scan->source, values, rows->row_number);
    }
    if (reason != NULL)
        rejects_add(&scan->table->rejects, rows, reason);
}

/* SQLite's own replace() takes a NUL for an empty pattern and changes nothing. */
static const char remove_nul[] =
    "remove the NUL characters in a copy of the SQLite database and dump it: "
    "python3 -c \"import sqlite3; db = sqlite3.connect('COPY.db'); "
    "db.create_function('clean', 1, lambda t: t.replace(chr(0), ' ')); "
    "db.execute('UPDATE TABLE SET COLUMN = clean(COLUMN) "
    "WHERE instr(COLUMN, char(0)) > 0'); db.commit()\"";

/* What to do, and the option that lets the values through; borrowed from the problems. */
static const char *advice_for(const struct scan *scan, const struct type_map *type, int fault)
{
    const char *repair = fault == CONVERT_NUL ? remove_nul : NULL;
    struct arena *arena = &scan->preflight->problems->arena;

    if (fault == CONVERT_UNIX)
        repair = arena_format(arena,
            "say what it counts with %s (or milliseconds, microseconds, nanoseconds; without "
            "TABLE.COLUMN= for all columns)",
            unix_time_option(arena, scan->table->name, type->column->name));
    return preflight_advice(scan->preflight, &(struct preflight_advice){
                                                 .table = scan->table->name,
                                                 .column = type->column->name,
                                                 .repair = repair,
                                                 .left = "",
                                                 .is_replaceable = is_replaceable(fault),
                                             });
}

static void report_misfit(
    const struct scan *scan, const struct type_map *type, const struct misfit *misfit, int fault)
{
    struct problems *problems = scan->preflight->problems;
    bool is_let_through = type->rejects || misfit->replaced_count == misfit->count;
    const char *text = arena_format(&problems->arena,
        "table \"%s\", column \"%s\" (%s): %s at %s %s (values like this: %" PRIu64 ")",
        scan->table->name, type->column->name, type->column->type_text, misfit->example,
        misfit->key, convert_fault_text((enum convert_fault)fault), misfit->count);

    if (is_let_through)
        problems_note(problems, NULL, "%s; %s", text,
            type->rejects ? "the rows are rejected" : "the values are replaced");
    else
        problems_add(problems, advice_for(scan, type, fault), "%s", text);
}

static void report(const struct scan *scan)
{
    for (size_t i = 0; i < scan->table->column_count; i++) {
        for (int fault = CONVERT_FITS + 1; fault < CONVERT_FAULT_COUNT; fault++) {
            const struct misfit *misfit = &scan->misfits[i * CONVERT_FAULT_COUNT + (size_t)fault];

            scan->table->replaced_count += misfit->replaced_count;
            if (misfit->count > 0)
                report_misfit(scan, &scan->table->columns[i].type, misfit, fault);
        }
    }
}

static bool scan_table(
    const struct preflight *preflight, struct plan_table *table, struct error *err)
{
    const struct dump_reader *reader = preflight->input->reader;
    OWNED(source_rows) struct source_rows rows = {0};
    OWNED(scan)
    struct scan scan = {
        .preflight = preflight,
        .table = table,
        .source = &reader->schema.tables[table->source],
    };
    const struct value *values;

    scan.misfits =
        byte_buffer_calloc(table->column_count * CONVERT_FAULT_COUNT, sizeof(*scan.misfits));
    source_rows_begin(&rows, reader, table->source);
    for (;;) {
        if (!source_rows_next(&rows, &values, err))
            return false;
        if (values == NULL)
            break;
        look_at_row(&scan, values, &rows);
        if (rows.row_number % 4096 == 0 && !stop_check(err))
            return false;
    }
    report(&scan);
    return true;
}

static bool may_fail(const struct preflight *preflight, const struct plan_table *table)
{
    const struct column_facts *facts = preflight->input->reader->ends[table->source].facts;

    for (size_t i = 0; i < table->column_count; i++)
        if (type_map_may_fail(&table->columns[i].type, &facts[table->columns[i].source]))
            return true;
    return false;
}

bool preflight_values(const struct preflight *preflight, struct error *err)
{
    for (size_t i = 0; i < preflight->plan->table_count; i++) {
        struct plan_table *table = &preflight->plan->tables[i];

        if ((table->action != PLAN_LOAD && table->action != PLAN_DERIVE) || table->row_count == 0
            || table->column_count == 0 || !may_fail(preflight, table))
            continue;
        if (!scan_table(preflight, table, err))
            return error_wrap(err, "table \"%s\"", table->name);
    }
    return true;
}
