/*
 * Ownership that the compiler releases.
 *
 *     OWNED(byte_buffer) struct byte_buffer raw = {0};
 *
 * calls byte_buffer_release(&raw) when `raw` leaves scope. A release function
 * accepts a zeroed or half-built object, and abandons what was not committed.
 */
#ifndef BASE_OWNED_H
#define BASE_OWNED_H

#define OWNED(type) __attribute__((cleanup(type##_release)))

#endif
