#include "tools/cmd_verify.h"

#include "base/command_line.h"
#include "base/file.h"
#include "base/json_writer.h"
#include "base/owned.h"
#include "base/safe_text.h"
#include "base/stop.h"
#include "format/state.h"
#include "tools/chain_report.h"
#include "tools/dump_check.h"
#include "watch/watch_options.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define THREAD_COUNT_MAX 256

/* What the tables of a check add up to. */
struct tally {
    uint32_t table_count; /* with rows in a dump */
    uint32_t whole_count;
    size_t part_count[DAMAGE_FILE + 1]; /* damages of each part */
};

static size_t kept_damages(const struct dump_check *check)
{
    return check->damage_count < DUMP_CHECK_DAMAGE_MAX ? check->damage_count
                                                       : DUMP_CHECK_DAMAGE_MAX;
}

static struct tally tally_of(const struct dump_check *check)
{
    struct tally tally = {0};

    for (uint32_t i = 0; check->has_schema && i < check->schema.table_count; i++) {
        if (!schema_table_has_rows(&check->schema.tables[i]))
            continue;
        tally.table_count++;
        tally.whole_count += dump_check_table_is_whole(check, i);
    }
    for (size_t i = 0; i < kept_damages(check); i++)
        tally.part_count[check->damages[i].part]++;
    return tally;
}

static const char *part_name(enum damage_part part)
{
    static const char *const names[] = {
        [DAMAGE_HEADER] = "header",
        [DAMAGE_BLOCK] = "block",
        [DAMAGE_TABLE] = "table",
        [DAMAGE_INDEX] = "index",
        [DAMAGE_TAIL] = "tail",
        [DAMAGE_FILE] = "file",
    };

    return names[part];
}

/* --- for people ------------------------------------------------------------- */

static void put_name(struct byte_buffer *out, const struct dump_check *check, uint32_t table)
{
    const struct schema_text *name = &check->schema.tables[table].name;

    safe_text_quote(out, name->bytes, name->size);
}

static void put_damage(
    struct byte_buffer *out, const struct dump_check *check, const struct damage *damage)
{
    byte_buffer_format(
        out, "%s %s", damage->err.kind == ERROR_IO ? "unread" : "damaged", part_name(damage->part));
    if (damage->number != DAMAGE_NO_NUMBER)
        byte_buffer_format(out, " %" PRIu32, damage->number);
    if (damage->part == DAMAGE_BLOCK)
        byte_buffer_format(out, " at byte %" PRIu64, damage->offset);
    if (damage->size > 0)
        byte_buffer_format(out, " (%" PRIu64 " bytes)", damage->size);
    if (damage->table != INDEX_NO_TABLE) {
        byte_buffer_format(out, damage->part == DAMAGE_TABLE ? " " : ", table ");
        put_name(out, check, damage->table);
    }
    byte_buffer_format(out, ": ");
    safe_text_put(out, damage->err.text, strlen(damage->err.text));
    byte_buffer_format(out, "\n");
}

static void put_tables(struct byte_buffer *out, const struct dump_check *check, bool whole)
{
    const char *before = whole ? "whole tables: " : "damaged tables: ";
    bool is_any = false;

    for (uint32_t i = 0; i < check->schema.table_count; i++) {
        if (!schema_table_has_rows(&check->schema.tables[i])
            || dump_check_table_is_whole(check, i) != whole)
            continue;
        byte_buffer_format(out, "%s", is_any ? ", " : before);
        put_name(out, check, i);
        is_any = true;
    }
    byte_buffer_format(out, is_any ? "\n" : "");
}

static void put_text(struct byte_buffer *out, const struct dump_check *check)
{
    struct tally tally = tally_of(check);
    char state[STATE_TEXT_SIZE];

    safe_text_put(out, check->file.path, strlen(check->file.path));
    byte_buffer_format(out, ": %s, %zu blocks, %" PRIu32 " tables, %" PRIu64 " rows checked\n",
        !check->has_header                ? "dump of unknown kind"
        : check->header.kind == DUMP_FULL ? "full dump"
                                          : "delta",
        dump_check_block_count(check), tally.table_count, check->row_count);
    if (check->has_state) {
        state_format(state, check->state_id);
        byte_buffer_format(out, "state %s\n", state);
    }
    for (size_t i = 0; i < kept_damages(check); i++)
        put_damage(out, check, &check->damages[i]);
    if (check->damage_count > kept_damages(check))
        byte_buffer_format(out, "and %zu more\n", check->damage_count - kept_damages(check));
    if (check->damage_count == 0) {
        byte_buffer_format(out, "whole\n");
    } else if (!check->has_schema) {
        byte_buffer_format(out, "which tables are whole cannot be told: the schema is lost\n");
    } else {
        put_tables(out, check, false);
        put_tables(out, check, true);
    }
}

/* --- for programs ------------------------------------------------------------ */

