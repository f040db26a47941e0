#include "replay/preflight_values.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "base/stop.h"
#include "base/utf8.h"
#include "replay/source_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXCERPT_SIZE 40 /* bytes of a value in a message */

/* What does not fit of one column, by reason. */
struct misfit {
    uint64_t count;
    char example[4 * EXCERPT_SIZE + 32]; /* the first such value */
    char key[4 * EXCERPT_SIZE + 96];     /* where it is: the primary key, else the row number */
};

/* Looking at every value of one table. */
struct scan {
    const struct preflight *preflight;
    const struct plan_table *table;
    const struct schema_table *source;
    struct misfit *misfits; /* owned: column_count times CONVERT_FAULT_COUNT */
    struct byte_buffer scratch;
};

static void scan_release(struct scan *scan)
{
    free(scan->misfits);
    byte_buffer_release(&scan->scratch);
}

/* --- examples ---------------------------------------------------------------------- */

static void excerpt_bytes(char *out, size_t room, const struct value *value)
{
    size_t used = 0;
    uint32_t shown = value->size < EXCERPT_SIZE ? value->size : EXCERPT_SIZE;
    bool is_text = value->class == VALUE_TEXT;

    used += (size_t)snprintf(out, room, is_text ? "'" : "x'");
    for (uint32_t at = 0; at < shown && used + 16 < room;) {
        uint8_t byte = value->bytes[at];
        size_t character = is_text ? utf8_character_size(value->bytes + at, value->size - at) : 0;

        if (!is_text)
            used += (size_t)snprintf(out + used, room - used, "%02x", byte);
        else if (character == 0 || byte < 0x20 || byte == 0x7f)
            used += (size_t)snprintf(out + used, room - used, "\\x%02x", byte);
        else
            used += (size_t)snprintf(
                out + used, room - used, "%.*s", (int)character, (const char *)value->bytes + at);
        at += character == 0 ? 1 : (uint32_t)character;
    }
    snprintf(out + used, room - used, shown < value->size ? "...' (%u bytes)" : "'", value->size);
}

static void excerpt(char *out, size_t room, const struct value *value)
{
    switch (value->class) {
    case VALUE_NULL:
        snprintf(out, room, "NULL");
        break;
    case VALUE_INTEGER:
        snprintf(out, room, "%" PRId64, value->integer);
        break;
    case VALUE_REAL:
        snprintf(out, room, "%.17g", value->real);
        break;
    case VALUE_TEXT:
    case VALUE_BLOB:
        excerpt_bytes(out, room, value);
        break;
    }
}

/* "id=7", of the first column of the primary key that tells it; else the row's number. */
static void describe_row(const struct scan *scan, const struct value *values, uint64_t row_number,
    char *out, size_t room)
{
    char shown[4 * EXCERPT_SIZE + 32];
    size_t used = 0;

    for (uint32_t i = 0; i < scan->source->column_count && used + 32 < room; i++) {
        if (scan->source->columns[i].primary_key == 0 || values[i].class == VALUE_NULL)
            continue;
        excerpt(shown, sizeof(shown), &values[i]);
        used += (size_t)snprintf(out + used, room - used, "%s%s = %s", used == 0 ? "" : ", ",
            scan->source->columns[i].name.bytes, shown);
    }
    if (used == 0)
        snprintf(out, room, "row %" PRIu64 " of the dump", row_number);
}

/* --- scanning ------------------------------------------------------------------------ */

static void look_at_row(struct scan *scan, const struct value *values, uint64_t row_number)
{
    for (size_t i = 0; i < scan->table->column_count; i++) {
        const struct copy_column *column = &scan->table->columns[i];
        const struct value *value = &values[column->source];
        struct type_map careful = column->type;
        enum convert_fault fault;
        struct misfit *misfit;

        careful.trusts_text = false;
        scan->scratch.size = 0;
        fault = careful.kind == TYPE_OTHER ? convert_text(&careful, value, &scan->scratch)
                                           : convert_binary(&careful, value, &scan->scratch);
        if (fault == CONVERT_FITS)
            continue;
        misfit = &scan->misfits[i * CONVERT_FAULT_COUNT + fault];
        if (misfit->count++ > 0)
            continue;
        excerpt(misfit->example, sizeof(misfit->example), value);
        describe_row(scan, values, row_number, misfit->key, sizeof(misfit->key));
    }
}

static const char *advice_for(enum convert_fault fault)
{
    switch (fault) {
    case CONVERT_NUL:
        /* SQLite's own replace() takes a NUL for an empty pattern and changes nothing. */
        return "remove the NUL characters in a copy of the SQLite database and dump it: "
               "python3 -c \"import sqlite3; db = sqlite3.connect('COPY.db'); "
               "db.create_function('clean', 1, lambda t: t.replace(chr(0), ' ')); "
               "db.execute('UPDATE TABLE SET COLUMN = clean(COLUMN) "
               "WHERE instr(COLUMN, char(0)) > 0'); db.commit()\"";
    case CONVERT_UTF8:
    case CONVERT_CLASS:
    case CONVERT_RANGE:
    case CONVERT_FRACTION:
    case CONVERT_BOOLEAN:
    case CONVERT_NULL:
    case CONVERT_LENGTH:
    case CONVERT_JSON:
    case CONVERT_UUID:
    case CONVERT_NUMBER:
    case CONVERT_PRECISION:
    case CONVERT_LABEL:
    case CONVERT_FITS:
    case CONVERT_FAULT_COUNT:
        break;
    }
    return "correct these rows in a copy of the SQLite database and dump again";
}

static void report(const struct scan *scan)
{
    for (size_t i = 0; i < scan->table->column_count; i++) {
        const struct type_map *type = &scan->table->columns[i].type;

        for (int fault = CONVERT_FITS + 1; fault < CONVERT_FAULT_COUNT; fault++) {
            const struct misfit *misfit = &scan->misfits[i * CONVERT_FAULT_COUNT + (size_t)fault];

            if (misfit->count == 0)
                continue;
            problems_add(scan->preflight->problems, advice_for((enum convert_fault)fault),
                "table \"%s\", column \"%s\" (%s): %s at %s %s (values like this: %" PRIu64 ")",
                scan->table->name, type->column->name, type->column->type_text, misfit->example,
                misfit->key, convert_fault_text((enum convert_fault)fault), misfit->count);
        }
    }
}

static bool scan_table(
    const struct preflight *preflight, const struct plan_table *table, struct error *err)
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
        look_at_row(&scan, values, rows.row_number);
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
        const struct plan_table *table = &preflight->plan->tables[i];

        if ((table->action != PLAN_LOAD && table->action != PLAN_DERIVE) || table->row_count == 0
            || table->column_count == 0 || !may_fail(preflight, table))
            continue;
        if (!scan_table(preflight, table, err))
            return error_wrap(err, "table \"%s\"", table->name);
    }
    return true;
}
