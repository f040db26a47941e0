#include "replay/load/sequences.h"

#include "base/owned.h"
#include "postgres/quote.h"
#include "replay/values/source_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The highest value that some source knows. */
struct highest {
    bool is_known;
    int64_t value;
};

/* A column whose values a sequence gave out. */
struct column_source {
    const struct target_table *table;
    const char *column;
    bool is_negated; /* they go down from 0 */
};

static void raise_to(struct highest *highest, int64_t value)
{
    if (!highest->is_known || value > highest->value)
        highest->value = value;
    highest->is_known = true;
}

/* The plan's entry whose rows a sequence's own column holds, if the replay writes it. */
static const struct plan_table *written_table(
    const struct plan *plan, const struct target_table *target)
{
    for (size_t i = 0; i < plan->table_count; i++)
        if (plan->tables[i].target == target
            && (plan->tables[i].action == PLAN_LOAD || plan->tables[i].action == PLAN_SAME))
            return &plan->tables[i];
    return NULL;
}

static void check_sequence(const struct plan_input *input, const struct plan *plan,
    const struct target_sequence *sequence, struct problems *problems)
{
    const struct profile *profile = input->profile;
    const struct profile_sequence *rule = profile_sequence(profile, sequence->name);
    bool is_set = sequence->column != NULL && written_table(plan, sequence->table) != NULL;

    if (rule != NULL)
        is_set = rule->kind != PROFILE_SEQUENCE_KEEP;
    if (is_set && !sequence->may_update)
        problems_add(problems, "connect as the owner of the database's tables",
            "sequence \"%s\" must be set, but the user \"%s\" may not (setval)", sequence->name,
            input->catalog->server.user);
    if (rule != NULL || sequence->column != NULL)
        return;
    if (profile->name != NULL)
        problems_add(problems, profile->sequence_hint,
            "sequence \"%s\" of the target is not in the profile \"%s\"", sequence->name,
            profile->name);
    else
        problems_note(problems, "set it yourself if the application uses it (setval)",
            "sequence \"%s\" belongs to no column and is left as it is", sequence->name);
}

void sequences_check(
    const struct plan_input *input, const struct plan *plan, struct problems *problems)
{
    const struct profile *profile = input->profile;

    for (size_t i = 0; i < input->catalog->sequence_count; i++)
        check_sequence(input, plan, &input->catalog->sequences[i], problems);
    for (size_t i = 0; i < profile->sequence_count; i++)
        if (!profile->sequences[i].is_optional
            && target_catalog_sequence(input->catalog, profile->sequences[i].name) == NULL)
            problems_add(problems, "prepare the target with the application itself",
                "sequence \"%s\" does not exist in the target", profile->sequences[i].name);
}

/* --- sources --------------------------------------------------------------------- */

static bool query_number(
    struct connection *connection, const char *sql, struct highest *highest, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_query(connection, sql, NULL, &rows, err))
        return false;
    if (rows.row_count == 1 && connection_rows_text(&rows, 0, 0) != NULL)
        raise_to(highest, connection_rows_integer(&rows, 0, 0));
    return true;
}

/* The largest value of a column, or the smallest negated. */
static bool query_column(struct connection *connection, const struct column_source *source,
    struct highest *highest, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, source->is_negated ? "SELECT -min(" : "SELECT max(");
    quote_name(&sql, source->column);
    quote_plain(&sql, ")::bigint FROM ");
    quote_qualified(&sql, source->table->schema, source->table->name);
    return query_number(connection, quote_text(&sql), highest, err);
}

static bool query_rule(const struct plan_input *input, struct connection *connection,
    const struct profile_sequence *rule, struct highest *highest, struct error *err)
{
    for (size_t i = 0; i < rule->max.count; i++) {
        const char *point = strchr(rule->max.items[i], '.');
        char table_name[256];
        struct column_source source = {.column = point + 1, .is_negated = rule->is_negated};

        snprintf(table_name, sizeof(table_name), "%.*s", (int)(point - rule->max.items[i]),
            rule->max.items[i]);
        source.table = target_catalog_table(input->catalog, table_name);
        if (source.table == NULL || target_catalog_column(source.table, source.column) == NULL)
            continue;
        if (!query_column(connection, &source, highest, err))
            return false;
    }
    return rule->floor == NULL || query_number(connection, rule->floor, highest, err);
}

