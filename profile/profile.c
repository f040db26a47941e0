#include "profile/profile.h"

#include "base/byte_buffer.h"
#include "base/file.h"
#include "base/owned.h"
#include "profile/builtin_profiles.h"
#include "profile/profile_parse.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const profile_units[] = {
    "none", "seconds", "milliseconds", "microseconds", "nanoseconds", NULL};

static bool recognises(const struct profile *profile, const struct profile_subject *subject)
{
    for (size_t i = 0; i < profile->recognise.count; i++)
        if (!subject->has_table(subject->context, profile->recognise.items[i]))
            return false;
    return profile->recognise.count > 0;
}

static bool read_file(struct profile *profile, const char *path, struct error *err)
{
    OWNED(byte_buffer) struct byte_buffer text = {0};

    return file_read_all(&text, path, YAML_TREE_SIZE_MAX, err)
           && profile_parse(profile, path, text.data, text.size, err);
}

/* Keeps the profile if it is for this subject. */
static bool keep_if_recognised(
    struct profile *profile, struct profile *candidate, const struct profile_subject *subject)
{
    if (!recognises(candidate, subject))
        return false;
    *profile = *candidate;
    *candidate = (struct profile){0};
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t text_size = strlen(text);
    size_t end_size = strlen(end);

    return text_size >= end_size && strcmp(text + text_size - end_size, end) == 0;
}

static int only_yaml(const struct dirent *entry)
{
    return ends_with(entry->d_name, ".yaml");
}

static bool try_file(struct profile *profile, const char *folder, const char *name,
    const struct profile_subject *subject, struct error *err)
{
    OWNED(profile) struct profile candidate = {0};
    OWNED(byte_buffer) struct byte_buffer path = {0};

    byte_buffer_format(&path, "%s/%s%c", folder, name, '\0');
    if (!read_file(&candidate, (const char *)path.data, err))
        return false;
    (void)keep_if_recognised(profile, &candidate, subject);
    return true;
}

static bool find_in_folder(struct profile *profile, const char *folder,
    const struct profile_subject *subject, struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, only_yaml, alphasort);
    bool done = count >= 0 || error_set_errno(err, "cannot read VALISE_PROFILE_DIR \"%s\"", folder);

    for (int i = 0; i < count; i++) {
        if (done && profile->name == NULL)
            done = try_file(profile, folder, entries[i]->d_name, subject, err);
        free(entries[i]);
    }
    free(entries);
    return done;
}

static bool find_builtin(
    struct profile *profile, const struct profile_subject *subject, struct error *err)
{
    for (size_t i = 0; i < builtin_profile_count; i++) {
        const struct builtin_profile *builtin = &builtin_profiles[i];
        OWNED(profile) struct profile candidate = {0};

        if (!profile_parse(&candidate, builtin->name, builtin->text, builtin->size, err))
            return false;
        if (keep_if_recognised(profile, &candidate, subject))
            return true;
    }
    return true;
}

bool profile_find(struct profile *profile, const char *path, const struct profile_subject *subject,
    struct error *err)
{
    const char *folder = getenv("VALISE_PROFILE_DIR");

    *profile = (struct profile){0};
    if (path != NULL && strcmp(path, "none") == 0)
        return true;
    if (path != NULL) {
        if (!read_file(profile, path, err))
            return false;
        if (profile->recognise.count == 0 || recognises(profile, subject))
            return true;
        return error_set(err, ERROR_REFUSED,
            "profile \"%s\" is for %s, but the %s lacks tables that it recognises; leave out "
            "--profile to have the right one found",
            path, profile->title, subject->word);
    }
    if (folder != NULL && *folder != '\0' && !find_in_folder(profile, folder, subject, err))
        return false;
    return profile->name != NULL || find_builtin(profile, subject, err);
}

bool profile_use_for_staging(struct profile *profile, struct error *err)
{
    size_t count = profile->table_count;
    struct profile_table *tables;

    if (profile->staging.count == 0)
        return error_set(err, ERROR_USAGE,
            "--staging needs a profile that says what staging must not have (\"staging\"); %s",
            profile->name == NULL ? "there is none for this dump" : "this one does not");
    tables = arena_alloc(&profile->arena, count + profile->staging.count, sizeof(*tables));
    if (count > 0)
        memcpy(tables, profile->tables, count * sizeof(*tables));
    for (size_t i = 0; i < profile->staging.count; i++) {
        const char *name = profile->staging.items[i];
        size_t at = 0;

        while (at < count && strcmp(tables[at].name, name) != 0)
            at++;
        count += at == count;
        tables[at] = (struct profile_table){.name = name, .action = PROFILE_EMPTY};
    }
    profile->tables = tables;
    profile->table_count = count;
    return true;
}

const struct profile_table *profile_table(const struct profile *profile, const char *name)
{
    const struct profile_table *found = NULL;

    for (size_t i = 0; i < profile->table_count; i++) {
        if (strcmp(profile->tables[i].name, name) == 0)
            return &profile->tables[i];
        if (strcasecmp(profile->tables[i].name, name) == 0)
            found = &profile->tables[i];
    }
    return found;
}

const struct profile_sequence *profile_sequence(const struct profile *profile, const char *name)
{
    for (size_t i = 0; i < profile->sequence_count; i++)
        if (strcmp(profile->sequences[i].name, name) == 0)
            return &profile->sequences[i];
    return NULL;
}

void profile_release(struct profile *profile)
{
    yaml_tree_release(&profile->tree);
    arena_release(&profile->arena);
    *profile = (struct profile){0};
}
