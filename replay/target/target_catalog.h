/*
 * What the target database is like: one schema of it, read from pg_catalog.
 *
 * A few queries for the whole schema, whatever its size; PostgreSQL 9.5 to 18,
 * where an older server lacks a property it has its natural value (no identity
 * column, ...). Everything lives in one arena until release. Definitions name
 * every object with its schema, so they do not depend on a search_path. Arrays of
 * tables and sequences are in byte order of their names, columns in attnum order.
 */
#ifndef REPLAY_TARGET_CATALOG_H
#define REPLAY_TARGET_CATALOG_H

#include "base/arena.h"
#include "base/error.h"
#include "postgres/connection.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET_CATALOG_VERSION_NUM_MIN 90500

struct target_table;

/* Another client in the same database. */
struct target_session {
    int pid;
    const char *user; /* "" when the server hides it */
    const char *application;
    const char *address; /* "" for a local socket */
};

struct target_server {
    int version_num;          /* 150004 */
    const char *version_text; /* "15.4 (Debian ...)" */
    const char *database;
    const char *user;
    const char *schema; /* the one this catalog describes */
    bool is_superuser;
    bool is_in_recovery;
    bool is_read_only;           /* default_transaction_read_only */
    bool is_replica;             /* no foreign key is checked and no trigger fires, and we */
                                 /* could not change that */
    bool makes_replicas;         /* so it is in sessions that do not change it, at least */
    bool may_create;             /* CREATE on the database: a schema of our own can be made */
    bool may_create_in_schema;   /* CREATE on the schema: indexes can be made again */
    const char *encoding;        /* "UTF8" */
    const char *collate;         /* datcollate */
    const char *ctype;           /* datctype */
    const char *locale_provider; /* "libc", "icu", "builtin" */
    const char *locale;          /* of the provider icu or builtin; NULL for libc */
    int connection_count_max;    /* left for us at the time of reading, about */
    bool has_citus;
    const char *event_triggers; /* enabled ones, they may see our DDL: "a, b"; NULL: none */
    bool may_create_temporary;  /* TEMPORARY on the database: rows can be tried and staged */
    bool valise_exists;         /* a schema "valise" is there */
    bool may_write_valise;      /* make tables in it, if it is there */
    const struct target_session *sessions; /* client sessions other than ours */
    size_t session_count;
};

struct target_column {
    int number; /* attnum */
    const char *name;
    uint32_t type_oid;      /* as declared, may be a domain or an array */
    const char *type_text;  /* format_type: "character varying(32)" */
    uint32_t base_type_oid; /* below all domains; under 16384 it means the same on every server */
    const char *base_type_name;      /* "varchar", "my_enum" */
    const char *base_type_namespace; /* "pg_catalog" */
    char base_type_kind; /* typtype: b base, c composite, e enum, r range, m multirange, p pseudo */
    uint32_t element_type_oid; /* of an array; else 0 */
    int32_t type_modifier;     /* of the column or its innermost constraining domain; -1: none */
    const char *const *enum_labels; /* of an enum, in its order */
    size_t enum_label_count;
    bool is_domain;   /* its CHECK constraints are the server's to judge */
    bool is_not_null; /* by the column or a domain */
    char identity;    /* 0, 'a' always, 'd' by default */
    char generated;   /* 0, 's' stored, 'v' virtual: cannot be written */
    bool has_default;
    const char *default_text; /* expression; NULL: none */
    const char *collation;    /* "C"; NULL when not collatable */
    const char *collation_schema;
    bool has_loose_collation; /* nondeterministic: texts of other bytes may be equal */
};

/* How the key of an index counts NULLs, which columns it has. */
struct target_index {
    uint32_t oid;
    const char *name;
    const char *schema;
    const struct target_table *table;
    const char *definition;    /* pg_get_indexdef, whole statement, tablespace not in it */
    const char *access_method; /* "btree" */
    const char *tablespace;    /* NULL: the database's default */
    const char *comment;       /* NULL: none */
    const struct target_constraint *constraint; /* p, u or x that it enforces; NULL: none */
    const struct target_column *const *keys;    /* key_count; NULL entries are expressions */
    size_t key_count;                           /* without INCLUDE columns */
    const int *statistics_targets;              /* per index column (also INCLUDE); -1: default */
    size_t column_count;
    bool is_unique;
    bool is_primary;
    bool is_exclusion;
    bool is_valid;
    bool is_immediate; /* false: of a deferrable constraint */
    bool is_partial;
    bool has_expressions;
    bool nulls_not_distinct;
    bool is_replica_identity;
    bool is_clustered;
    bool has_options;     /* WITH (fillfactor = ...) */
    bool is_in_extension; /* made or required by an extension */
    size_t
        dependent_count; /* other objects that hold on to it or its constraint, FKs not counted */
};

struct target_constraint {
    uint32_t oid;
    const char *name;
    char type; /* contype: p, u, x, c, f, t, n */
    const struct target_table *table;
    const char *definition; /* pg_get_constraintdef, without the name */
    const char *comment;    /* NULL: none */
    bool is_validated;
    bool is_deferrable;
    bool is_deferred;
    bool is_enforced;  /* false only on 18 or later */
    bool has_period;   /* WITHOUT OVERLAPS or PERIOD, 18 or later */
    bool is_inherited; /* comes from a parent table, cannot be dropped here */
    const struct target_column *const *columns;
    size_t column_count;

