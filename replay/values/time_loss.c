#include "replay/values/time_loss.h"

#include "replay/values/iso_time.h"

enum {
    OID_TIME = 1083,
    OID_TIMETZ = 1266,
};

#define PRECISION_MAX 6 /* microseconds */

bool time_loss_occurs(const struct type_map *map, const uint8_t *text, size_t size)
{
    uint32_t oid = map->column->base_type_oid;
    int32_t modifier = map->column->type_modifier;
    struct iso_time time;

    if ((oid != OID_TIME && oid != OID_TIMETZ) || !iso_time_read(&time, text, size))
        return false;
    return time.digit_count > (modifier < 0 || modifier > PRECISION_MAX ? PRECISION_MAX : modifier)
           || time.has_date || (oid == OID_TIME && time.offset != 0);
}
