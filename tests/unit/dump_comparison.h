/* Comparing a dump with the database that it was made of. */
#ifndef TESTS_UNIT_DUMP_COMPARISON_H
#define TESTS_UNIT_DUMP_COMPARISON_H

#include "format/dump_reader.h"

#include <sqlite3.h>

/*
 * Fails the test unless the rows of this table are what SELECT says, value by value and in the
 * same order, and the facts of its end are those of these rows.
 */
void dump_comparison_table(const struct dump_reader *reader, uint32_t number, sqlite3 *db);

#endif
