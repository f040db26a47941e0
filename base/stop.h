/*
 * Being asked to stop.
 *
 * SIGINT, SIGTERM and SIGHUP set a flag for the whole process; who works for
 * long asks stop_check() between steps and, where it waits, polls stop_fd()
 * too. A second SIGINT or SIGTERM ends the process at once, which is safe by design.
 */
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include "base/error.h"

#include <stdbool.h>

/* Installs the handlers, once, before any thread is started. Fails with ERROR_IO. */
MUST_CHECK bool stop_install(struct error *err);

/* Asks the process to stop as a signal does; may be called in a signal handler. */
void stop_request(void);

/* As if nobody had asked: what was to be stopped has ended. */
void stop_forget(void);

bool stop_is_requested(void);

/* What a second signal does before it ends the process, in the handler; NULL: nothing. */
void stop_at_end(void (*do_last)(void));

/* Fails with ERROR_STOPPED once stopping was requested. */
MUST_CHECK bool stop_check(struct error *err);

/* A descriptor that is readable from the moment stopping was requested; -1 before install. */
int stop_fd(void);

#endif
