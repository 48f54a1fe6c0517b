/* schedule.c - see schedule.h. */
#include "jobs/schedule.h"

#include "jobs/cron.h"

#include <stdatomic.h>

enum { SCHEDULES_MAX = 32 };

struct timed {
    const struct schedule *row;
    struct str text; /* empty: never */
    struct cron cron;
    _Atomic int64_t next_us; /* as far as this process knows; 0: it has not looked yet, INT64_MAX: never */
};

struct schedules {
    struct app *app;
    int count;
    struct timed timed[SCHEDULES_MAX];
};

/* The setting that `cause` is about. */
static void say_which(const struct schedule *row, const struct error *cause, struct error *error)
{
    for (int i = 0; i < config_count; i++)
        if (config_rows[i].offset == row->setting - 1)
            error_set(error, cause->code, "%s: %s", config_rows[i].name, cause->message);
    if (!error->code)
        error_set(error, cause->code, "%s: %s", row->name, cause->message);
}

static struct str text_of(const struct config *config, const struct schedule *row)
{
    const char *at = (const char *)config;
    if (row->wish && !*(const int64_t *)(at + row->wish - 1))
        return STR_NULL;
    struct str text = row->setting ? *(const struct str *)(at + row->setting - 1) : str_from(row->always);
    return config_is_scheduled(text) ? text : STR_NULL;
}

bool schedules_open(struct app *app, const struct schedule *rows, int count, struct schedules **out,
                    struct error *error)
{
    struct schedules *s = calloc(1, sizeof(*s));
    if (!s || count > SCHEDULES_MAX)
        abort();
    s->app = app;
    for (s->count = 0; s->count < count; s->count++) {
        struct timed *t = &s->timed[s->count];
        t->row = &rows[s->count];
        t->text = text_of(&app->config, t->row);
        t->next_us = t->text.len || t->row->holds_off ? 0 : INT64_MAX;
        struct error cause = { 0 };
        if (t->text.len && !cron_read(t->text, &t->cron, &cause)) {
            say_which(t->row, &cause, error);
            schedules_close(s);
            return false;
        }
    }
    *out = s;
    return true;
}

void schedules_close(struct schedules *schedules)
{
    free(schedules);
}

static int64_t next_after(const struct timed *t, int64_t us)
{
    struct instant next = cron_next(&t->cron, (struct instant){ us });
    return instant_is_null(next) ? INT64_MAX : next.us;
}

static bool put_job(struct call *c, const struct timed *t)
{
    const struct job_kind *kind = t->row->kind;
    void *payload = kind->payload ? schema_new(kind->payload, &c->arena) : NULL;
    if (payload && t->row->fill)
        t->row->fill(c->app, payload);
    return jobs_put(
        c,
        &(struct job_order){
            .kind = kind, .payload = payload, .priority = t->row->priority, .unique_key = str_from(t->row->name) },
        NULL);
}

static bool keep_moment(struct call *c, const struct timed *t, bool is_new, struct instant at)
{
    struct str name = str_from(t->row->name);
    return is_new ? db_execute(c, "insert into job_schedules(name, looked_at) values (?, ?)", V(name), V(at))
                  : db_execute(c, "update job_schedules set looked_at = ? where name = ?", V(at), V(name));
}

/* It is never for this process: for as long as that runs, nobody finds it due. */
static bool hold_off(struct call *c, struct timed *t, bool is_new, struct instant now)
{
    struct instant until = { now.us + SCHEDULE_HELD_OFF_S * INT64_C(1000000) };
    atomic_store(&t->next_us, clock_now().us + SCHEDULE_HOLD_EVERY_S * INT64_C(1000000));
    return keep_moment(c, t, is_new, until);
}

/* One that nobody has looked at before begins now: nothing was missed. */
static bool look_at(struct call *c, void *context)
{
    struct timed *t = context;
    struct instant now;
    int64_t looked_us = 0;
    enum found found =
        db_find_locked(c, &looked_us, "select looked_at from job_schedules where name = ?", V(str_from(t->row->name)));
    if (found == FAILED || !db_clock(c, &now))
        return false;
    if (!t->text.len)
        return hold_off(c, t, found == NONE, now);
    bool starts = t->row->at_start && !atomic_load(&t->next_us);
    bool is_due = starts || (found == FOUND && next_after(t, looked_us) <= now.us);
    bool ok = (found == FOUND && !is_due) || keep_moment(c, t, found == NONE, now);
    ok = ok && (!is_due || put_job(c, t));
    atomic_store(&t->next_us, next_after(t, is_due || found == NONE ? now.us : looked_us));
    return ok;
}

bool schedules_look(struct call *c, struct schedules *schedules)
{
    bool ok = true;
    for (int i = 0; ok && i < schedules->count; i++) {
        struct timed *t = &schedules->timed[i];
        if (atomic_load(&t->next_us) <= clock_now().us)
            ok = db_transact(c, look_at, t);
    }
    return ok;
}

int schedules_count(const struct schedules *schedules)
{
    return schedules->count;
}

void schedules_tell(struct schedules *schedules, int index, struct schedule_told *out)
{
    struct timed *t = &schedules->timed[index];
    int64_t next_us = atomic_load(&t->next_us);
    *out = (struct schedule_told){ str_from(t->row->name),
                                   str_from(t->row->kind->name),
                                   t->text,
                                   str_from(t->row->doc),
                                   { next_us == INT64_MAX || !t->text.len ? INSTANT_NULL.us
                                     : next_us                            ? next_us
                                                                          : next_after(t, clock_now().us) } };
}
