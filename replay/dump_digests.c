#include "replay/dump_digests.h"

static bool check_all(const struct chain *chain, struct error *err)
{
    for (size_t i = 0; i < chain->dump_count; i++)
        if (!dump_reader_check_digest(&chain->dumps[i], err))
            return error_wrap(err, "%s", chain->dumps[i].file.path);
    return true;
}

static void *work(void *argument)
{
    struct dump_digests *digests = argument;

    digests->are_right = check_all(digests->chain, &digests->error);
    return NULL;
}

void dump_digests_begin(struct dump_digests *digests, const struct chain *chain)
{
    digests->chain = chain;
    digests->is_running = pthread_create(&digests->thread, NULL, work, digests) == 0;
    if (!digests->is_running)
        work(digests);
}

static void wait(struct dump_digests *digests)
{
    if (digests->is_running)
        pthread_join(digests->thread, NULL);
    digests->is_running = false;
}

bool dump_digests_end(struct dump_digests *digests, struct error *err)
{
    wait(digests);
    if (digests->chain == NULL || digests->are_right)
        return true;
    *err = digests->error;
    return false;
}

void dump_digests_release(struct dump_digests *digests)
{
    wait(digests);
    *digests = (struct dump_digests){0};
}
