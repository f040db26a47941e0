/*
 * What the doctor found: names that stay, and how to mend it.
 *
 * A finding's name is an identifier that programs may rely on (docs/doctor.md
 * lists all); its texts are for people. Everything lives in the list's arena.
 */
#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

#include "base/arena.h"
#include "base/byte_buffer.h"

#include <stddef.h>

enum finding_severity {
    FINDING_OK,      /* looked at, nothing to say */
    FINDING_NOTICE,  /* good to know, or could not be seen */
    FINDING_WARNING, /* will hurt some day, or slows down */
    FINDING_ERROR,   /* does not work, or endangers data */
    FINDING_SEVERITY_COUNT,
};

enum finding_mend_kind {
    FINDING_SQL,   /* for psql, connected to the database */
    FINDING_SHELL, /* for a shell on a host that reaches the server */
    FINDING_WORDS, /* for a person */
};

struct finding_mend {
    enum finding_mend_kind kind;
    const char *text; /* one command; SQL ends with ";" */
};

struct finding {
    const char *name;
    enum finding_severity severity;
    const char *what;
    const char *why;                  /* why it matters; NULL: plain */
    const char *fix;                  /* the NAME of --fix that mends it; NULL: none */
    const struct finding_mend *mends; /* in the order to follow */
    size_t mend_count;
};

/* Zero-initialise. */
struct finding_list {
    struct arena arena;
    struct finding **items; /* owned array */
    size_t count;
    size_t capacity;
};

void finding_list_release(struct finding_list *list);

/* Appends one; what it says follows. The result lives as long as the list. */
struct finding *finding_add(struct finding_list *list, enum finding_severity severity,
    const char *name, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Appends a command to a finding. */
void finding_mend(struct finding_list *list, struct finding *finding, enum finding_mend_kind kind,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* How many there are of a severity. */
size_t finding_count(const struct finding_list *list, enum finding_severity severity);

const char *finding_severity_name(enum finding_severity severity);

const char *finding_mend_kind_name(enum finding_mend_kind kind);

/* For people: the gravest first; what is well in one line at the end. */
void finding_put_text(struct byte_buffer *out, const struct finding_list *list);

#endif
