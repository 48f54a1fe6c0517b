/* places.c - see places.h. */
#include "server/places.h"

#include "upkeep/backup.h"
#include "base/log.h"
#include "base/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOKING, FIT, UNFIT };
enum { PATIENCE_US = 10000000 }; /* for what is only slow */

struct places {
    struct app *app;
    struct thread thread;
    struct instant since;
    atomic_int backup;
};

void places_warn(struct app *app, const char *event, const char *words)
{
    fprintf(stderr, "roentgen: %s\n", words);
    log_write(app->log, LOG_WARNING, NULL, event, "%s", words);
}

static void look_at_backup(struct places *p, struct arena *arena)
{
    struct error error = { 0 };
    struct str target = p->app->config.backup_target;
    bool fit = !target.len || backup_place_will_do(arena_cstring(arena, target), &error);
    atomic_store(&p->backup, fit ? FIT : UNFIT);
    if (!fit)
        places_warn(p->app, "backup.place",
                    arena_format(arena, "BACKUP_TARGET: no backup can be made there now: %s", error.message).at);
}

static void look_at_import(const struct places *p, struct arena *arena)
{
    struct str root = p->app->config.import_root;
    if (root.len && access(arena_format(arena, "%.*s/.", STR_FMT(root)).at, R_OK | X_OK) != 0)
        places_warn(p->app, "import.place",
                    "IMPORT_ROOT is no folder that can be read: nothing can be imported from there now");
}

static void look(void *context)
{
    struct places *p = context;
    struct arena arena;
    arena_init(&arena);
    look_at_backup(p, &arena);
    look_at_import(p, &arena);
    arena_release(&arena);
}

bool places_open(struct app *app, struct places **out, struct error *error)
{
    struct places *p = calloc(1, sizeof(*p));
    if (!p)
        abort();
    p->app = app;
    p->since = clock_now();
    atomic_init(&p->backup, LOOKING);
    if (!thread_start(&p->thread, "places", look, p, error)) {
        free(p);
        return false;
    }
    *out = p;
    return true;
}

void places_close(struct places *p)
{
    if (!p)
        return;
    thread_join(&p->thread);
    free(p);
}

bool places_backup_is_unfit(const struct places *p, struct instant *since, const char **words)
{
    int found = atomic_load(&p->backup);
    *since = p->since;
    *words = found == UNFIT ? "none could be made at BACKUP_TARGET when the server started"
                            : "BACKUP_TARGET does not answer";
    return found == UNFIT || (found == LOOKING && clock_now().us - p->since.us > PATIENCE_US);
}
