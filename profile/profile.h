/*
 * What is known of one application, from a YAML file (docs/profiles.md).
 *
 * How to recognise it, facts that must agree, preconditions, what to do with
 * which table, where its sequences must stand, and checks for afterwards. A
 * profile that knows nothing (no application) is valid: everything then follows
 * from the two schemas. Everything lives as long as the profile.
 */
#ifndef PROFILE_PROFILE_H
#define PROFILE_PROFILE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml_tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROFILE_FORMAT 1

struct profile_texts {
    const char **items;
    size_t count;
};

enum profile_compare {
    PROFILE_COMPARE_EQUAL,         /* the sets of values are equal */
    PROFILE_COMPARE_EQUAL_IF_BOTH, /* or one of them is empty */
};

/* A set of texts on both sides: a column of a table of the dump, and a query. */
struct profile_fact {
    const char *name;
    const char *table;        /* of the dump */
    const char *column;       /* of it */
    const char *after;        /* only what follows the first occurrence of this; NULL: all */
    const char *above_column; /* only rows whose integer here is above `above`; NULL: all */
    int64_t above;
    struct profile_texts ignore_suffixes;
    const char *target;          /* SQL: one column of text */
    struct profile_texts tested; /* values that this profile was tested with; none: not said */
    bool is_server_name;         /* also compared with homeserver.yaml's server_name */
    enum profile_compare compare;
    const char *hint;
};

/* What must not be there: rows of a table of the dump, or rows of a query on the target. */
struct profile_requirement {
    const char *name;
    const char *id;     /* a word for programs; NULL: none */
    const char *table;  /* of the dump; NULL: sql */
    const char *column; /* whose values are shown; NULL: none */
    const char *sql;
    const char *hint;
};

enum profile_action {
    PROFILE_REPLICATE, /* rows of the target become exactly the rows of the dump */
    PROFILE_KEEP,      /* the target's own: neither read nor written */
    PROFILE_EMPTY,     /* emptied in the target, not read from the dump */
    PROFILE_DERIVE,    /* filled by a statement from another table of the dump */
    PROFILE_IGNORE,    /* of the dump only, and not wanted */
};

/* A column of the staging table that a derive statement reads. */
struct profile_staging_column {
    const char *name;
    const char *source; /* column of the dump's table */
    const char *type;   /* SQL */
};

/* Something to count after a derivation, and to report when it is not 0. */
struct profile_count {
    const char *name;
    const char *sql;
};

/* A word about a column. */
struct profile_word {
    const char *column;
    const char *word;
};

struct profile_words {
    const struct profile_word *items;
    size_t count;
};

/* What numbers count since 1970: "none" (it is not said), "seconds", ...; NULL at the end. */
extern const char *const profile_units[];

struct profile_table {
    const char *name;
    enum profile_action action;
    int64_t seed_row_max;            /* rows that preparing the target leaves in it */
    struct profile_texts missing;    /* columns that the target may lack */
    struct profile_words bad_values; /* "stop", "reject", "replace": values that do not fit */
    struct profile_words unix_times; /* profile_units */
    /* derive */
    const char *from;            /* table of the dump */
    const char *nul_replacement; /* for NUL in its texts; NULL: refuse */
    const struct profile_staging_column *columns;
    size_t column_count;
    struct profile_texts identity; /* columns, of target and staging, that tell its rows apart */
    const char *insert;            /* SQL; %{staging} is the staging table */
    const struct profile_count *losses;
    size_t loss_count;
};

enum profile_sequence_kind {
    PROFILE_SEQUENCE_STREAM,  /* setval(greatest(1, sources), true) */
    PROFILE_SEQUENCE_COUNTER, /* setval(sources, true); untouched without rows */
    PROFILE_SEQUENCE_KEEP,
};

struct profile_sequence {
    const char *name;
    enum profile_sequence_kind kind;
    bool is_optional;         /* older versions lack it */
    bool is_negated;          /* sources count downwards from 0 */
    const char *floor;        /* SQL of one number or NULL: a further source; NULL: none */
    struct profile_texts max; /* "table.column" */
};

struct profile_check {
    const char *name;
    const char *sql; /* yields no row when all is well */
};

struct profile {
    struct yaml_tree tree;
    struct arena arena;
    const char *name; /* NULL: no profile */
    const char *title;
    const char *prepare;            /* how the target's tables come to be; NULL: not said */
    struct profile_texts recognise; /* tables, of the dump as of the target */
    int64_t server_version_min;     /* 140000; 0: any */
    const char *encoding;           /* NULL: any */
    const char *collate;
    const char *ctype;
    const struct profile_fact *facts;
    size_t fact_count;
    const struct profile_requirement *requirements;
    size_t requirement_count;
    const struct profile_table *tables;
    size_t table_count;
    struct profile_texts staging; /* tables that are empty in staging */
    const struct profile_sequence *sequences;
    size_t sequence_count;
    const char *on_bad_value;  /* for all columns; NULL: stop */
    const char *unix_time;     /* one of profile_units, for all columns */
    const char *sequence_hint; /* what to do about one that the profile does not know */
    const struct profile_check *checks;
    size_t check_count;
};

/* What a profile is looked for: a dump, or a database of PostgreSQL. */
struct profile_subject {
    bool (*has_table)(const void *context, const char *name);
    const void *context;
    const char *word; /* what messages call it: "dump" */
};

/*
 * Finds the profile for a subject. path is a file, "none", or NULL: then $VALISE_PROFILE_DIR's and
 * the ones built in are tried, and none that recognises the subject means an empty profile.
 */
MUST_CHECK bool profile_find(struct profile *profile, const char *path,
    const struct profile_subject *subject, struct error *err);

/*
 * From now on the tables that staging must not have are empty ones. Fails with ERROR_USAGE when the
 * profile does not name any.
 */
MUST_CHECK bool profile_use_for_staging(struct profile *profile, struct error *err);

/* What is said about a table, by exact or only case-insensitive name; NULL: nothing. */
const struct profile_table *profile_table(const struct profile *profile, const char *name);

const struct profile_sequence *profile_sequence(const struct profile *profile, const char *name);

void profile_release(struct profile *profile);

#endif
