#include "format/state.h"

#include "base/byte_buffer.h"
#include "base/owned.h"

#include <stdio.h>

void state_compute(
    uint8_t state_id[SHA256_SIZE], const struct schema *schema, const struct table_end *ends)
{
    OWNED(byte_buffer) struct byte_buffer bytes = {0};
    OWNED(sha256) struct sha256 sha = {0};
    uint8_t sum[HASH128_SIZE];

    byte_buffer_put_u64(&bytes, 0);
    schema_encode_identity(&bytes, schema);
    byte_buffer_set_u64(&bytes, 0, bytes.size - 8);
    for (uint32_t i = 0; i < schema->table_count; i++) {
        const struct schema_table *table = &schema->tables[i];

        if (!schema_table_has_rows(table))
            continue;
        byte_buffer_put_u32(&bytes, (uint32_t)table->name.size);
        byte_buffer_put(&bytes, table->name.bytes, table->name.size);
        byte_buffer_put_u64(&bytes, ends[i].row_count);
        checksum_store(sum, ends[i].sum);
        byte_buffer_put(&bytes, sum, sizeof(sum));
    }
    sha256_init(&sha);
    sha256_update(&sha, bytes.data, bytes.size);
    sha256_final(&sha, state_id);
}

void state_format(char out[STATE_TEXT_SIZE], const uint8_t state_id[SHA256_SIZE])
{
    for (size_t i = 0; i < SHA256_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", state_id[i]);
}
