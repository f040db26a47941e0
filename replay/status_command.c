#include "replay/status_command.h"

#include "base/owned.h"
#include "base/stop.h"
#include "replay/report/status_report.h"
#include "replay/report/status_watch.h"
#include "replay/target/target_server.h"

static bool watch(const struct watch_options *options, struct connection *connection,
    struct progress *progress, struct error *err)
{
    bool done =
        watch_options_start(options, progress, err) && status_watch_run(connection, progress, err);

    watch_options_finish(options, progress, NULL, done ? NULL : err);
    /* Whoever stopped watching still wants to know how it stands. */
    stop_forget();
    return done;
}

bool status_command_run(const struct options *options, const struct connection_target *target,
    struct progress *progress, struct byte_buffer *out, struct error *err)
{
    OWNED(connection) struct connection connection = {0};
    OWNED(status) struct status status = {0};
    struct connection_target watcher = *target;

    watcher.application = TARGET_SERVER_WATCHER;
    if (!connection_open(&connection, &watcher, err)
        || (options->is_watch && !watch(&options->watch, &connection, progress, err))
        || !status_read(&status, &connection, err))
        return false;
    if (options->is_json)
        status_report_json(&status, out);
    else
        status_report_text(&status, out);
    return true;
}
