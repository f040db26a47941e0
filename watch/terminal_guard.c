#include "watch/terminal_guard.h"

#include "base/stop.h"

#include <curses.h>

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <term.h>
#include <unistd.h>

/* A terminal and signals are the process's, so this is global. */
static struct terminal_guard held;
static atomic_bool is_held;
static bool has_exit_handler;

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};
static struct sigaction before[sizeof(crashes) / sizeof(crashes[0])];

/* tputs() passes no context on. */
static struct terminal_guard *learning;

static int learn(int character)
{
    if (learning->text_size < sizeof(learning->text))
        learning->text[learning->text_size++] = (char)character;
    return character;
}

static const char *capability(const char *name)
{
    const char *text = tigetstr(name);

    return text == (const char *)-1 ? NULL : text;
}

bool terminal_guard_has_screen(int fd)
{
    int status;

    return setupterm(NULL, fd, &status) == OK && capability("cup") != NULL;
}

void terminal_guard_learn(struct terminal_guard *guard, int fd)
{
    static const char *const names[] = {"sgr0", "op", "rmkx", "cnorm", "rmcup"};

    guard->fd = fd;
    guard->text_size = 0;
    learning = guard;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (capability(names[i]) != NULL)
            tputs(capability(names[i]), 1, learn);
}

/* May be called by a handler. In the background SIGTTOU would stop the process for ever here. */
static void give_back(void)
{
    int number = errno;
    sigset_t background;
    sigset_t before_it;

    if (!atomic_exchange(&is_held, false))
        return;
    sigemptyset(&background);
    sigaddset(&background, SIGTTOU);
    pthread_sigmask(SIG_BLOCK, &background, &before_it);
    if (write(held.fd, held.text, held.text_size) < 0)
        errno = 0; /* then there is nothing more to do for it */
    tcsetattr(held.fd, TCSANOW, &held.settings);
    pthread_sigmask(SIG_SETMASK, &before_it, NULL);
    errno = number;
}

/* SA_RESETHAND: raised again, the signal does what it did before. */
static void on_crash(int number)
{
    give_back();
    raise(number);
}

void terminal_guard_hold(const struct terminal_guard *guard)
{
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};

    held = *guard;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        sigaction(crashes[i], &action, &before[i]);
    if (!has_exit_handler)
        has_exit_handler = atexit(give_back) == 0;
    stop_at_end(give_back);
    atomic_store(&is_held, true);
}

void terminal_guard_let_go(void)
{
    if (!atomic_exchange(&is_held, false))
        return;
    stop_at_end(NULL);
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        sigaction(crashes[i], &before[i], NULL);
}
