/* health.h - looks whether the server can serve, in a thread of its own.
 *
 *     prober_open(app, &app->prober, &error)   // by app_open; the endpoints are health.c's own
 *     prober_close(app->prober)                // after the look under way
 *
 * A database or a disk that does not answer holds up that thread and nobody else: who asks waits a bounded time for a
 * look that began after the question, and is told at once when one has been under way for longer than that. Many who
 * ask at the same time share a look.
 *
 * No answer in time is an answer: `down`, with 503, as is what a look finds wrong with database, schema or files.
 */
#ifndef ROENTGEN_HEALTH_H
#define ROENTGEN_HEALTH_H

struct app;
struct prober;

bool prober_open(struct app *app, struct prober **out, struct error *error);
void prober_close(struct prober *prober); /* takes NULL */

#endif
