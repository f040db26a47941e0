#include "doctor/look_tuning.h"

#include "base/owned.h"
#include "postgres/quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MB ((int64_t)1 << 20)
#define GB ((int64_t)1 << 30)

enum unit {
    UNIT_SIZE,    /* bytes */
    UNIT_SECONDS, /* seconds */
    UNIT_NUMBER,  /* thousandths, as fractions occur */
    UNIT_SWITCH,  /* 1: on */
};

/* A setting and what it should be; 0: leave it. */
struct proposal {
    const char *name;
    enum unit unit;
    int64_t least; /* what is between needs no change */
    int64_t most;
    int64_t wanted;
    bool is_for_load; /* only while data is loaded */
};

/* What the server has. */
struct setting {
    bool exists;
    int64_t value; /* in the proposal's unit */
    bool needs_restart;
    const char *shown;
};

static int64_t between(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Rounds down to something that a person would write. */
static int64_t rounded(int64_t size)
{
    int64_t step = size >= 4 * GB ? GB : size >= GB ? 256 * MB : size >= 64 * MB ? 16 * MB : MB;

    return size / step * step;
}

/* --- reading ------------------------------------------------------------------------ */

/* What one of pg_settings's units is in bytes or seconds; 1 for none. */
static double unit_factor(const char *unit)
{
    char *end;
    double number = strtod(unit, &end);

    if (end == unit)
        number = 1;
    if (strcmp(end, "kB") == 0)
        return number * 1024;
    if (strcmp(end, "MB") == 0)
        return number * (double)MB;
    if (strcmp(end, "ms") == 0)
        return number / 1000;
    if (strcmp(end, "min") == 0)
        return number * 60;
    return number;
}

static bool read_setting(struct patient *patient, const struct proposal *proposal,
    struct setting *setting, struct error *err)
{
    const struct connection_values values = {&proposal->name, 1};
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *text;

    *setting = (struct setting){.exists = false};
    if (!patient_query(patient,
            "SELECT setting, coalesce(unit, ''), context, current_setting(name)"
            " FROM pg_settings WHERE name = $1",
            &values, &rows, err))
        return false;
    if (rows.row_count == 0)
        return true;
    text = connection_rows_text(&rows, 0, 0);
    setting->exists = true;
    setting->needs_restart = strcmp(connection_rows_text(&rows, 0, 2), "postmaster") == 0;
    setting->shown = patient_text(patient, &rows, 0, 3);
    if (proposal->unit == UNIT_SWITCH)
        setting->value = strcmp(text, "off") != 0;
    else if (proposal->unit == UNIT_NUMBER)
        setting->value = (int64_t)(strtod(text, NULL) * 1000 + 0.5);
    else
        setting->value =
            (int64_t)(strtod(text, NULL) * unit_factor(connection_rows_text(&rows, 0, 1)));
    return true;
}

static const char *shown(const struct patient *patient, enum unit unit, int64_t value)
{
    if (unit == UNIT_SWITCH)
        return value != 0 ? "on" : "off";
    if (unit == UNIT_SECONDS)
        return patient_format(patient, "%" PRId64 "min", value / 60);
    if (unit == UNIT_NUMBER)
        return patient_format(patient, "%g", (double)value / 1000);
    if (value % GB == 0)
        return patient_format(patient, "%" PRId64 "GB", value / GB);
    return patient_format(patient, "%" PRId64 "MB", value / MB);
}

/* --- the disk ------------------------------------------------------------------------- */

/* Does the data lie on something that does not turn? false also when that is not known. */
static bool is_solid(const char *folder)
{
    static const char *const places[] = {"queue", "../queue"};
    struct stat status;
    char path[128];
    int turns = 1;

    if (stat(folder, &status) != 0)
        return false;
    for (size_t i = 0; i < 2; i++) {
        FILE *file;

        snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/rotational", major(status.st_dev),
            minor(status.st_dev), places[i]);
        file = fopen(path, "re");
        if (file == NULL)
            continue;
        turns = fgetc(file);
        fclose(file);
        return turns == '0';
    }
    return false;
}

/* --- proposals --------------------------------------------------------------------------- */

/* One finding of several settings. */
struct advice {
    struct patient *patient;
    struct byte_buffer list;      /* "name is x, better y" */
    struct byte_buffer sql;       /* ALTER SYSTEM, one a line */
    struct byte_buffer restarted; /* names */
    size_t count;
};

static void advice_release(struct advice *advice)
{
    byte_buffer_release(&advice->list);
    byte_buffer_release(&advice->sql);
    byte_buffer_release(&advice->restarted);
}

static bool consider(struct advice *advice, const struct proposal *proposal, struct error *err)
{
    struct patient *patient = advice->patient;
    const char *wanted = shown(patient, proposal->unit, proposal->wanted);
    struct setting setting;

    if (!read_setting(patient, proposal, &setting, err))
        return false;
    if (!setting.exists || (setting.value >= proposal->least && setting.value <= proposal->most))
        return true;
    quote_plain(&advice->list,
        patient_format(patient, "%s%s is %s, better %s%s", advice->count == 0 ? "" : "; ",
            proposal->name, setting.shown, wanted, setting.needs_restart ? " (restart)" : ""));
    quote_plain(&advice->sql,
        patient_format(patient, "ALTER SYSTEM SET %s = '%s';\n", proposal->name, wanted));
    if (setting.needs_restart)
        quote_plain(
            &advice->restarted, patient_format(patient, "%s%s",
                                    advice->restarted.size == 0 ? "" : ", ", proposal->name));
    advice->count++;
    return true;
}

