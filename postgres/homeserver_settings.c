#include "postgres/homeserver_settings.h"

#include "base/utf8.h"
#include "base/yaml_quote.h"
#include "postgres/connection.h"
#include "postgres/dsn.h"

#include <string.h>

#define NUMBER_DIGITS_MAX 9

enum value_kind {
    VALUE_KIND_TEXT,
    VALUE_KIND_NUMBER,
    VALUE_KIND_BOOLEAN,
};

static const struct {
    const char *key;
    enum value_kind kind;
    bool is_beside_name;
} known[] = {
    {"txn_limit", VALUE_KIND_NUMBER, true},
    {"statement_timeout", VALUE_KIND_NUMBER, true},
    {"allow_unsafe_locale", VALUE_KIND_BOOLEAN, true},
    /* Of Twisted's connection pool. */
    {"cp_min", VALUE_KIND_NUMBER, false},
    {"cp_max", VALUE_KIND_NUMBER, false},
    {"cp_reconnect", VALUE_KIND_BOOLEAN, false},
    {"cp_noisy", VALUE_KIND_BOOLEAN, false},
    /* Of libpq, which takes all of them as texts too. */
    {"keepalives", VALUE_KIND_NUMBER, false},
    {"keepalives_idle", VALUE_KIND_NUMBER, false},
    {"keepalives_interval", VALUE_KIND_NUMBER, false},
    {"keepalives_count", VALUE_KIND_NUMBER, false},
    {"connect_timeout", VALUE_KIND_NUMBER, false},
    {"tcp_user_timeout", VALUE_KIND_NUMBER, false},
};

/* The order in which people look for them; the others follow as they were given. */
static const char *const first[] = {"user", "password", "dbname", "host", "hostaddr", "port"};
static const char *const last[] = {
    "cp_min", "cp_max", "keepalives_idle", "keepalives_interval", "keepalives_count"};

void homeserver_settings_release(struct homeserver_settings *settings)
{
    arena_release(&settings->arena);
    *settings = (struct homeserver_settings){0};
}

bool homeserver_settings_is_secret(const char *key)
{
    return strcmp(key, "password") == 0 || strcmp(key, "sslpassword") == 0;
}

const char *homeserver_settings_key(const char *key)
{
    return strcmp(key, "database") == 0 ? "dbname" : key;
}

static enum value_kind kind_of(const char *key)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].key, key) == 0)
            return known[i].kind;
    }
    return VALUE_KIND_TEXT;
}

bool homeserver_settings_is_beside_name(const char *key)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].key, key) == 0)
            return known[i].is_beside_name;
    }
    return false;
}

static bool is_known(const char *key)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].key, key) == 0)
            return true;
    }
    return connection_knows_keyword(key);
}

static bool is_number(const char *value)
{
    size_t size = strspn(value, "0123456789");

    return size > 0 && size <= NUMBER_DIGITS_MAX && value[size] == '\0'
           && (value[0] != '0' || size == 1);
}

static bool is_boolean(const char *value)
{
    return strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
}

static bool check(const char *key, const char *value, struct error *err)
{
    enum value_kind kind = kind_of(key);

    if (!is_known(key))
        return error_set(err, ERROR_USAGE,
            "\"%s\" is neither a connection parameter that libpq knows nor a setting of Synapse's \"database\" section",
            key);
    if (!utf8_is_valid((const uint8_t *)value, strlen(value)))
        return error_set(err, ERROR_USAGE, "the value of \"%s\" is not valid UTF-8", key);
    if (kind == VALUE_KIND_NUMBER && !is_number(value))
        return error_set(err, ERROR_USAGE, "\"%s\" is \"%s\", expected a whole number", key, value);
    if (kind == VALUE_KIND_BOOLEAN && !is_boolean(value))
        return error_set(err, ERROR_USAGE, "\"%s\" is \"%s\", expected true or false", key, value);
    return true;
}

static struct homeserver_setting *find(struct homeserver_settings *settings, const char *key)
{
    for (size_t i = 0; i < settings->count; i++) {
        if (strcmp(settings->items[i].key, key) == 0)
            return &settings->items[i];
    }
    return NULL;
}

