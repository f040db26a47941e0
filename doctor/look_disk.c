#include "doctor/look_disk.h"

#include "base/owned.h"

#include <inttypes.h>
#include <sys/statvfs.h>

static void put_unknown(struct patient *patient, const char *reason)
{
    struct finding *finding = finding_add(patient->findings, FINDING_NOTICE, "disk-unknown",
        "how much room the server's disk has is not known: %s", reason);

    finding->why = "A move from SQLite takes one to two times the SQLite file, and as much again "
                   "for WAL while it is loaded.";
    finding_mend(
        patient->findings, finding, FINDING_WORDS, "on the server's host, as its administrator:");
    finding_mend(patient->findings, finding, FINDING_SHELL,
        "df -h \"$(sudo -u postgres psql -Atc 'SHOW data_directory')\"");
}

/* size: of the database. */
static void judge(
    struct patient *patient, const char *folder, const struct statvfs *disk, uint64_t size)
{
    uint64_t unit = disk->f_frsize;
    uint64_t available = disk->f_bavail * unit;
    uint64_t total = disk->f_blocks * unit;
    struct finding *finding;

    if (available >= size && available >= total / 10) {
        patient_well(
            patient, "disk", patient_format(patient, "%s free", patient_size(patient, available)));
        return;
    }
    finding = finding_add(patient->findings, FINDING_WARNING, "disk",
        "%s of %s are free where the server keeps its data (%s); the database takes %s",
        patient_size(patient, available), patient_size(patient, total), folder,
        patient_size(patient, size));
    finding->why =
        "A full disk stops the server. REINDEX and VACUUM FULL need as much as the table "
        "again, a dump beside it half of the database or more.";
    finding_mend(patient->findings, finding, FINDING_WORDS,
        "make room, or move the data folder to a larger disk");
}

bool look_disk(struct patient *patient, struct error *err)
{
    OWNED(connection_rows) struct connection_rows rows = {0};
    const char *folder;
    struct statvfs disk;

    if (!patient->is_here) {
        put_unknown(patient, "the server runs on another host");
        return true;
    }
    if (!patient_setting(patient, "data_directory", &folder, err))
        return false;
    if (folder == NULL) {
        put_unknown(patient, "the role may not see data_directory (GRANT pg_read_all_settings)");
        return true;
    }
    if (statvfs(folder, &disk) != 0) {
        put_unknown(patient,
            patient_format(patient, "the folder %s cannot be looked at from here", folder));
        return true;
    }
    if (!patient_query(patient, "SELECT pg_database_size(current_database())", NULL, &rows, err))
        return false;
    judge(patient, folder, &disk, (uint64_t)connection_rows_integer(&rows, 0, 0));
    return true;
}
