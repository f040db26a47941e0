#include "replay/values/plain_time.h"

#include "replay/values/iso_time.h"

#define OID_TIME 1083

bool plain_time_fits(const struct type_map *map, const struct value *value)
{
    struct iso_time time;

    return value->class == VALUE_TEXT && !map->column->is_domain
           && map->column->base_type_oid == OID_TIME
           && iso_time_read(&time, value->bytes, value->size) && !time.has_date && time.offset == 0
           && time.hour < 24 && time.minute < 60 && time.second < 60
           && value->bytes[value->size - 1] >= '0' && value->bytes[value->size - 1] <= '9';
}
