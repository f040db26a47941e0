#include "replay/load/sequences.h"

#include "base/owned.h"
#include "postgres/connection_path.h"
#include "postgres/quote.h"
#include "replay/values/source_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The furthest value that some source knows: the highest, or of a sequence that goes down the
   lowest. */
struct furthest {
    bool goes_down;
    bool is_known;
    int64_t value;
};

/* A column whose values a sequence gave out. */
struct column_source {
    const struct target_table *table;
    const char *column;
    const char *expression; /* its furthest value, before the column's name */
};

static void advance_to(struct furthest *furthest, int64_t value)
{
    bool is_further = furthest->goes_down ? value < furthest->value : value > furthest->value;

    if (!furthest->is_known || is_further)
        furthest->value = value;
    furthest->is_known = true;
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

/* --- sources --------------------------------------------------------------------- */

static void take_number(const struct connection_rows *rows, struct furthest *furthest)
{
    if (rows->row_count == 1 && connection_rows_text(rows, 0, 0) != NULL)
        advance_to(furthest, connection_rows_integer(rows, 0, 0));
}

static bool query_column(struct connection *connection, const struct column_source *source,
    struct furthest *furthest, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};
    OWNED(connection_rows) struct connection_rows rows = {0};

    quote_plain(&sql, "SELECT ");
    quote_plain(&sql, source->expression);
    quote_plain(&sql, "(");
    quote_name(&sql, source->column);
    quote_plain(&sql, ")::bigint FROM ");
    quote_qualified(&sql, source->table->schema, source->table->name);
    if (!connection_query(connection, quote_text(&sql), NULL, &rows, err))
        return false;
    take_number(&rows, furthest);
    return true;
}

static bool query_floor(
    struct connection *connection, const char *sql, struct furthest *furthest, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};

    if (!connection_path_query(connection, sql, NULL, &rows, err))
        return false;
    take_number(&rows, furthest);
    return true;
}

static bool query_rule(const struct plan_input *input, struct connection *connection,
    const struct profile_sequence *rule, struct furthest *furthest, struct error *err)
{
    for (size_t i = 0; i < rule->max.count; i++) {
        const char *point = strchr(rule->max.items[i], '.');
        char table_name[256];
        struct column_source source = {
            .column = point + 1, .expression = rule->is_negated ? "-min" : "max"};

        snprintf(table_name, sizeof(table_name), "%.*s", (int)(point - rule->max.items[i]),
            rule->max.items[i]);
        source.table = target_catalog_table(input->catalog, table_name);
        if (source.table == NULL || target_catalog_column(source.table, source.column) == NULL)
            continue;
        if (!query_column(connection, &source, furthest, err))
            return false;
    }
    return rule->floor == NULL || query_floor(connection, rule->floor, furthest, err);
}

/* What SQLite's AUTOINCREMENT remembers: it may be above every row that is left. */
static bool read_autoincrement(const struct plan_input *input, const char *table_name,
    struct furthest *furthest, struct error *err)
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
            advance_to(furthest, values[1].integer);
    }
}

/* --- bounds ----------------------------------------------------------------------- */

/*
 * What the dump's facts say of the rows of a column; REALs that are integers are not in them, and
 * rows that may be left out prove nothing.
 */
static void look_at_rows(const struct plan_input *input, const struct plan_table *table,
    const struct target_column *column, struct furthest *furthest)
{
    const struct column_facts *facts = input->reader->ends[table->source].facts;

    for (size_t i = 0; i < table->column_count; i++) {
        const struct column_facts *own = &facts[table->columns[i].source];

        if (table->columns[i].type.column == column && !table->columns[i].type.rejects
            && own->class_count[VALUE_INTEGER] > 0)
            advance_to(furthest, furthest->goes_down ? own->integer_min : own->integer_max);
    }
}

