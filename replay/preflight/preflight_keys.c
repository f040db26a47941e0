#include "replay/preflight/preflight_keys.h"

#include "base/owned.h"
#include "base/stop.h"
#include "replay/preflight/key_checks.h"
#include "replay/preflight/key_set.h"
#include "replay/preflight/preflight_advice.h"
#include "replay/values/row_words.h"

#include <inttypes.h>
#include <stdio.h>

#define SUSPECT_MAX ((size_t)1 << 20) /* keys that are looked for at a time: 32 MiB */

/* What is wrong with the rows of one check. */
struct finding {
    uint64_t count;
    char example[512]; /* the first such key */
    char where[ROW_WORDS_KEY_SIZE];
    const char *reason; /* of all of its rows */
    struct rejects rows;
};

static void finding_release(struct finding *finding)
{
    rejects_release(&finding->rows);
}

/* Reading the rows of a table again, as some keys are suspicious. */
struct look {
    const struct preflight *preflight;
    const struct plan_table *table;
    const struct key *key;
    const struct key_set *suspects;
    const struct key_set *cleared; /* not these after all; NULL: none */
    struct key_set *first;         /* the first row of each suspect is good; NULL: it is not */
    bool finds_mixed;              /* rows whose key is NULL in part are bad */
    struct finding *finding;
};

static void note(struct look *look, const struct source_rows *rows, const struct value *values)
{
    struct finding *finding = look->finding;
    OWNED(byte_buffer) struct byte_buffer shown = {0};

    rejects_add(&finding->rows, rows, finding->reason);
    if (finding->count++ > 0)
        return;
    key_values(look->key, values, &shown);
    snprintf(finding->example, sizeof(finding->example), "%s", (const char *)shown.data);
    row_words_key(finding->where,
        &look->preflight->input->reader->schema.tables[look->table->source], values,
        rows->row_number);
}

static bool is_bad(const struct look *look, const struct value *values, struct byte_buffer *scratch)
{
    struct hash128 hash;
    enum key_content content = key_hash(look->key, values, scratch, &hash);

    if (content != KEY_WHOLE)
        return content == KEY_MIXED && look->finds_mixed;
    if (!key_set_has(look->suspects, hash)
        || (look->cleared != NULL && key_set_has(look->cleared, hash)))
        return false;
    return look->first == NULL || !key_set_add(look->first, hash);
}

/* Rows that are rejected already are no part of the table any more. */
static bool look_at_rows(struct look *look, struct error *err)
{
    OWNED(source_rows) struct source_rows rows = {0};
    OWNED(byte_buffer) struct byte_buffer scratch = {0};
    const struct value *values;

    source_rows_begin(&rows, look->preflight->input->reader, look->table->source);
    for (;;) {
        if (!source_rows_next(&rows, &values, err)
            || (rows.row_number % 4096 == 0 && !stop_check(err)))
            return error_wrap(err, "table \"%s\"", look->table->name);
        if (values == NULL)
            return true;
        if (rejects_find(&look->table->rejects, &rows) == NULL && is_bad(look, values, &scratch))
            note(look, &rows, values);
    }
}

/* --- unique keys ------------------------------------------------------------------ */

/* The next keys that occur more than once. */
static bool next_repeated(struct key_runs *runs, struct key_set *set, struct error *err)
{
    struct hash128 key;
    uint64_t count;

    key_set_release(set);
    while (set->count < SUSPECT_MAX) {
        if (!key_runs_next(runs, &key, &count, err))
            return false;
        if (count == 0)
            break;
        if (count > 1)
            key_set_add(set, key);
    }
    return true;
}

static bool find_repeated(const struct preflight *preflight, const struct key_check *check,
    struct finding *finding, struct error *err)
{
    OWNED(key_set) struct key_set suspects = {0};
    struct look look = {.preflight = preflight,
        .table = check->table,
        .key = &check->keys->key,
        .suspects = &suspects,
        .finding = finding};

