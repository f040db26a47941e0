/*
 * One fuzz target: links either with libFuzzer, or with replay.c, which runs it
 * over the files of a corpus in every ordinary build.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
