/*
 * zstd frames whose first block is, uncompressed and alone, what depends on a
 * block's place in its file (SPEC 8.4); so the rest can be moved to another place
 * without being compressed again.
 *
 * The rest never refers to that head: it is compressed without it, and decoded
 * without it before it is moved.
 */
#ifndef FORMAT_MOVABLE_FRAME_H
#define FORMAT_MOVABLE_FRAME_H

#include "base/byte_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOVABLE_FRAME_HEAD_SIZE ((size_t)12) /* bytes: type, number, table */
#define MOVABLE_FRAME_ROOM \
    ((size_t)15) /* bytes in front of a rest, what a head needs of a frame \
                    that is long, so that no rest has to move */

/*
 * Makes a frame: of the MOVABLE_FRAME_ROOM bytes that `frame` begins with and the frame behind
 * them, which holds the rest without a checksum, one that holds `raw` (at most 2^31 bytes), of
 * which the first head_size bytes are the head.
 */
void movable_frame_join(
    struct byte_buffer *frame, const uint8_t *raw, size_t raw_size, size_t head_size);

/*
 * The opposite: leaves such a room and the rest's frame behind it. False, and nothing is changed,
 * if the frame has no head of MOVABLE_FRAME_HEAD_SIZE bytes. `checksum` is the frame's, of all its
 * content; see movable_frame_checksum().
 */
bool movable_frame_split(
    struct byte_buffer *frame, uint8_t head[MOVABLE_FRAME_HEAD_SIZE], uint32_t *checksum);

/* The checksum of a frame with this content (RFC 8878, 3.1.1). */
uint32_t movable_frame_checksum(const uint8_t *raw, size_t raw_size);

#endif
