#include "dump/integrity.h"

#include "base/byte_buffer.h"
#include "base/owned.h"
#include "dump/sqlite_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FINDINGS_SHOWN 5
#define WARNING_SIZE 512 /* bytes */

static void statement_release(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

/* Gathers the lines that the check reports; "ok" is none. */
static bool run_check(
    struct source *source, const char *sql, struct byte_buffer *findings, struct error *err)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    int status = sqlite3_prepare_v2(source->db, sql, -1, &statement, NULL);

    while (status == SQLITE_OK || status == SQLITE_ROW) {
        const char *text;

        status = sqlite3_step(statement);
        if (status != SQLITE_ROW)
            break;
        text = (const char *)sqlite3_column_text(statement, 0);
        if (text == NULL || strcmp(text, "ok") == 0)
            continue;
        if (findings->size > 0)
            byte_buffer_put(findings, "; ", 2);
        byte_buffer_put_text(findings, text);
    }
    if (status != SQLITE_DONE)
        return sqlite_error_set(err, source->db, status, "cannot check the database");
    for (size_t i = 0; i < findings->size; i++)
        if (findings->data[i] == '\n')
            findings->data[i] = ' ';
    byte_buffer_put_u8(findings, '\0');
    return true;
}

static bool check_structure(
    struct source *source, integrity_warn *warn, void *context, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer findings = {0};
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA main.integrity_check(%d)", FINDINGS_SHOWN);
    if (!run_check(source, sql, &findings, err))
        return false;
    if (findings.data[0] != '\0' && source->has_unknown_collation) {
        /* An index in the order of a collation that only the application knows looks wrong. */
        warn(context, "indexes cannot be checked, since the database uses a collation that only "
                      "its application knows");
        findings.size = 0;
        snprintf(sql, sizeof(sql), "PRAGMA main.quick_check(%d)", FINDINGS_SHOWN);
        if (!run_check(source, sql, &findings, err))
            return false;
    }
    if (findings.data[0] != '\0')
        return error_set(err, ERROR_CORRUPT,
            "the database \"%s\" is damaged; restore a backup, or rescue what is left with "
            "\".recover\" of the sqlite3 shell: %s",
            source->path, (const char *)findings.data);
    return true;
}

/* One warning for each pair of tables; rows of the PRAGMA come sorted by table. */
struct violations {
    char child[128];
    char parent[128];
    uint64_t count;
};

static void report(const struct violations *v, integrity_warn *warn, void *context)
{
    char text[WARNING_SIZE];

    if (v->count == 0)
        return;
    snprintf(text, sizeof(text),
        "table \"%s\": %" PRIu64 " rows refer to rows of \"%s\" that do not exist", v->child,
        v->count, v->parent);
    warn(context, text);
}

static bool check_references(
    struct source *source, integrity_warn *warn, void *context, struct error *err)
{
    OWNED(statement) sqlite3_stmt *statement = NULL;
    struct violations v = {0};
    char text[WARNING_SIZE];
    int status =
        sqlite3_prepare_v2(source->db, "PRAGMA main.foreign_key_check", -1, &statement, NULL);

    while (status == SQLITE_OK || status == SQLITE_ROW) {
        const char *child;
        const char *parent;

        status = sqlite3_step(statement);
        if (status != SQLITE_ROW)
            break;
        child = (const char *)sqlite3_column_text(statement, 0);
        parent = (const char *)sqlite3_column_text(statement, 2);
        child = child == NULL ? "" : child;
        parent = parent == NULL ? "" : parent;
        if (strncmp(v.child, child, sizeof(v.child) - 1) != 0
            || strncmp(v.parent, parent, sizeof(v.parent) - 1) != 0) {
            report(&v, warn, context);
            v.count = 0;
            snprintf(v.child, sizeof(v.child), "%s", child);
            snprintf(v.parent, sizeof(v.parent), "%s", parent);
        }
        v.count++;
    }
    report(&v, warn, context);
    if (status == SQLITE_DONE)
        return true;
    if ((status & 0xff) != SQLITE_ERROR)
        return sqlite_error_set(err, source->db, status, "cannot check the foreign keys");
    /* A key that refers to no unique column: valid as a schema, impossible to check. */
    snprintf(text, sizeof(text), "foreign keys cannot be checked: %s", sqlite3_errmsg(source->db));
    warn(context, text);
    return true;
}

bool integrity_check(struct source *source, integrity_warn *warn, void *context, struct error *err)
{
    return check_structure(source, warn, context, err)
           && check_references(source, warn, context, err);
}