    finding->reason = arena_format(&preflight->problems->arena,
        "another row has the same values for the unique index \"%s\"", check->index->name);
    if (!key_runs_begin(&check->keys->runs, err))
        return false;
    for (;;) {
        OWNED(key_set) struct key_set first = {0};

        if (!next_repeated(&check->keys->runs, &suspects, err))
            return false;
        if (suspects.count == 0)
            return true;
        look.first = &first;
        if (!look_at_rows(&look, err))
            return false;
    }
}

/* --- foreign keys ------------------------------------------------------------------- */

/* Two ascending lists of keys, read side by side. */
struct both {
    struct key_runs *keys;
    struct key_runs *others; /* NULL: there are none */
    struct hash128 other;
    uint64_t other_count; /* 0: at the end */
};

static bool begin_both(struct both *both, struct error *err)
{
    return key_runs_begin(both->keys, err)
           && (both->others == NULL
               || (key_runs_begin(both->others, err)
                   && key_runs_next(both->others, &both->other, &both->other_count, err)));
}

/* The next keys that nothing on the other side has. */
static bool next_missing(struct both *both, struct key_set *set, struct error *err)
{
    struct hash128 key;
    uint64_t count;

    key_set_release(set);
    while (set->count < SUSPECT_MAX) {
        if (!key_runs_next(both->keys, &key, &count, err))
            return false;
        if (count == 0)
            break;
        while (both->other_count > 0 && key_runs_compare(&both->other, &key) < 0)
            if (!key_runs_next(both->others, &both->other, &both->other_count, err))
                return false;
        if (both->other_count == 0 || !checksum_equal(both->other, key))
            key_set_add(set, key);
    }
    return true;
}

static bool find_missing(const struct preflight *preflight, const struct key_check *check,
    struct finding *finding, struct error *err)
{
    OWNED(key_set) struct key_set suspects = {0};
    struct both both = {
        .keys = &check->keys->runs, .others = check->others == NULL ? NULL : &check->others->runs};
    struct look look = {.preflight = preflight,
        .table = check->table,
        .key = &check->keys->key,
        .suspects = &suspects,
        .finds_mixed = check->is_match_full && atomic_load(&check->keys->is_mixed),
        .finding = finding};

    finding->reason = arena_format(&preflight->problems->arena,
        "it refers to no row of \"%s\" (foreign key \"%s\")", check->parent->name,
        check->constraint->name);
    if (!begin_both(&both, err))
        return false;
    for (;;) {
        if (!next_missing(&both, &suspects, err))
            return false;
        if (suspects.count == 0 && !look.finds_mixed)
            return true;
        if (!look_at_rows(&look, err))
            return false;
        look.finds_mixed = false;
    }
}

/* --- verdicts -------------------------------------------------------------------------- */

static void report(
    const struct preflight *preflight, const struct key_check *check, const struct finding *finding)
{
    struct problems *problems = preflight->problems;
    const struct key *key = &check->keys->key;
    OWNED(byte_buffer) struct byte_buffer names = {0};
    const char *advice;
    const char *text;

    key_names(key, &names);
    text = arena_format(&problems->arena,
        "table \"%s\", columns %s: %s at %s: %s (rows like this: %" PRIu64 ")", check->table->name,
        (const char *)names.data, finding->example, finding->where, finding->reason,
        finding->count);
    if (key_rejects(key)) {
        problems_note(problems, NULL, "%s; the rows are rejected", text);
        return;
    }
    advice = preflight_advice(preflight,
        &(struct preflight_advice){
            .table = check->table->name,
            .column = key->columns[0]->type.column->name,
            .left = check->index == NULL ? "" : " (of rows with the same key the first one stays)",
        });
    problems_add(problems, advice, "%s", text);
}

