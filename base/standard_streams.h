/*
 * Standard input, output and error that are there.
 *
 * A program that was started with one of them closed would get its number for the
 * next file that it opens: it would read its own pipe for standard input, or print
 * a message into its dump.
 */
#ifndef BASE_STANDARD_STREAMS_H
#define BASE_STANDARD_STREAMS_H

/*
 * Gives each of descriptors 0, 1 and 2 that is closed something that fails when it is used (EBADF),
 * as the closed one would. A reader that went away, and the limit of "ulimit -f", become errors of
 * write(), not the end of the process. First in main().
 */
void standard_streams_open(void);

#endif
