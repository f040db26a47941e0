#include "tests/fuzz/hostile_target.h"

#include <string.h>

#define MODIFIER(length) ((length) + 4)
#define NUMERIC(precision, scale) (((precision) << 16 | ((scale)&0x7ff)) + 4)

static const char *const labels[] = {"", "a", "h\xc3\xbc", "'); DROP"};

static const struct target_column types[] = {
    {.base_type_oid = 16, .type_text = "boolean", .type_modifier = -1},
    {.base_type_oid = 17, .type_text = "bytea", .type_modifier = -1},
    {.base_type_oid = 19, .type_text = "name", .type_modifier = -1},
    {.base_type_oid = 20, .type_text = "bigint", .type_modifier = -1},
    {.base_type_oid = 21, .type_text = "smallint", .type_modifier = -1},
    {.base_type_oid = 23, .type_text = "integer", .type_modifier = -1},
    {.base_type_oid = 25, .type_text = "text", .type_modifier = -1},
    {.base_type_oid = 114, .type_text = "json", .type_modifier = -1},
    {.base_type_oid = 700, .type_text = "real", .type_modifier = -1},
    {.base_type_oid = 701, .type_text = "double precision", .type_modifier = -1},
    {.base_type_oid = 1042, .type_text = "character(3)", .type_modifier = MODIFIER(3)},
    {.base_type_oid = 1043, .type_text = "character varying(2)", .type_modifier = MODIFIER(2)},
    {.base_type_oid = 1082, .type_text = "date", .type_modifier = -1},
    {.base_type_oid = 1700, .type_text = "numeric", .type_modifier = -1},
    {.base_type_oid = 1700, .type_text = "numeric(5,2)", .type_modifier = NUMERIC(5, 2)},
    {.base_type_oid = 1700, .type_text = "numeric(3,-2)", .type_modifier = NUMERIC(3, -2)},
    {.base_type_oid = 2950, .type_text = "uuid", .type_modifier = -1},
    {.base_type_oid = 3802, .type_text = "jsonb", .type_modifier = -1},
    {.base_type_oid = 20000, .type_text = "mood", .base_type_kind = 'e', .type_modifier = -1},
    {.base_type_oid = 20001, .type_text = "citext", .type_modifier = -1},
    {.base_type_oid = 20002, .type_text = "point", .type_modifier = -1},
};

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

void hostile_target_column(struct target_column *column, const char *name, uint8_t seed)
{
    *column = types[seed % TYPE_COUNT];
    column->name = name;
    column->type_oid = column->base_type_oid;
    column->base_type_name = column->type_text;
    column->base_type_namespace = "pg_catalog";
    if (column->base_type_kind == 0)
        column->base_type_kind = 'b';
    column->is_not_null = seed / TYPE_COUNT % 4 == 1;
    if (column->base_type_kind == 'e') {
        column->enum_labels = labels;
        column->enum_label_count = sizeof(labels) / sizeof(labels[0]);
    }
}

/* A unique index over the first column: what rows are told apart by. */
static void add_index(struct target_catalog *catalog, struct target_table *table)
{
    struct target_index *index = arena_alloc(&catalog->arena, 1, sizeof(*index));
    const struct target_column **keys = arena_alloc(&catalog->arena, 1, sizeof(*keys));
    int *statistics = arena_alloc(&catalog->arena, 1, sizeof(*statistics));

    keys[0] = &table->columns[0];
    statistics[0] = -1;
    *index = (struct target_index){
        .name = table->name,
        .schema = table->schema,
        .table = table,
        .definition = "CREATE UNIQUE INDEX",
        .access_method = "btree",
        .comment = table->name,
        .keys = keys,
        .key_count = 1,
        .statistics_targets = statistics,
        .column_count = 1,
        .is_unique = true,
        .is_valid = true,
        .is_immediate = true,
    };
    table->indexes = index;
    table->index_count = 1;
}

static void make_table(struct target_catalog *catalog, struct target_table *table,
    const struct schema_table *source, uint8_t seed)
{
    size_t count = source->column_count < HOSTILE_TARGET_COLUMN_COUNT_MAX
                       ? source->column_count
                       : HOSTILE_TARGET_COLUMN_COUNT_MAX;
    struct target_column *columns = arena_alloc(&catalog->arena, count + 1, sizeof(*columns));

    for (size_t i = 0; i < count; i++)
        hostile_target_column(&columns[i], source->columns[i].name.bytes,
            (uint8_t)(seed * 31 + i * 7 + source->columns[i].type.size));
    *table = (struct target_table){
        .name = source->name.bytes,
        .schema = "pub\"lic",
        .kind = 'r',
        .persistence = 'p',
        .owner = "owner",
        .is_ours = true,
        .may_select = true,
        .may_insert = true,
        .replica_identity = 'd',
        .columns = columns,
        .column_count = count,
    };
    if (seed % 2 == 0 && count > 0)
        add_index(catalog, table);
}

void hostile_target_make(struct target_catalog *catalog, const struct schema *schema, uint8_t seed)
{
    size_t count = schema->table_count < HOSTILE_TARGET_TABLE_COUNT_MAX
                       ? schema->table_count
                       : HOSTILE_TARGET_TABLE_COUNT_MAX;
    struct target_table *tables = arena_alloc(&catalog->arena, count + 1, sizeof(*tables));

    for (size_t i = 0; i < count; i++)
        make_table(catalog, &tables[i], &schema->tables[i], (uint8_t)(seed + i));
    catalog->tables = tables;
    catalog->table_count = count;
    catalog->server = (struct target_server){
        .version_num = 170000,
        .version_text = "17.0",
        .database = "database",
        .user = "user",
        .schema = "pub\"lic",
        .encoding = "UTF8",
        .collate = "C",
        .ctype = "C",
    };
}
