#include "tools/sql_name.h"

void sql_name_put(struct byte_buffer *sql, const struct schema_text *name)
{
    byte_buffer_put_u8(sql, '"');
    for (size_t i = 0; i < name->size; i++) {
        if (name->bytes[i] == '"')
            byte_buffer_put_u8(sql, '"');
        byte_buffer_put_u8(sql, (uint8_t)name->bytes[i]);
    }
    byte_buffer_put_u8(sql, '"');
}
