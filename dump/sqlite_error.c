#include "dump/sqlite_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum error_kind sqlite_error_kind(int status)
{
    switch (status & 0xff) {
    case SQLITE_NOTADB:
        return ERROR_NOT_DUMP;
    case SQLITE_CORRUPT:
        return ERROR_CORRUPT;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
        return ERROR_IO;
    case SQLITE_INTERRUPT:
        return ERROR_STOPPED;
    default:
        return ERROR_DATABASE;
    }
}

/* What to do about it, or nothing. */
static const char *advice(int status)
{
    switch (status & 0xff) {
    case SQLITE_CORRUPT:
        return "; restore a backup, or rescue what is left with \".recover\" of the sqlite3 shell";
    case SQLITE_NOTADB:
        return "; it is no SQLite database, or an encrypted one";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "; another program holds it: stop that program or try again later";
    case SQLITE_NOMEM:
        return "; not enough memory";
    case SQLITE_IOERR:
        return "; the disk or its file system failed: see the kernel's log";
    default:
        return "";
    }
}

bool sqlite_error_set(struct error *err, sqlite3 *db, int status, const char *fmt, ...)
{
    const char *reason = sqlite3_errstr(status);
    va_list args;
    size_t used;

    /* Nothing but a request to stop interrupts SQLite. */
    if ((status & 0xff) == SQLITE_INTERRUPT)
        return error_set(err, ERROR_STOPPED, "stopped on request");
    /* The connection knows more than the code does, if the code is its last one. */
    if (db != NULL && (sqlite3_errcode(db) & 0xff) == (status & 0xff))
        reason = sqlite3_errmsg(db);
    err->kind = sqlite_error_kind(status);
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    used = strlen(err->text);
    if (db != NULL && (status & 0xff) == SQLITE_IOERR && sqlite3_system_errno(db) != 0)
        reason = strerror(sqlite3_system_errno(db));
    snprintf(err->text + used, sizeof(err->text) - used, ": %s%s", reason, advice(status));
    return false;
}