static void put_table_names(struct json_writer *w, const struct dump_check *check, bool whole)
{
    json_writer_name(w, whole ? "whole_tables" : "damaged_tables");
    json_writer_begin_array(w);
    for (uint32_t i = 0; check->has_schema && i < check->schema.table_count; i++) {
        const struct schema_table *table = &check->schema.tables[i];

        if (schema_table_has_rows(table) && dump_check_table_is_whole(check, i) == whole)
            json_writer_bytes(w, table->name.bytes, table->name.size);
    }
    json_writer_end_array(w);
}

static void put_json_damage(
    struct json_writer *w, const struct dump_check *check, const struct damage *damage)
{
    json_writer_begin_object(w);
    json_writer_named_text(w, "part", part_name(damage->part));
    if (damage->number != DAMAGE_NO_NUMBER)
        json_writer_named_unsigned(w, "block", damage->number);
    json_writer_named_unsigned(w, "offset", damage->offset);
    if (damage->size > 0)
        json_writer_named_unsigned(w, "size", damage->size);
    if (damage->table != INDEX_NO_TABLE) {
        const struct schema_text *name = &check->schema.tables[damage->table].name;

        json_writer_name(w, "table");
        json_writer_bytes(w, name->bytes, name->size);
    }
    json_writer_named_text(w, "error", damage->err.text);
    json_writer_end_object(w);
}

static void put_json(struct byte_buffer *out, const struct dump_check *check)
{
    struct json_writer w = {.out = out};
    char state[STATE_TEXT_SIZE];

    json_writer_begin_object(&w);
    json_writer_named_text(&w, "file", check->file.path);
    json_writer_named_boolean(&w, "whole", check->damage_count == 0);
    json_writer_named_text(&w, "kind",
        !check->has_header                ? NULL
        : check->header.kind == DUMP_FULL ? "full"
                                          : "delta");
    if (check->has_state)
        state_format(state, check->state_id);
    json_writer_named_text(&w, "state", check->has_state ? state : NULL);
    json_writer_named_unsigned(&w, "size", check->file.size);
    json_writer_named_unsigned(&w, "raw_size", check->raw_size);
    json_writer_named_unsigned(&w, "blocks", dump_check_block_count(check));
    json_writer_named_unsigned(&w, "rows", check->row_count);
    json_writer_named_unsigned(&w, "damage_count", check->damage_count);
    json_writer_name(&w, "damages");
    json_writer_begin_array(&w);
    for (size_t i = 0; i < kept_damages(check); i++)
        put_json_damage(&w, check, &check->damages[i]);
    json_writer_end_array(&w);
    put_table_names(&w, check, false);
    put_table_names(&w, check, true);
    json_writer_end_object(&w);
    json_writer_finish(&w);
}

/* --- verdict ---------------------------------------------------------------- */

/* Damage outweighs newness, and both outweigh what could not be read. */
static enum error_kind worst_kind(const struct dump_check *check)
{
    static const enum error_kind by_weight[] = {ERROR_CORRUPT, ERROR_UNSUPPORTED, ERROR_IO};

    for (size_t i = 0; i < sizeof(by_weight) / sizeof(by_weight[0]); i++)
        for (size_t k = 0; k < kept_damages(check); k++)
            if (check->damages[k].err.kind == by_weight[i])
                return by_weight[i];
    return ERROR_CORRUPT;
}

/* Why the system did not let it be read, if that is all. */
static const char *first_refusal(const struct dump_check *check)
{
    for (size_t i = 0; i < kept_damages(check); i++)
        if (check->damages[i].err.kind == ERROR_IO)
            return check->damages[i].err.text;
    return "";
}

static bool judge(const struct dump_check *check, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer parts = {0};
    struct tally tally = tally_of(check);

    if (check->damage_count == 0)
        return true;
    for (int part = DAMAGE_HEADER; part <= DAMAGE_FILE; part++) {
        size_t count = tally.part_count[part];
        const char *before = parts.size > 0 ? ", " : "";

        if (part == DAMAGE_BLOCK && count > 0)
            byte_buffer_format(&parts, "%s%zu block%s", before, count, count == 1 ? "" : "s");
        else if (part != DAMAGE_TABLE && count > 0)
            byte_buffer_format(&parts, "%sthe %s", before, part_name((enum damage_part)part));
    }
    if (parts.size > 0)
        byte_buffer_format(&parts, "; ");
    if (check->has_schema)
        byte_buffer_format(&parts, "%" PRIu32 " of %" PRIu32 " tables are whole", tally.whole_count,
            tally.table_count);
    else
        byte_buffer_format(&parts, "which tables are whole cannot be told");
    if (worst_kind(check) == ERROR_IO)
        return error_set(err, ERROR_IO, "%s: not all of it was read, it may be whole: %.*s; %s",
            check->file.path, (int)parts.size, (const char *)parts.data, first_refusal(check));
    return error_set(err, worst_kind(check), "%s: damaged: %.*s", check->file.path, (int)parts.size,
        (const char *)parts.data);
}

