#include "base/owned.h"
#include "replay/target/target_catalog.h"
#include "tests/unit/nasty_schema.h"
#include "tests/unit/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define DATABASE "test_target_catalog"

struct fixture {
    struct connection connection;
    struct target_catalog catalog;
};

static int prepare(void **state)
{
    static struct fixture fixture;
    struct error err;

    server_create_database(DATABASE);
    server_open(&fixture.connection, DATABASE);
    nasty_schema_create(&fixture.connection);
    if (!target_catalog_read(&fixture.catalog, &fixture.connection, NULL, &err))
        fail_msg("%s", err.text);
    *state = &fixture;
    return 0;
}

static int clean(void **state)
{
    struct fixture *f = *state;

    target_catalog_release(&f->catalog);
    server_exec(&f->connection, "DROP SCHEMA public CASCADE");
    if (f->connection.version_num >= 150000)
        server_exec(&f->connection, "DROP TABLESPACE nasty");
    connection_release(&f->connection);
    return 0;
}

static const struct target_table *table_of(struct fixture *f, const char *name)
{
    const struct target_table *table = target_catalog_table(&f->catalog, name);

    if (table == NULL)
        fail_msg("no table \"%s\"", name);
    return table;
}

static const struct target_index *index_of(const struct target_table *table, const char *name)
{
    for (size_t i = 0; i < table->index_count; i++) {
        if (strcmp(table->indexes[i].name, name) == 0)
            return &table->indexes[i];
    }
    fail_msg("no index \"%s\"", name);
    return NULL;
}

static const struct target_constraint *constraint_of(
    const struct target_table *table, const char *name)
{
    for (size_t i = 0; i < table->constraint_count; i++) {
        if (strcmp(table->constraints[i].name, name) == 0)
            return &table->constraints[i];
    }
    fail_msg("no constraint \"%s\"", name);
    return NULL;
}

static void the_server_is_described(void **state)
{
    struct fixture *f = *state;
    const struct target_server *server = &f->catalog.server;
    OWNED(connection) struct connection other = {0};
    OWNED(target_catalog) struct target_catalog again = {0};
    struct error err;

    assert_int_equal(server->version_num, f->connection.version_num);
    assert_string_equal(server->database, DATABASE);
    assert_string_equal(server->user, "postgres");
    assert_string_equal(server->schema, "public");
    assert_string_equal(server->encoding, "UTF8");
    assert_string_equal(server->collate, "C");
    assert_string_equal(server->ctype, "C");
    assert_string_equal(server->locale_provider, "libc");
    assert_true(server->is_superuser && server->may_create && server->may_create_in_schema);
    assert_false(server->is_in_recovery || server->is_read_only || server->valise_exists);
    assert_false(server->is_replica || server->makes_replicas);
    assert_in_range(server->connection_count_max, 10, 100);
    assert_int_equal(server->session_count, 0);
    server_open(&other, DATABASE);
    assert_true(target_catalog_read(&again, &f->connection, "other", &err));
    assert_string_equal(again.server.schema, "other");
    assert_int_equal(again.table_count, 1);
    assert_int_equal(again.server.session_count, 1);
    assert_int_equal(again.server.sessions[0].pid, connection_backend_pid(&other));
    assert_string_equal(again.server.sessions[0].application, "valise-replay");
}

static void a_missing_schema_is_refused(void **state)
{
    struct fixture *f = *state;
    OWNED(target_catalog) struct target_catalog catalog = {0};
    struct error err;

    assert_false(target_catalog_read(&catalog, &f->connection, "nowhere", &err));
    assert_int_equal(err.kind, ERROR_REFUSED);
    assert_non_null(strstr(err.text, "there is no schema \"nowhere\""));
}

static void names_are_found(void **state)
{
    struct fixture *f = *state;
    const struct target_table *table = table_of(f, "ODD \"NAME");

    assert_ptr_equal(table, table_of(f, "Odd \"name"));
    assert_null(target_catalog_table(&f->catalog, "grouped"));
    assert_null(target_catalog_table(&f->catalog, "outside"));
    assert_string_equal(target_catalog_column(table, "Id")->name, "Id");
    assert_string_equal(target_catalog_column(table, "id")->name, "id");
    assert_null(target_catalog_column(table, "ID")); /* two are equal but for case */
    assert_string_equal(target_catalog_sequence(&f->catalog, "PLAIN")->name, "plain");
}

