#include "base/owned.h"
#include "postgres/connection_transaction.h"
#include "replay/target/ddl.h"
#include "tests/unit/nasty_schema.h"
#include "tests/unit/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATABASE "test_ddl"

/*
 * All of the catalog that a lost or changed index, constraint or trigger would
 * show in, without object ids; independent of target_catalog.c.
 */
static const char fingerprint_sql[] =
    "SELECT line FROM ("
    " SELECT concat_ws(' | ', 'index', pg_get_indexdef(i.indexrelid), i.indisunique,"
    "  i.indisprimary, i.indisexclusion, i.indimmediate, i.indisclustered, i.indisvalid,"
    "  i.indisreplident, x.reloptions::text, s.spcname, x.relpersistence,"
    "  obj_description(x.oid, 'pg_class'), (SELECT string_agg(coalesce(a.attstattarget, -1)::text,"
    "  ',' ORDER BY attnum) FROM pg_attribute a WHERE a.attrelid = x.oid)) AS line"
    " FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid"
    " LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace"
    " UNION ALL SELECT concat_ws(' | ', 'constraint', k.conrelid::regclass, k.conname,"
    "  pg_get_constraintdef(k.oid), k.convalidated, k.condeferrable, k.condeferred, k.coninhcount,"
    "  k.conislocal, k.connoinherit, k.conindid::regclass, obj_description(k.oid, 'pg_constraint'))"
    " FROM pg_constraint k"
    " UNION ALL SELECT concat_ws(' | ', 'trigger', pg_get_triggerdef(t.oid), t.tgenabled)"
    " FROM pg_trigger t WHERE NOT t.tgisinternal"
    " UNION ALL SELECT concat_ws(' | ', 'internal', t.tgrelid::regclass, t.tgfoid::regproc,"
    "  t.tgtype, t.tgenabled, t.tgdeferrable, t.tginitdeferred) FROM pg_trigger t WHERE t.tgisinternal"
    " UNION ALL SELECT concat_ws(' | ', 'table', c.oid::regclass, c.relreplident, c.relkind,"
    "  c.relpersistence, c.relhasindex) FROM pg_class c WHERE c.relkind IN ('r', 'p')"
    " UNION ALL SELECT concat_ws(' | ', 'column', a.attrelid::regclass, a.attname, a.attnotnull)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')"
    ") AS all_lines ORDER BY line COLLATE \"C\"";

/* A text of the whole catalog; free it. */
static char *fingerprint(struct connection *connection)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct byte_buffer text = {0};
    struct error err;

    if (!connection_query(connection, fingerprint_sql, NULL, &rows, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < rows.row_count; i++) {
        const char *line = connection_rows_text(&rows, i, 0);

        byte_buffer_put(&text, line, strlen(line));
        byte_buffer_put_u8(&text, '\n');
    }
    byte_buffer_put_u8(&text, 0);
    return (char *)text.data;
}

/* What pg_dump --schema-only prints, if it understands this server; free it. */
static char *dumped(const char *database)
{
    struct byte_buffer text = {0};
    char command[256];
    char line[4096];
    FILE *output;

    snprintf(command, sizeof(command), "pg_dump --schema-only --dbname=%s 2>/dev/null", database);
    output = popen(command, "r"); /* NOLINT(cert-env33-c): the name is ours */
    assert_non_null(output);
    while (fgets(line, sizeof(line), output) != NULL) {
        /* The two lines that differ at every run. */
        if (strncmp(line, "\\restrict", 9) != 0 && strncmp(line, "\\unrestrict", 11) != 0)
            byte_buffer_put(&text, line, strlen(line));
    }
    if (pclose(output) != 0) {
        printf("pg_dump does not work with this server, its output is not compared\n");
        text.size = 0;
    }
    byte_buffer_put_u8(&text, 0);
    return (char *)text.data;
}

static void assert_same(const char *before, const char *after)
{
    size_t same = 0;

    while (before[same] != '\0' && before[same] == after[same])
        same++;
    if (before[same] == after[same])
        return;
    while (same > 0 && before[same - 1] != '\n')
        same--;
    fail_msg("was\n%.600s\nis\n%.600s", before + same, after + same);
}

static void restore_all(const struct ddl_plan *plan, struct connection *connection)
{
    struct error err;

    for (int phase = 0; phase < DDL_PHASE_COUNT; phase++) {
        for (size_t i = 0; i < plan->object_count; i++) {
            if ((int)plan->objects[i].phase == phase
                && !ddl_restore(&plan->objects[i], connection, &err))
                fail_msg("%s: %s", err.text, plan->objects[i].restore);
        }
    }
}

static void plan_for_all(struct ddl_plan *plan, const struct target_catalog *catalog)
{
    struct ddl_request *requests = calloc(catalog->table_count + 1, sizeof(*requests));

    for (size_t i = 0; i < catalog->table_count; i++)
        requests[i] = (struct ddl_request){
            .table = &catalog->tables[i], .indexes = true, .foreign_keys = true, .triggers = true};
    ddl_plan_make(plan, catalog, requests, catalog->table_count);
    free(requests);
}

