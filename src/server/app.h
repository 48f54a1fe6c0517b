/* app.h - opening and closing what the process shares (site/app.h).
 *
 *     struct app app;
 *     if (app_open(&app, true))
 *         ...                                  // http_server, calls with .app = &app and .db = app.db
 *     app_close(&app);                         // however far it came
 *
 * The app owns all that its members point to, and outlives every call. What has threads is closed before what they use.
 * What makes it false has been said on standard error.
 */
#ifndef ROENTGEN_SERVER_APP_H
#define ROENTGEN_SERVER_APP_H

#include "site/app.h"

/* The settings alone, looked at as `serve` does: all that app_open would refuse of them is refused, in the same
 * words. */
bool app_open_settings(struct app *app);
/* What a command needs: settings, log, database and stores. `serving` also starts what serve needs (tokens, metrics,
 * rate limits, thumbnails). Messages for people go to standard error. */
bool app_open(struct app *app, bool serving);
/* What servers share, where REDIS_URL names a Redis: for a command that needs it. True also when it is away,
 * which the log is told (NULL: it is not). */
bool app_open_redis(struct app *app, struct log *log, struct error *error);
/* Other processes hear at once of its events, where there is a Redis: after app_open_redis, and before what puts
 * events. */
bool app_open_announcer(struct app *app, struct error *error);
/* The cache of rendered pictures, for a command that removes files. */
bool app_open_results(struct app *app, struct error *error);
/* What looks at pictures and runs models, for a command that does jobs: processes that come when they are needed. */
bool app_open_models(struct app *app, struct error *error);
/* What waits for such a process, or for its answer, fails now: before threads that do so are waited for. */
void app_stop_models(struct app *app);
void app_close(struct app *app);
/* SIGHUP: log files are reopened, settings marked SETTING_RELOAD are read again. */
void app_reload(struct app *app);

#endif
