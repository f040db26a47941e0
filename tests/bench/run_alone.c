/*
 * run_alone: runs a command and says what it took, in a file. A process that begins
 * as a copy of a large one counts that one's memory as its own; this one is small.
 *
 *     run_alone FILE COMMAND [ARGUMENT]...
 *
 * FILE gets user and system CPU seconds, and the KiB of the largest process. Ends
 * as the command does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_RUN 127 /* a shell's status of a command that it does not find */

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

int main(int count, char **arguments)
{
    struct rusage usage;
    FILE *file;
    int status;
    pid_t child;

    if (count < 3) {
        fprintf(stderr, "usage: run_alone FILE COMMAND [ARGUMENT]...\n");
        return NOT_RUN;
    }
    child = fork();
    if (child == 0) {
        execvp(arguments[2], arguments + 2);
        perror(arguments[2]);
        _exit(NOT_RUN);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("run_alone");
        return NOT_RUN;
    }
    file = fopen(arguments[1], "w");
    if (file == NULL
        || fprintf(file, "%.6f %.6f %ld\n", seconds(usage.ru_utime), seconds(usage.ru_stime),
               usage.ru_maxrss)
               < 0
        || fclose(file) != 0) {
        perror(arguments[1]);
        return NOT_RUN;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