static void columns_know_their_types(void **state)
{
    struct fixture *f = *state;
    const struct target_table *table = table_of(f, "Odd \"name");
    const struct target_column *column = target_catalog_column(table, "s");

    assert_true(column->is_domain && column->is_not_null);
    assert_string_equal(column->type_text, "public.shorter");
    assert_string_equal(column->base_type_name, "varchar");
    assert_int_equal(column->type_modifier, 5 + 4);
    column = target_catalog_column(table, "m");
    assert_int_equal(column->base_type_kind, 'e');
    assert_int_equal(column->enum_label_count, 3);
    assert_string_equal(column->enum_labels[2], "happy");
    column = target_catalog_column(table, "a");
    assert_int_equal(column->element_type_oid, 25);
    column = target_catalog_column(table, "n");
    assert_string_equal(column->type_text, "numeric(10,2)");
    assert_string_equal(column->default_text, "1.5");
    column = target_catalog_column(table, "select");
    assert_string_equal(column->collation, "C");
    assert_string_equal(column->collation_schema, "pg_catalog");
    assert_int_equal(column->base_type_oid, 25);
    assert_false(column->is_not_null || column->is_domain || column->has_default);
    table = table_of(f, "dropped");
    assert_int_equal(table->column_count, 2);
    assert_int_equal(table->columns[1].number, 3);
    if (f->connection.version_num >= 100000) {
        table = table_of(f, "identified");
        assert_int_equal(target_catalog_column(table, "x")->identity, 'a');
        assert_int_equal(target_catalog_column(table, "y")->identity, 'd');
    }
    if (f->connection.version_num >= 120000) {
        column = target_catalog_column(table_of(f, "generated"), "y");
        assert_int_equal(column->generated, 's');
        assert_false(column->has_default);
    }
}

static void tables_know_their_state(void **state)
{
    struct fixture *f = *state;

    assert_true(table_of(f, "round_a")->has_rows);
    assert_false(table_of(f, "round_b")->has_rows);
    assert_true(table_of(f, "viewed")->has_children);
    assert_false(table_of(f, "viewed")->has_rows); /* its child has */
    assert_int_equal(table_of(f, "booking")->persistence, 'u');
    assert_int_equal(table_of(f, "parent")->replica_identity, 'i');
    assert_true(table_of(f, "parent")->is_ours && table_of(f, "parent")->may_insert);
    assert_int_equal(table_of(f, "child")->trigger_count, 5);
    assert_string_equal(table_of(f, "child")->triggers[0].name, "by_a");
    assert_int_equal(table_of(f, "child")->triggers[0].enabled, 'A');
    assert_int_equal(f->catalog.foreign_reference_count, 1);
    assert_ptr_equal(f->catalog.foreign_references[0].referenced_table, table_of(f, "viewed"));
    if (f->connection.version_num >= 100000) {
        assert_int_equal(table_of(f, "parted")->kind, 'p');
        assert_true(table_of(f, "parted_1")->is_partition);
    }
    for (size_t i = 1; i < f->catalog.table_count; i++)
        assert_true(strcmp(f->catalog.tables[i - 1].name, f->catalog.tables[i].name) < 0);
}

static void keys_are_described(void **state)
{
    struct fixture *f = *state;
    const struct target_table *parent = table_of(f, "parent");
    const struct target_index *index = index_of(parent, "parent_pk");
    const struct target_constraint *key = constraint_of(table_of(f, "child"), "child_fk");

    assert_true(index->is_unique && index->is_primary && index->is_replica_identity);
    assert_int_equal(index->key_count, 2);
    assert_string_equal(index->keys[1]->name, "b");
    assert_string_equal(index->constraint->name, "parent_pk");
    assert_string_equal(index->constraint->comment, "the key");
    assert_string_equal(index->comment, "the key's index");
    assert_false(index_of(parent, "parent_later")->is_immediate);
    assert_true(index_of(parent, "parent_c_key")->is_clustered);
    assert_ptr_equal(key->referenced_table, parent);
    assert_string_equal(key->referenced_columns[0]->name, "a");
    assert_int_equal(key->referenced_index_oid, index->oid);
    assert_int_equal(key->on_delete, 'c');
    assert_int_equal(key->on_update, 'n');
    assert_true(key->is_deferrable && key->is_deferred && key->is_validated && key->is_enforced);
    key = constraint_of(table_of(f, "child"), "child_c2");
    assert_false(key->is_validated);
    index = index_of(table_of(f, "Odd \"name"), "Odd index");
    assert_true(index->is_partial && index->is_unique && index->has_options);
    assert_null(index->constraint);
    index = index_of(table_of(f, "Odd \"name"), "by_expression");
    assert_true(index->has_expressions);
    assert_null(index->keys[0]);
    assert_string_equal(index->keys[2]->name, "n");
    assert_true(index_of(table_of(f, "viewed"), "viewed_pkey")->dependent_count > 0);
    assert_true(index_of(table_of(f, "booking"), "no_overlap")->is_exclusion);
    if (f->connection.version_num >= 110000) {
        assert_int_equal(index_of(parent, "covering")->key_count, 1);
        assert_int_equal(index_of(parent, "covering")->column_count, 3);
        assert_int_equal(index->statistics_targets[1], 500);
    }
    if (f->connection.version_num >= 150000) {
        assert_string_equal(index_of(parent, "elsewhere")->tablespace, "nasty");
        assert_true(index_of(table_of(f, "round_a"), "nulls_same")->nulls_not_distinct);
    }
    if (f->connection.version_num >= 180000)
        assert_false(constraint_of(table_of(f, "child"), "child_off")->is_enforced);
}