static bool judge(
    const struct preflight *preflight, const struct key_check *check, struct error *err)
{
    OWNED(finding) struct finding finding = {0};

    if (check->index != NULL ? !find_repeated(preflight, check, &finding, err)
                             : !find_missing(preflight, check, &finding, err))
        return false;
    if (finding.count == 0)
        return true;
    report(preflight, check, &finding);
    if (key_rejects(&check->keys->key))
        rejects_merge(&check->table->rejects, &finding.rows);
    return true;
}

/* --- dependants --------------------------------------------------------------------------- */

/* Keys of the table's rows that are rejected (wanted NULL), or of others that are in `wanted`. */
static bool collect(const struct preflight *preflight, const struct key *key,
    const struct key_set *wanted, struct key_set *set, struct error *err)
{
    OWNED(source_rows) struct source_rows rows = {0};
    OWNED(byte_buffer) struct byte_buffer scratch = {0};
    const struct value *values;
    struct hash128 hash;

    source_rows_begin(&rows, preflight->input->reader, key->table->source);
    for (;;) {
        bool is_rejected;

        if (!source_rows_next(&rows, &values, err)
            || (rows.row_number % 4096 == 0 && !stop_check(err)))
            return error_wrap(err, "table \"%s\"", key->table->name);
        if (values == NULL)
            return true;
        is_rejected = rejects_find(&key->table->rejects, &rows) != NULL;
        if (is_rejected == (wanted == NULL) && key_hash(key, values, &scratch, &hash) == KEY_WHOLE
            && (wanted == NULL || key_set_has(wanted, hash)))
            key_set_add(set, hash);
    }
}

static bool find_dependants(const struct preflight *preflight, const struct key_check *check,
    struct finding *finding, struct error *err)
{
    OWNED(key_set) struct key_set gone = {0};
    OWNED(key_set) struct key_set kept = {0};
    struct look look = {.preflight = preflight,
        .table = check->table,
        .key = &check->keys->key,
        .suspects = &gone,
        .cleared = &kept,
        .finding = finding};

    finding->reason = arena_format(&preflight->problems->arena,
        "it refers to a row of \"%s\" that is rejected (foreign key \"%s\")", check->parent->name,
        check->constraint->name);
    return collect(preflight, &check->others->key, NULL, &gone, err)
           && collect(preflight, &check->others->key, &gone, &kept, err)
           && (gone.count == kept.count || look_at_rows(&look, err));
}

static bool reject_dependants(const struct preflight *preflight, const struct key_check *check,
    bool *found, struct error *err)
{
    OWNED(finding) struct finding finding = {0};

    if (!find_dependants(preflight, check, &finding, err))
        return false;
    if (finding.count == 0)
        return true;
    *found = true;
    rejects_merge(&check->table->rejects, &finding.rows);
    problems_note(preflight->problems, NULL, "table \"%s\": %" PRIu64 " row%s rejected: %s",
        check->table->name, finding.count, finding.count == 1 ? " is" : "s are", finding.reason);
    return true;
}

static bool judge_dependants(
    const struct preflight *preflight, const struct key_checks *checks, struct error *err)
{
    bool found = true;

    while (found) {
        found = false;
        for (size_t i = 0; i < checks->count; i++) {
            const struct key_check *check = &checks->items[i];

            if (check->index == NULL && check->others != NULL && check->parent->rejects.count > 0
                && !reject_dependants(preflight, check, &found, err))
                return false;
        }
    }
    return true;
}

bool preflight_keys(const struct preflight *preflight, struct error *err)
{
    OWNED(key_checks) struct key_checks checks = {0};

    /* Whether a delta breaks a key depends on rows that only the target has. */
    if (preflight->input->reader->header.kind != DUMP_FULL)
        return true;
    key_checks_find(&checks, preflight);
    if (!key_checks_read(&checks, preflight, err))
        return false;
    for (size_t i = 0; i < checks.count; i++)
        if (!judge(preflight, &checks.items[i], err))
            return false;
    return judge_dependants(preflight, &checks, err);
}
