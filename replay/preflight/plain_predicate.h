/*
 * Which predicates of partial indexes can be computed for every row there is.
 *
 * Comparisons of columns with constants, IS NULL, and AND, OR and NOT of such
 * never fail, so that such an index needs no trial. Everything else may: calls
 * of functions, arithmetic, casts of columns, operators of other schemas.
 */
#ifndef REPLAY_PLAIN_PREDICATE_H
#define REPLAY_PLAIN_PREDICATE_H

#include "replay/plan/plan.h"

#include <stdbool.h>

/*
 * `definition` is what pg_get_indexdef() says with an empty search_path: then only operators of
 * pg_catalog have short names. False also if it has no predicate, or one that is not understood.
 */
bool plain_predicate_has(const struct plan_table *table, const char *definition);

#endif