/* Said now, as setval would say it when all rows are loaded. */
static bool check_bounds(const struct plan_input *input, const struct plan *plan,
    const struct target_sequence *sequence, struct problems *problems, struct error *err)
{
    const struct plan_table *table =
        sequence->column == NULL || profile_sequence(input->profile, sequence->name) != NULL
            ? NULL
            : written_table(plan, sequence->table);
    struct furthest furthest = {.goes_down = sequence->increment < 0};

    if (table == NULL)
        return true;
    look_at_rows(input, table, sequence->column, &furthest);
    if (!furthest.goes_down && !read_autoincrement(input, table->name, &furthest, err))
        return false;
    if (furthest.is_known
        && (furthest.goes_down ? furthest.value < sequence->minimum
                               : furthest.value > sequence->maximum))
        problems_add(problems,
            "give it, and its column, a larger range (ALTER TABLE ... ALTER COLUMN ... TYPE "
            "bigint, ALTER SEQUENCE ... MAXVALUE or MINVALUE); if no row has such a number, "
            "sqlite_sequence can be corrected in a copy of the SQLite database",
            "sequence \"%s\" of table \"%s\" ends at %" PRId64 ", but SQLite has come to %" PRId64,
            sequence->name, table->name, furthest.goes_down ? sequence->minimum : sequence->maximum,
            furthest.value);
    return true;
}

bool sequences_check(const struct plan_input *input, const struct plan *plan,
    struct problems *problems, struct error *err)
{
    const struct profile *profile = input->profile;

    for (size_t i = 0; i < input->catalog->sequence_count; i++) {
        const struct target_sequence *sequence = &input->catalog->sequences[i];

        check_sequence(input, plan, sequence, problems);
        if (!check_bounds(input, plan, sequence, problems, err))
            return error_wrap(err, "sequence \"%s\"", sequence->name);
    }
    for (size_t i = 0; i < profile->sequence_count; i++)
        if (!profile->sequences[i].is_optional
            && target_catalog_sequence(input->catalog, profile->sequences[i].name) == NULL)
            problems_add(problems, "prepare the target with the application itself",
                "sequence \"%s\" does not exist in the target", profile->sequences[i].name);
    return true;
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
static bool find_furthest(const struct setter *setter, const struct target_sequence *sequence,
    struct furthest *furthest, struct error *err)
{
    const struct plan_input *input = setter->input;
    const struct profile_sequence *rule = profile_sequence(input->profile, sequence->name);
    struct column_source own = {.table = sequence->table, .expression = "max"};
    const struct plan_table *table;

    if (rule != NULL) {
        if (rule->kind == PROFILE_SEQUENCE_KEEP)
            return true;
        if (rule->kind == PROFILE_SEQUENCE_STREAM)
            advance_to(furthest, 1);
        return query_rule(input, setter->connection, rule, furthest, err);
    }
    table = sequence->column == NULL ? NULL : written_table(setter->plan, sequence->table);
    if (table == NULL)
        return true;
    own.column = sequence->column->name;
    furthest->goes_down = sequence->increment < 0;
    if (furthest->goes_down) { /* nothing in SQLite counts down */
        own.expression = "min";
        return query_column(setter->connection, &own, furthest, err);
    }
    return query_column(setter->connection, &own, furthest, err)
           && read_autoincrement(input, table->name, furthest, err);
}

/* What a running sequence gave out is never given out again. */
static bool is_behind(const struct plan_input *input, const struct target_sequence *sequence,
    const struct furthest *furthest)
{
    int64_t value = furthest->value;

    /* All values are before the first one that it can give out. */
    if (!furthest->is_known
        || (furthest->goes_down ? value > sequence->maximum : value < sequence->minimum))
        return false;
    if (input->reader->header.kind == DUMP_FULL || !sequence->is_readable)
        return true;
    return (furthest->goes_down ? sequence->last_value > value : sequence->last_value < value)
           || (sequence->last_value == value && !sequence->is_called);
}

bool sequences_set(const struct plan_input *input, const struct plan *plan,
    struct connection *connection, size_t *set_count, struct error *err)
{
    struct setter setter = {.input = input, .plan = plan, .connection = connection};

    *set_count = 0;
    for (size_t i = 0; i < input->catalog->sequence_count; i++) {
        const struct target_sequence *sequence = &input->catalog->sequences[i];
        struct furthest furthest = {0};

        if (!find_furthest(&setter, sequence, &furthest, err))
            return error_wrap(err, "sequence \"%s\"", sequence->name);
        if (!is_behind(input, sequence, &furthest))
            continue;
        if (!set_value(connection, sequence, furthest.value, err))
            return error_wrap(err, "sequence \"%s\"", sequence->name);
        (*set_count)++;
    }
    return true;
}