/* --- files ------------------------------------------------------------------ */

/* What is asked for, and what was found. */
struct verification {
    uint64_t thread_count;
    bool as_json;
    struct watch_options watch;
    struct progress progress;
    struct byte_buffer out; /* printed when progress is no longer shown */
};

static void verification_release(struct verification *verification)
{
    progress_release(&verification->progress);
    byte_buffer_release(&verification->out);
}

static bool verify_one(struct verification *verification, const char *path, struct error *err)
{
    OWNED(dump_check) struct dump_check check = {0};
    struct progress *progress = &verification->progress;

    progress_reset(progress);
    progress_describe(progress, path, NULL);
    if (!dump_check_run(&check, path, (unsigned)verification->thread_count, progress, err))
        return false;
    for (size_t i = 0; i < kept_damages(&check); i++)
        progress_tell(progress, PROGRESS_PROBLEM, check.damages[i].err.text, NULL);
    if (verification->as_json)
        put_json(&verification->out, &check);
    else
        put_text(&verification->out, &check);
    return judge(&check, err);
}

/* Every dump, and then what they come to together. The first failure is the one that is told. */
static bool verify_chain(
    struct verification *verification, const struct command_line_result *parsed, struct error *err)
{
    struct error failure;
    bool is_whole = true;

    for (size_t i = 0; i < parsed->operand_count; i++)
        if (file_is_pipe(parsed->operands[i]))
            return error_set(err, ERROR_USAGE,
                "\"%s\": a chain is read twice, so standard input and pipes are for one FILE alone",
                parsed->operands[i]);
    for (size_t i = 0; i < parsed->operand_count; i++) {
        if (!verify_one(verification, parsed->operands[i], &failure)) {
            if (is_whole)
                *err = failure;
            is_whole = false;
        }
    }
    return is_whole
           && chain_report_check(&verification->out, (const char *const *)parsed->operands,
               parsed->operand_count, err);
}

static bool verify(
    struct verification *verification, const struct command_line_result *parsed, struct error *err)
{
    struct error failure;
    bool done;

    progress_init(&verification->progress, "valise", "verify");
    done = stop_install(err)
           && watch_options_start(&verification->watch, &verification->progress, err)
           && (parsed->operand_count == 1 ? verify_one(verification, parsed->operands[0], err)
                                          : verify_chain(verification, parsed, err));
    watch_options_finish(&verification->watch, &verification->progress, NULL, done ? NULL : err);
    if (file_print(&verification->out, done ? err : &failure))
        return done;
    return false;
}

/* --- command ---------------------------------------------------------------- */

#define WATCH_AT 2 /* the first of the options that are the same in every program */

bool cmd_verify_run(int argc, char **argv, struct error *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    OWNED(verification)
    struct verification verification = {.thread_count = cores < 1 ? 1 : (uint64_t)cores};
    struct command_line_option options[] = {
        {.name = "json", .flag = &verification.as_json, .help = "print the result as JSON"},
        {.letter = 't',
            .name = "threads",
            .value_name = "N",
            .number = &verification.thread_count,
            .number_min = 1,
            .number_max = THREAD_COUNT_MAX,
            .help = "blocks to check at the same time (default: one for each core)"},
        [WATCH_AT + WATCH_OPTIONS_COUNT] = {0},
    };
    const struct command_line line = {
        .program = "valise verify",
        .synopsis = "[--json] [--threads N] FILE\n[--threads N] FULL DELTA...",
        .summary = "Checks every byte of a dump: frames, checksums, row hashes, table sums, facts, "
                   "state and tail. FILE may be - for standard input. When something is damaged, "
                   "says which block of which table, and which tables are still whole. Of several "
                   "dumps also whether each leads from the one before it to its own state.",
        .options = options,
        .epilogue =
            "Exit status: 0 whole, 2 wrong usage, 4 the file cannot be read, 5 not a dump,\n"
            "6 damaged, 7 newer than this program, 9 the dumps do not follow each other,\n"
            "11 stopped.\n",
        .operand_name = "FILE",
        .operand_min = 1,
        .operand_max = INT_MAX,
    };
    OWNED(command_line_result) struct command_line_result parsed = {0};

    watch_options_describe(options + WATCH_AT, &verification.watch);
    if (!command_line_parse(&line, argc, argv, &parsed, err))
        return false;
    if (parsed.answer.size > 0)
        return file_print(&parsed.answer, err);
    if (verification.thread_count > THREAD_COUNT_MAX)
        verification.thread_count = THREAD_COUNT_MAX;
    if (verification.as_json && parsed.operand_count > 1)
        return error_set(err, ERROR_USAGE, "--json is for one FILE");
    return verify(&verification, &parsed, err);
}
