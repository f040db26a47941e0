#include "replay/load/derive.h"

#include "base/owned.h"
#include "postgres/connection_path.h"
#include "postgres/connection_transaction.h"
#include "postgres/quote.h"
#include "replay/load/plan_progress.h"
#include "watch/progress_task.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STAGING "valise_staging"
#define DERIVED_COST 4 /* of a byte, against one that is only loaded */

void derive_put_statement(struct byte_buffer *out, const char *sql, const char *staging)
{
    static const char mark[] = "%{staging}";
    const char *found;

    while ((found = strstr(sql, mark)) != NULL) {
        byte_buffer_put(out, sql, (size_t)(found - sql));
        quote_plain(out, staging);
        sql = found + strlen(mark);
    }
    quote_plain(out, sql);
}

static bool make_staging(
    const struct plan_table *table, struct connection *connection, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    quote_plain(&sql, "CREATE TEMPORARY TABLE " STAGING " (");
    for (size_t i = 0; i < table->column_count; i++) {
        quote_plain(&sql, i == 0 ? "" : ", ");
        quote_name(&sql, table->columns[i].type.column->name);
        quote_plain(&sql, " ");
        quote_plain(&sql, table->columns[i].type.column->type_text);
    }
    quote_plain(&sql, ") ON COMMIT DROP");
    return connection_exec(connection, quote_text(&sql), err);
}

static bool fill_staging(const struct derivation *derivation, const struct plan_table *table,
    struct connection *connection, struct progress_task *task, struct error *err)
{
    const struct dump_reader *reader = derivation->loader->reader;
    struct loader_copy copy = {
        .reader = reader,
        .connection = connection,
        .source = table->source,
        .first_block = reader->first_block[table->source],
        .block_count = reader->block_count[table->source],
        .columns = table->columns,
        .column_count = table->column_count,
        .target = "pg_temp." STAGING,
        .rejects = &table->rejects,
        .task = task,
    };

    if (!loader_copy(&copy, err) || !loader_keep_rejects(derivation->loader, table, &copy, err)
        || !connection_exec(connection, "ANALYZE pg_temp." STAGING, err))
        return false;
    return true;
}

static bool report_losses(struct derivation *derivation, const struct plan_table *table,
    struct connection *connection, struct error *err)
{
    for (size_t i = 0; i < table->rule->loss_count; i++) {
        const struct profile_count *loss = &table->rule->losses[i];
        OWNED(byte_buffer) struct byte_buffer sql = {0};
        OWNED(connection_rows) struct connection_rows rows = {0};

        derive_put_statement(&sql, loss->sql, "pg_temp." STAGING);
        if (!connection_path_query(connection, quote_text(&sql), NULL, &rows, err))
            return error_wrap(err, "profile, \"%s\"", loss->name);
        if (rows.row_count == 0 || connection_rows_integer(&rows, 0, 0) == 0)
            continue;
        pthread_mutex_lock(&derivation->lock);
        problems_note(derivation->problems, NULL, "table \"%s\": left out %s %s", table->name,
            connection_rows_text(&rows, 0, 0), loss->name);
        pthread_mutex_unlock(&derivation->lock);
    }
    return true;
}

static bool insert_rows(const struct plan_table *table, struct connection *connection,
    uint64_t *row_count, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    derive_put_statement(&sql, table->rule->insert, "pg_temp." STAGING);
    return connection_path_exec_count(connection, quote_text(&sql), row_count, err);
}

static bool derive_table(struct derivation *derivation, const struct plan_table *table,
    struct connection *connection, struct error *err)
{
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    struct ledger_part part = {.table = table->name};
    OWNED(progress_task) struct progress_task task = {0};

    progress_task_begin(&task, derivation->loader->progress, PROGRESS_DERIVE,
        plan_progress_number(derivation->loader->plan, table));
    return connection_transaction_begin(&transaction, connection, NULL, err)
           && make_staging(table, connection, err)
           && fill_staging(derivation, table, connection, &task, err)
           && insert_rows(table, connection, &part.row_count, err)
           && report_losses(derivation, table, connection, err)
           && ledger_add_parts(derivation->loader->ledger, connection, &part, 1, err)
           && connection_transaction_commit(&transaction, err);
}

static bool derive_task(
    void *context, size_t item, struct connection *connection, struct error *err)
{
    struct derivation *derivation = context;
    const struct plan_table *table = &derivation->loader->plan->tables[item];

    return derive_table(derivation, table, connection, err)
           || error_wrap(err, "table \"%s\"", table->name);
}

void derivation_release(struct derivation *derivation)
{
    pthread_mutex_destroy(&derivation->lock);
}

/* Their statements read other tables, so all rows must be there. */
void derive_plan(
    struct derivation *derivation, const struct loader *loader, struct problems *problems)
{
    struct stages *stages = loader->stages;

    *derivation = (struct derivation){.loader = loader, .problems = problems};
    pthread_mutex_init(&derivation->lock, NULL);
    for (size_t i = 0; i < loader->plan->table_count; i++) {
        const struct plan_table *table = &loader->plan->tables[i];
        size_t number;

        if (table->action != PLAN_DERIVE)
            continue;
        if (ledger_find_part(loader->ledger, table->name, 0) != NULL) {
            progress_skip(loader->progress, PROGRESS_DERIVE, (uint32_t)i,
                &(struct progress_count){.rows = table->row_count, .bytes = table->size});
            continue;
        }
        number = schedule_add(&stages->schedule, &(struct schedule_task){.phase = PROGRESS_DERIVE,
                                                     .cost = table->size * DERIVED_COST,
                                                     .run = derive_task,
                                                     .context = derivation,
                                                     .item = i});
        schedule_order(&stages->schedule, stages->copied, number);
        schedule_order(&stages->schedule, number, stages_of(stages, table)->loaded);
    }
}
