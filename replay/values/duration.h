/*
 * Texts of intervals that the server would read as something else.
 *
 * It takes a number for seconds, where Django keeps microseconds, and "1.02:03:04", as .NET writes
 * a day and two hours, for 1.02 days and three hours.
 */
#ifndef REPLAY_DURATION_H
#define REPLAY_DURATION_H

#include "base/byte_buffer.h"
#include "replay/values/convert.h"
#include "replay/values/type_map.h"

/*
 * Looks at the text of a value; of a column that is no interval everything fits. A number
 * becomes one of seconds by the unit that the column has (unix_time), and is CONVERT_UNIX without
 * one.
 */
enum convert_fault duration_settle(const struct type_map *map, struct byte_buffer *text);

#endif
