/* Amounts in words, for people. */
#ifndef WATCH_AMOUNT_TEXT_H
#define WATCH_AMOUNT_TEXT_H

#include <stdint.h>

#define AMOUNT_TEXT_ROOM 32 /* bytes */

/* "1.5 GB": decimal units, three digits or so. Returns text. */
const char *amount_text_size(char text[AMOUNT_TEXT_ROOM], uint64_t size);

/* "950", "12.3k", "4.5M". */
const char *amount_text_count(char text[AMOUNT_TEXT_ROOM], uint64_t count);

/* "8 s", "4 min 05 s", "2 h 10 min", "3 d 04 h"; "?" when negative. */
const char *amount_text_duration(char text[AMOUNT_TEXT_ROOM], double seconds);

#endif
