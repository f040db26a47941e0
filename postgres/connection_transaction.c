#include "postgres/connection_transaction.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "postgres/connection_wait.h"

#include <string.h>

bool connection_transaction_begin(struct connection_transaction *transaction,
    struct connection *connection, const char *options, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer sql = {0};

    transaction->connection = NULL;
    byte_buffer_put(&sql, "BEGIN ", 6);
    if (options != NULL)
        byte_buffer_put_text(&sql, options);
    byte_buffer_put_u8(&sql, 0);
    if (!connection_exec(connection, (const char *)sql.data, err))
        return false;
    transaction->connection = connection;
    return true;
}

bool connection_transaction_commit(struct connection_transaction *transaction, struct error *err)
{
    struct connection *connection = transaction->connection;
    PGresult *last = NULL;
    bool ignores_stop;
    bool done;

    if (!connection_wait_start(connection, err))
        return false;
    transaction->connection = NULL;
    if (PQsendQuery(connection->handle, "COMMIT") == 0)
        return connection_wait_failed(connection, NULL, err);
    /* Once COMMIT is sent its outcome is wanted, also when stopping. */
    ignores_stop = connection->ignores_stop;
    connection->ignores_stop = true;
    done = connection_wait_end(connection, &last, err);
    connection->ignores_stop = ignores_stop;
    if (!done && connection_is_lost(connection))
        error_wrap(err, "whether the last transaction was committed is unknown");
    if (done && strcmp(PQcmdStatus(last), "COMMIT") != 0)
        done = error_set(err, ERROR_DATABASE,
            "PostgreSQL rolled the transaction back, a statement in it had failed");
    PQclear(last);
    return done;
}

void connection_transaction_release(struct connection_transaction *transaction)
{
    struct connection *connection = transaction->connection;

    transaction->connection = NULL;
    /* A session that was lost has rolled back by itself. */
    if (connection == NULL || connection->handle == NULL || connection_is_lost(connection))
        return;
    if (PQsendQuery(connection->handle, "ROLLBACK") != 0)
        connection_wait_drain(connection);
}