/* What SQLite's AUTOINCREMENT remembers: it may be above every row that is left. */
static bool read_autoincrement(const struct plan_input *input, const char *table_name,
    struct highest *highest, struct error *err)
{
    OWNED(source_rows) struct source_rows rows = {0};
    uint32_t ordinal = source_rows_table(input->reader, "sqlite_sequence");
    const struct value *values;

    if (ordinal == UINT32_MAX || input->reader->schema.tables[ordinal].column_count != 2)
        return true;
    source_rows_begin(&rows, input->reader, ordinal);
    for (;;) {
        if (!source_rows_next(&rows, &values, err))
            return false;
        if (values == NULL)
            return true;
        if (values[0].class == VALUE_TEXT && values[1].class == VALUE_INTEGER
            && values[0].size == strlen(table_name)
            && memcmp(values[0].bytes, table_name, values[0].size) == 0)
            raise_to(highest, values[1].integer);
    }
}

/* --- setting ------------------------------------------------------------------------ */

static bool set_value(struct connection *connection, const struct target_sequence *sequence,
    int64_t value, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer name = {0};
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    char number[40];

    quote_qualified(&name, sequence->schema, sequence->name);
    quote_plain(&sql, "SELECT pg_catalog.setval(");
    quote_literal(&sql, quote_text(&name));
    snprintf(number, sizeof(number), ", %" PRId64 ", true)", value);
    quote_plain(&sql, number);
    return connection_exec(connection, quote_text(&sql), err);
}

/* Setting all sequences of a target. */
struct setter {
    const struct plan_input *input;
    const struct plan *plan;
    struct connection *connection;
};

/* Where a sequence must stand; not known: it stays. */
static bool find_highest(const struct setter *setter, const struct target_sequence *sequence,
    struct highest *highest, struct error *err)
{
    const struct plan_input *input = setter->input;
    const struct profile_sequence *rule = profile_sequence(input->profile, sequence->name);
    struct column_source own = {.table = sequence->table};
    const struct plan_table *table;

    if (rule != NULL) {
        if (rule->kind == PROFILE_SEQUENCE_KEEP)
            return true;
        if (rule->kind == PROFILE_SEQUENCE_STREAM)
            raise_to(highest, 1);
        return query_rule(input, setter->connection, rule, highest, err);
    }
    table = sequence->column == NULL ? NULL : written_table(setter->plan, sequence->table);
    if (table == NULL)
        return true;
    own.column = sequence->column->name;
    return query_column(setter->connection, &own, highest, err)
           && read_autoincrement(input, table->name, highest, err);
}

/* What a running sequence gave out is never given out again. */
static bool is_behind(const struct plan_input *input, const struct target_sequence *sequence,
    const struct highest *highest)
{
    if (!highest->is_known || highest->value < sequence->minimum)
        return false;
    if (input->reader->header.kind == DUMP_FULL || !sequence->is_readable)
        return true;
    return sequence->last_value < highest->value
           || (sequence->last_value == highest->value && !sequence->is_called);
}

bool sequences_set(const struct plan_input *input, const struct plan *plan,
    struct connection *connection, size_t *set_count, struct error *err)
{
    struct setter setter = {.input = input, .plan = plan, .connection = connection};

    *set_count = 0;
    for (size_t i = 0; i < input->catalog->sequence_count; i++) {
        const struct target_sequence *sequence = &input->catalog->sequences[i];
        struct highest highest = {0};

        if (!find_highest(&setter, sequence, &highest, err))
            return error_wrap(err, "sequence \"%s\"", sequence->name);
        if (!is_behind(input, sequence, &highest))
            continue;
        if (!set_value(connection, sequence, highest.value, err))
            return error_wrap(err, "sequence \"%s\"", sequence->name);
        (*set_count)++;
    }
    return true;
}