static void put_advice(struct advice *advice, const char *name, const char *what, const char *why)
{
    struct patient *patient = advice->patient;
    struct finding_list *list = patient->findings;
    struct finding *finding;
    char *line;
    char *rest = NULL;

    if (advice->count == 0) {
        patient_well(patient, name, "the settings fit the host");
        return;
    }
    finding = finding_add(list, FINDING_NOTICE, name, "%s (memory %s, %s): %s", what,
        patient_size(patient, patient->memory_size), patient->memory_source,
        quote_text(&advice->list));
    finding->why = why;
    finding_mend(list, finding, FINDING_WORDS,
        "as a superuser; with a hosted server, in its parameter group:");
    quote_text(&advice->sql);
    for (line = strtok_r((char *)advice->sql.data, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest))
        finding_mend(list, finding, FINDING_SQL, "%s", line);
    finding_mend(list, finding, FINDING_SQL, "SELECT pg_reload_conf();");
    if (advice->restarted.size == 0)
        return;
    finding_mend(
        list, finding, FINDING_WORDS, "these need a restart: %s", quote_text(&advice->restarted));
    finding_mend(list, finding, FINDING_SHELL, "sudo systemctl restart postgresql");
}

/* Half to twice what is wanted is near enough. */
#define ABOUT(name, unit, wanted, is_for_load) \
    { \
        name, unit, (wanted) / 2, (wanted)*2, wanted, is_for_load \
    }

static bool put_proposals(struct patient *patient, const struct proposal *proposals, size_t count,
    bool is_for_load, struct error *err)
{
    OWNED(advice) struct advice advice = {.patient = patient};

    for (size_t i = 0; i < count; i++)
        if (proposals[i].is_for_load == is_for_load && !consider(&advice, &proposals[i], err))
            return false;
    if (is_for_load)
        put_advice(&advice, "tuning-load", "settings that make a load slower than it need be",
            "While a database is loaded, few and wide checkpoints and roomy index builds count. "
            "Take them back afterwards (ALTER SYSTEM RESET), or as the finding tuning says.");
    else
        put_advice(&advice, "tuning", "settings that do not fit the host",
            "PostgreSQL's defaults are made for a host with little memory.");
    return true;
}

/* The usual rules: a quarter of the memory for its own buffers, three quarters count as cache. */
static bool propose(struct patient *patient, bool is_on_ssd, struct error *err)
{
    int64_t memory = (int64_t)patient->memory_size;
    int64_t buffers = rounded(between(memory / 4, 128 * MB, 16 * GB));
    int64_t work = rounded(between(memory / 800, 4 * MB, 64 * MB));
    int64_t maintenance = rounded(between(memory / 16, 64 * MB, GB));
    int64_t maintenance_load = rounded(between(memory / 8, 64 * MB, 2 * GB));
    int64_t wal = rounded(between(memory / 4, GB, 8 * GB));
    int64_t wal_load = rounded(between(memory / 2, 4 * GB, 32 * GB));
    const struct proposal proposals[] = {
        {"shared_buffers", UNIT_SIZE, buffers / 2, memory / 2, buffers, false},
        {"effective_cache_size", UNIT_SIZE, memory / 3, memory, rounded(memory * 3 / 4), false},
        ABOUT("work_mem", UNIT_SIZE, work, false),
        {"maintenance_work_mem", UNIT_SIZE, maintenance / 2, maintenance_load * 2, maintenance,
            false},
        {"autovacuum_work_mem", UNIT_SIZE, 32 * MB, memory / 16 > GB ? memory / 16 : GB,
            rounded(between(memory / 64, 64 * MB, GB)), false},
        {"max_wal_size", UNIT_SIZE, wal, wal_load * 2, wal, false},
        {"checkpoint_timeout", UNIT_SECONDS, 600, 3600, 900, false},
        {"checkpoint_completion_target", UNIT_NUMBER, 800, 1000, 900, false},
        {"wal_compression", UNIT_SWITCH, 1, 1, 1, false},
        {"random_page_cost", UNIT_NUMBER, 0, is_on_ssd ? 2000 : INT64_MAX, 1100, false},
        {"maintenance_work_mem", UNIT_SIZE, maintenance_load / 2, INT64_MAX, maintenance_load,
            true},
        {"max_wal_size", UNIT_SIZE, wal_load / 2, INT64_MAX, wal_load, true},
        {"checkpoint_timeout", UNIT_SECONDS, 1500, 86400, 1800, true},
        {"checkpoint_completion_target", UNIT_NUMBER, 800, 1000, 900, true},
        {"wal_compression", UNIT_SWITCH, 1, 1, 1, true},
    };
    size_t count = sizeof(proposals) / sizeof(proposals[0]);

    return put_proposals(patient, proposals, count, false, err)
           && put_proposals(patient, proposals, count, true, err);
}

bool look_tuning(struct patient *patient, struct error *err)
{
    const char *folder = NULL;

    if (patient->memory_size == 0) {
        struct finding *finding = finding_add(patient->findings, FINDING_NOTICE, "memory-unknown",
            "the memory of the server's host is not known, so no settings are proposed");

        finding_mend(patient->findings, finding, FINDING_WORDS,
            "say how much it has: valise doctor --memory 16GB");
        return true;
    }
    if (patient->is_here && !patient_setting(patient, "data_directory", &folder, err))
        return false;
    return propose(patient, folder != NULL && is_solid(folder), err);
}
