#include "postgres/dsn.h"

#include <libpq-fe.h>
#include <string.h>

static bool is_uri(const char *dsn)
{
    return strncmp(dsn, "postgres://", 11) == 0 || strncmp(dsn, "postgresql://", 13) == 0;
}

/* libpq would take the rest of the password for a host, and say it in its message. */
static bool check_authority(const char *dsn, struct error *err)
{
    const char *authority = strstr(dsn, "://") + 3;
    const char *at = memchr(authority, '@', strcspn(authority, "/?"));

    if (at != NULL && memchr(at + 1, '@', strcspn(at + 1, "/?")) != NULL)
        return error_set(err, ERROR_USAGE,
            "the connection URI has two \"@\"; write one that belongs to the password as %%40");
    return true;
}

/* Owned, see PQconninfoFree(). NULL: err tells; libpq's reason may quote a part of a password, so
   it is not shown. */
static PQconninfoOption *parse(const char *dsn, struct error *err)
{
    PQconninfoOption *options;
    char *reason = NULL;

    if (dsn[0] == '\0') {
        error_set(err, ERROR_USAGE,
            "the DSN is empty (a variable without a value?); leave it out for libpq's environment");
        return NULL;
    }
    if (is_uri(dsn) && !check_authority(dsn, err))
        return NULL;
    options = PQconninfoParse(dsn, &reason);
    PQfreemem(reason);
    if (options == NULL)
        error_set(err, ERROR_USAGE, "libpq does not understand the DSN: %s",
            is_uri(dsn)
                ? "expected postgresql://USER@HOST:PORT/DATABASE, special characters in a part as %XX"
                : "expected keyword=value ..., a value with spaces in single quotes");
    return options;
}

bool dsn_check(const char *dsn, struct error *err)
{
    PQconninfoOption *options = parse(dsn, err);
    bool done = options != NULL;

    PQconninfoFree(options);
    return done;
}

bool dsn_visit(const char *dsn, dsn_visitor *visit, void *context, struct error *err)
{
    PQconninfoOption *options = parse(dsn, err);
    bool done = options != NULL;

    for (const PQconninfoOption *option = options; done && option->keyword != NULL; option++) {
        if (option->val != NULL)
            done = visit(context, option->keyword, option->val, err);
    }
    PQconninfoFree(options);
    return done;
}

void dsn_put(struct byte_buffer *out, const char *keyword, const char *value)
{
    byte_buffer_format(out, "%s%s='", out->size == 0 ? "" : " ", keyword);
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            byte_buffer_put_u8(out, '\\');
        byte_buffer_put_u8(out, (uint8_t)*value);
    }
    byte_buffer_put_u8(out, '\'');
}
