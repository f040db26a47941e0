#include "doctor/look_disk.h"

#include "base/owned.h"
#include "postgres/server_disk.h"

#include <inttypes.h>

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
static void judge(struct patient *patient, const struct server_disk *disk, uint64_t size)
{
    uint64_t available = disk->free_size;
    uint64_t total = disk->size;
    struct finding *finding;

    if (available >= size && available >= total / 10) {
        patient_well(
            patient, "disk", patient_format(patient, "%s free", patient_size(patient, available)));
        return;
    }
    finding = finding_add(patient->findings, FINDING_WARNING, "disk",
        "%s of %s are free where the server keeps its data (%s); the database takes %s",
        patient_size(patient, available), patient_size(patient, total), disk->folder,
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
    OWNED(server_disk) struct server_disk disk = {0};

    if (!server_disk_read(&disk, &patient->connection, err))
        return false;
    if (disk.reason != NULL) {
        put_unknown(patient, disk.reason);
        return true;
    }
    if (!patient_query(patient, "SELECT pg_database_size(current_database())", NULL, &rows, err))
        return false;
    judge(patient, &disk, (uint64_t)connection_rows_integer(&rows, 0, 0));
    return true;
}
