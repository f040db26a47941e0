/*
 * A schema with one of everything that the catalog and the DDL must get right.
 */
#ifndef TESTS_UNIT_NASTY_SCHEMA_H
#define TESTS_UNIT_NASTY_SCHEMA_H

#include "postgres/connection.h"

/* Makes it in the schema public, as rich as the server's version allows. */
void nasty_schema_create(struct connection *connection);

#endif