bool homeserver_settings_set(
    struct homeserver_settings *settings, const char *key, const char *value, struct error *err)
{
    const char *name = homeserver_settings_key(key);
    struct homeserver_setting *item = find(settings, name);

    if (!check(name, value, err))
        return false;
    if (item == NULL && settings->count == HOMESERVER_SETTINGS_COUNT_MAX)
        return error_set(
            err, ERROR_USAGE, "there are more than %d settings", HOMESERVER_SETTINGS_COUNT_MAX);
    if (item == NULL)
        item = &settings->items[settings->count++];
    *item = (struct homeserver_setting){
        .key = arena_text(&settings->arena, name),
        .value = arena_text(&settings->arena, value),
        .is_plain =
            kind_of(name) != VALUE_KIND_TEXT || (strcmp(name, "port") == 0 && is_number(value)),
        .is_beside_name = homeserver_settings_is_beside_name(name),
    };
    return true;
}

static bool visit(void *context, const char *keyword, const char *value, struct error *err)
{
    return homeserver_settings_set(context, keyword, value, err);
}

bool homeserver_settings_set_dsn(
    struct homeserver_settings *settings, const char *dsn, struct error *err)
{
    return dsn_visit(dsn, visit, settings, err);
}

bool homeserver_settings_set_pair(
    struct homeserver_settings *settings, const char *pair, struct error *err)
{
    const char *equals = strchr(pair, '=');

    if (equals == NULL || equals == pair)
        return error_set(
            err, ERROR_USAGE, "\"%.*s\" is not KEY=VALUE", (int)strcspn(pair, "="), pair);
    return homeserver_settings_set(
        settings, arena_copy(&settings->arena, pair, (size_t)(equals - pair)), equals + 1, err);
}

const struct homeserver_setting *homeserver_settings_get(
    const struct homeserver_settings *settings, const char *key)
{
    for (size_t i = 0; i < settings->count; i++) {
        if (strcmp(settings->items[i].key, key) == 0)
            return &settings->items[i];
    }
    return NULL;
}

/* --- writing ------------------------------------------------------------------ */

struct writer {
    struct byte_buffer *out;
    size_t indent;
    const char *line_break;
};

static void put(struct byte_buffer *out, const char *text)
{
    byte_buffer_put_text(out, text);
}

static void put_line(const struct writer *w, size_t depth, const char *key)
{
    put(w->out, w->line_break);
    for (size_t i = 0; i < w->indent + 2 * depth; i++)
        byte_buffer_put_u8(w->out, ' ');
    put(w->out, key);
    put(w->out, ":");
}

static void put_setting(
    const struct writer *w, size_t depth, const struct homeserver_setting *setting)
{
    if (setting == NULL)
        return;
    put_line(w, depth, setting->key);
    put(w->out, " ");
    if (setting->is_plain)
        put(w->out, setting->value);
    else
        yaml_quote_put(w->out, setting->value);
}

static bool is_among(const char *key, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i], key) == 0)
            return true;
    }
    return false;
}

void homeserver_settings_put(const struct homeserver_settings *settings, struct byte_buffer *out,
    size_t indent, const char *line_break)
{
    const struct writer w = {.out = out, .indent = indent, .line_break = line_break};
    size_t first_count = sizeof(first) / sizeof(first[0]);
    size_t last_count = sizeof(last) / sizeof(last[0]);

    put(out, "database:");
    put_line(&w, 1, "name");
    put(out, " psycopg2");
    for (size_t i = 0; i < settings->count; i++) {
        if (settings->items[i].is_beside_name)
            put_setting(&w, 1, &settings->items[i]);
    }
    put_line(&w, 1, "args");
    for (size_t i = 0; i < first_count; i++)
        put_setting(&w, 2, homeserver_settings_get(settings, first[i]));
    for (size_t i = 0; i < settings->count; i++) {
        const struct homeserver_setting *item = &settings->items[i];

        if (!item->is_beside_name && !is_among(item->key, first, first_count)
            && !is_among(item->key, last, last_count))
            put_setting(&w, 2, item);
    }
    for (size_t i = 0; i < last_count; i++)
        put_setting(&w, 2, homeserver_settings_get(settings, last[i]));
}