static void sequences_know_where_they_stand(void **state)
{
    struct fixture *f = *state;
    const struct target_sequence *plain = target_catalog_sequence(&f->catalog, "plain");
    const struct target_column *column = target_catalog_column(table_of(f, "Odd \"name"), "Id");
    const struct target_sequence *owned = target_catalog_sequence_of(&f->catalog, column);

    assert_int_equal(plain->owner_kind, TARGET_SEQUENCE_PLAIN);
    assert_int_equal(plain->last_value, 5);
    assert_int_equal(plain->increment, -2);
    assert_int_equal(plain->minimum, -77);
    assert_int_equal(plain->maximum, 77);
    assert_int_equal(plain->start, 5);
    assert_true(plain->is_called && plain->cycles && plain->may_update && plain->is_readable);
    assert_int_equal(owned->owner_kind, TARGET_SEQUENCE_OWNED);
    assert_int_equal(owned->last_value, 1);
    assert_false(owned->is_called);
    if (f->connection.version_num >= 100000) {
        column = target_catalog_column(table_of(f, "identified"), "x");
        owned = target_catalog_sequence_of(&f->catalog, column);
        assert_int_equal(owned->owner_kind, TARGET_SEQUENCE_IDENTITY);
        assert_int_equal(owned->start, 9);
    }
}

static void a_stranger_sees_his_rights(void **state)
{
    struct fixture *f = *state;
    OWNED(connection) struct connection connection = {0};
    OWNED(target_catalog) struct target_catalog catalog = {0};
    struct error err;
    const struct target_table *table;

    server_exec(&f->connection, "DROP ROLE IF EXISTS stranger; CREATE ROLE stranger;"
                                "GRANT USAGE ON SCHEMA public TO stranger;"
                                "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
                                "GRANT SELECT ON round_a TO stranger;"
                                "ALTER TABLE round_a ENABLE ROW LEVEL SECURITY");
    server_open(&connection, DATABASE);
    server_exec(&connection, "SET SESSION AUTHORIZATION stranger");
    if (!target_catalog_read(&catalog, &connection, "public", &err))
        fail_msg("%s", err.text);
    assert_string_equal(catalog.server.user, "stranger");
    assert_false(catalog.server.is_superuser || catalog.server.may_create);
    assert_false(catalog.server.may_create_in_schema);
    table = target_catalog_table(&catalog, "round_a");
    assert_true(table->may_select && table->has_row_security && table->has_rows);
    assert_false(table->is_ours || table->may_insert);
    assert_false(target_catalog_table(&catalog, "round_b")->may_select);
    assert_false(target_catalog_sequence(&catalog, "plain")->may_update);
    assert_false(target_catalog_sequence(&catalog, "plain")->is_readable);
    server_exec(&f->connection, "REVOKE ALL ON round_a FROM stranger;"
                                "REVOKE ALL ON SCHEMA public FROM stranger; DROP ROLE stranger");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_is_described),
        cmocka_unit_test(a_missing_schema_is_refused),
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(columns_know_their_types),
        cmocka_unit_test(tables_know_their_state),
        cmocka_unit_test(keys_are_described),
        cmocka_unit_test(sequences_know_where_they_stand),
        cmocka_unit_test(a_stranger_sees_his_rights),
    };

    return server_is_there() ? cmocka_run_group_tests(tests, prepare, clean) : SERVER_SKIPPED;
}
