#include "base/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Signals are a property of the process, so this is its one piece of global state. */
static atomic_bool requested;
static atomic_int wake_fd = -1;
static atomic_uint seen; /* bits of the signals that came */
static void (*_Atomic last)(void);

void stop_request(void)
{
    static const uint64_t one = 1;
    int number = errno;
    int fd = atomic_load(&wake_fd);

    atomic_store(&requested, true);
    /* The counter can only be full when the descriptor is readable already. */
    if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
        errno = number;
    errno = number;
}

void stop_at_end(void (*do_last)(void))
{
    atomic_store(&last, do_last);
}

/* The second signal of a kind finds the default action, which ends the process. But a terminal that
   goes sends two: SIGHUP comes from the system, and again from the shell. */
static void on_signal(int number)
{
    unsigned bit = 1u << number;
    void (*do_last)(void) = atomic_load(&last);

    if ((atomic_fetch_or(&seen, bit) & bit) == 0 || number == SIGHUP) {
        stop_request();
        return;
    }
    if (do_last != NULL)
        do_last();
    signal(number, SIG_DFL);
    raise(number);
}

bool stop_install(struct error *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return error_set_errno(err, "cannot create an event descriptor");
    atomic_store(&wake_fd, fd);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        struct sigaction before;

        if (sigaction(numbers[i], NULL, &before) != 0)
            return error_set_errno(err, "cannot examine the handler of signal %d", numbers[i]);
        /* Under nohup, SIGHUP stays ignored. */
        if (before.sa_handler == SIG_IGN)
            continue;
        if (sigaction(numbers[i], &action, NULL) != 0)
            return error_set_errno(err, "cannot handle signal %d", numbers[i]);
    }
    return true;
}

void stop_forget(void)
{
    uint64_t count;
    int fd = atomic_load(&wake_fd);

    atomic_store(&requested, false);
    atomic_store(&seen, 0);
    if (fd >= 0 && read(fd, &count, sizeof(count)) < 0)
        errno = 0;
}

bool stop_is_requested(void)
{
    return atomic_load(&requested);
}

bool stop_check(struct error *err)
{
    if (!stop_is_requested())
        return true;
    return error_set(err, ERROR_STOPPED, "stopped on request");
}

int stop_fd(void)
{
    return atomic_load(&wake_fd);
}