    /* foreign keys only */
    const struct target_table *referenced_table; /* NULL: in another schema */
    const char *referenced_schema;
    const char *referenced_name;
    const struct target_column *const *referenced_columns; /* NULL when in another schema */
    uint32_t referenced_index_oid;
    char on_delete; /* a no action, r restrict, c cascade, n set null, d set default */
    char on_update;
};

/* A foreign key of a table in another schema that refers to a table of this one. */
struct target_foreign_reference {
    const char *schema;
    const char *table;
    const char *constraint;
    const struct target_table *referenced_table;
};

/* Or a rule for INSERT, UPDATE or DELETE, which is as much in the way, and is disabled alike. */
struct target_trigger {
    const char *name;
    bool is_rule;
    const char *definition; /* pg_get_triggerdef or pg_get_ruledef */
    char enabled;           /* O origin, D disabled, R replica, A always */
    const char *clones; /* SQL after enabling it: those that were enabled otherwise; NULL: none */
};

struct target_table {
    uint32_t oid;
    const char *name;
    const char *schema;
    char kind;                   /* relkind: r ordinary, p partitioned */
    char persistence;            /* p permanent, u unlogged */
    bool is_partition;           /* of a partitioned table */
    bool has_children;           /* by inheritance or partitions */
    bool is_foreign_partitioned; /* some partition is a foreign table */
    const char *owner;
    bool is_ours; /* the user is the owner or a member of it: DDL and TRUNCATE are allowed */
    bool may_select;
    bool may_insert;
    bool has_row_security; /* that applies to this user */
    bool is_in_extension;
    bool has_rows; /* when it was read, without inheriting tables'; true when it cannot be seen */
    int64_t row_estimate;    /* reltuples; -1: never analysed */
    int64_t size;            /* bytes of the table without indexes */
    char replica_identity;   /* relreplident: d default, n nothing, f full, i index */
    bool publishes_truncate; /* to whom its publications send DELETE, they send TRUNCATE */
    bool is_distributed;     /* its rows are elsewhere, by Citus: they have no ctid */
    const struct target_column *columns;
    size_t column_count;
    const struct target_index *indexes; /* in name order */
    size_t index_count;
    const struct target_constraint *constraints; /* in name order */
    size_t constraint_count;
    const struct target_trigger *triggers; /* without internal ones, in name order; then rules */
    size_t trigger_count;
};

enum target_sequence_owner {
    TARGET_SEQUENCE_PLAIN,
    TARGET_SEQUENCE_OWNED,    /* OWNED BY a column (serial) */
    TARGET_SEQUENCE_IDENTITY, /* of an identity column */
};

struct target_sequence {
    uint32_t oid;
    const char *name;
    const char *schema;
    enum target_sequence_owner owner_kind;
    const struct target_table *table;   /* NULL when plain, or in another schema */
    const struct target_column *column; /* NULL likewise */
    bool may_update;                    /* setval is allowed */
    bool is_readable;                   /* last_value and is_called are known */
    int64_t last_value;
    bool is_called;
    int64_t increment;
    int64_t minimum;
    int64_t maximum;
    int64_t start;
    bool cycles;
};

/* What is no table of the schema, but has a name that one could have. */
struct target_other {
    const char *name;
    const char *schema;
    char kind;    /* relkind */
    bool is_here; /* in this schema */
};

struct target_catalog {
    struct arena arena;
    struct target_server server;
    const struct target_table *tables;
    size_t table_count;
    const struct target_sequence *sequences;
    size_t sequence_count;
    const struct target_foreign_reference *foreign_references;
    size_t foreign_reference_count;
    const struct target_other *others; /* of this schema first */
    size_t other_count;
};

/*
 * Reads the schema; NULL means the first one of the search_path that exists. Must not be inside a
 * transaction; uses one of its own (REPEATABLE READ, read only). Fails with ERROR_REFUSED for a
 * server older than 9.5 or a schema that does not exist, else ERROR_DATABASE.
 */
MUST_CHECK bool target_catalog_read(struct target_catalog *catalog, struct connection *connection,
    const char *schema, struct error *err);

void target_catalog_release(struct target_catalog *catalog);

/*
 * Finds by exact name, or by the only name that is equal but for ASCII case.
 * NULL: there is none, or several.
 */
const struct target_table *target_catalog_table(
    const struct target_catalog *catalog, const char *name);
const struct target_column *target_catalog_column(
    const struct target_table *table, const char *name);
const struct target_sequence *target_catalog_sequence(
    const struct target_catalog *catalog, const char *name);

/* The first with exactly this name; NULL: none. */
const struct target_other *target_catalog_other(
    const struct target_catalog *catalog, const char *name);

/* The sequence behind a serial or identity column; NULL: none. */
const struct target_sequence *target_catalog_sequence_of(
    const struct target_catalog *catalog, const struct target_column *column);

/*
 * "ONLY " for SQL that means this table without those that inherit from it; nothing for a
 * partitioned table, whose rows are its partitions'.
 */
const char *target_catalog_only(const struct target_table *table);

#endif