static int64_t count_of(struct connection *connection, const char *sql)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    struct error err;

    if (!connection_query(connection, sql, NULL, &rows, &err))
        fail_msg("%s: %s", sql, err.text);
    return connection_rows_integer(&rows, 0, 0);
}

/* Takes everything down and restores it; the catalog must read as before. */
static void round_trip(struct connection *connection, const char *database)
{
    OWNED(target_catalog) struct target_catalog catalog = {0};
    OWNED(connection_transaction) struct connection_transaction transaction = {0};
    OWNED(ddl_plan) struct ddl_plan plan = {0};
    char *before = fingerprint(connection);
    char *dump_before = dumped(database);
    char *after;
    char *dump_after;
    struct error err;

    if (!target_catalog_read(&catalog, connection, NULL, &err))
        fail_msg("%s", err.text);
    plan_for_all(&plan, &catalog);
    assert_true(plan.object_count > 10);
    assert_true(connection_transaction_begin(&transaction, connection, NULL, &err));
    if (!ddl_take_down(&plan, connection, &err))
        fail_msg("%s", err.text);
    assert_true(connection_transaction_commit(&transaction, &err));
    for (size_t i = 0; i < plan.object_count; i++)
        assert_int_equal(count_of(connection, plan.objects[i].exists), 0);
    restore_all(&plan, connection);
    after = fingerprint(connection);
    assert_same(before, after);
    dump_after = dumped(database);
    assert_same(dump_before, dump_after);
    /* Restoring what is there does nothing. */
    restore_all(&plan, connection);
    free(after);
    after = fingerprint(connection);
    assert_same(before, after);
    free(before);
    free(after);
    free(dump_before);
    free(dump_after);
}

static void a_nasty_schema_comes_back(void **state)
{
    OWNED(connection) struct connection connection = {0};

    (void)state;
    server_create_database(DATABASE);
    server_open(&connection, DATABASE);
    nasty_schema_create(&connection);
    round_trip(&connection, DATABASE);
    server_exec(&connection, "DROP SCHEMA public CASCADE");
    if (connection.version_num >= 150000)
        server_exec(&connection, "DROP TABLESPACE nasty");
}

/* A schema that a test prepared elsewhere, such as Synapse's. */
static void a_given_database_comes_back(void **state)
{
    const char *database = getenv("VALISE_TEST_DDL_DATABASE");
    OWNED(connection) struct connection connection = {0};

    (void)state;
    if (database == NULL)
        skip();
    server_open(&connection, database);
    round_trip(&connection, database);
}

static bool is_kept(const struct ddl_plan *plan, const char *name, const char *words)
{
    for (size_t i = 0; i < plan->kept_count; i++) {
        if (strcmp(plan->kept[i].name, name) == 0 && strstr(plan->kept[i].reason, words) != NULL)
            return true;
    }
    return false;
}

static void what_cannot_come_back_stays(void **state)
{
    OWNED(connection) struct connection connection = {0};
    OWNED(target_catalog) struct target_catalog catalog = {0};
    OWNED(ddl_plan) struct ddl_plan plan = {0};
    struct error err;

    (void)state;
    server_create_database(DATABASE);
    server_open(&connection, DATABASE);
    nasty_schema_create(&connection);
    assert_true(target_catalog_read(&catalog, &connection, NULL, &err));
    plan_for_all(&plan, &catalog);
    assert_true(is_kept(&plan, "viewed_pkey", "such as a view"));
    assert_true(is_kept(&plan, "viewed_z_key", "another schema"));
    if (connection.version_num >= 100000)
        assert_true(is_kept(&plan, "parted_1_q", "partition"));
    server_exec(&connection, "DROP SCHEMA public CASCADE");
    if (connection.version_num >= 150000)
        server_exec(&connection, "DROP TABLESPACE nasty");
}

static void an_index_takes_its_foreign_keys_along(void **state)
{
    OWNED(connection) struct connection connection = {0};
    OWNED(target_catalog) struct target_catalog catalog = {0};
    OWNED(ddl_plan) struct ddl_plan plan = {0};
    struct ddl_request request = {.indexes = true};
    struct error err;

    (void)state;
    server_create_database(DATABASE);
    server_open(&connection, DATABASE);
    server_exec(&connection, "CREATE TABLE a (x int PRIMARY KEY);"
                             "CREATE TABLE b (x int REFERENCES a, y int PRIMARY KEY)");
    assert_true(target_catalog_read(&catalog, &connection, NULL, &err));
    request.table = target_catalog_table(&catalog, "a");
    ddl_plan_make(&plan, &catalog, &request, 1);
    assert_int_equal(plan.object_count, 3);
    assert_string_equal(plan.objects[0].kind, "foreign key");
    assert_string_equal(plan.objects[0].table, "b");
    assert_string_equal(plan.objects[0].restore,
        "ALTER TABLE ONLY \"public\".\"b\" ADD CONSTRAINT \"b_x_fkey\""
        " FOREIGN KEY (x) REFERENCES public.a(x)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nasty_schema_comes_back),
        cmocka_unit_test(a_given_database_comes_back),
        cmocka_unit_test(what_cannot_come_back_stays),
        cmocka_unit_test(an_index_takes_its_foreign_keys_along),
    };

    return server_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : SERVER_SKIPPED;
}
