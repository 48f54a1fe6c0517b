/* clean.c - see clean.h. */
#include "jobs/clean.h"

#include "site/app.h"
#include "site/event.h"

/* ---- slices ---- */

struct slice {
    const struct aged *aged;
    struct instant before;
    int64_t count;
    bool is_last;
};

static bool remove_slice(struct call *c, void *context)
{
    struct slice *slice = context;
    int64_t last_us = 0;
    enum found found = db_find_integer(c, &last_us, slice->aged->last, V(slice->before), V((int64_t)CLEAN_SLICE - 1));
    slice->is_last = found == NONE;
    return found != FAILED && db_execute_counted(c, &slice->count, slice->aged->remove,
                                                 V(slice->is_last ? slice->before.us : last_us + 1));
}

bool clean_aged(struct call *c, struct job_run *run, const struct aged *aged, struct instant before, const char *unit,
                int64_t *count)
{
    struct slice slice = { .aged = aged, .before = before };
    while (!slice.is_last) {
        if (!job_tell(run, *count, 0, unit, STR_NULL) || !db_transact(c, remove_slice, &slice))
            return false;
        *count += slice.count;
    }
    return true;
}

struct instant clean_before(int64_t keep_s)
{
    return (struct instant){ clock_now().us - keep_s * INT64_C(1000000) };
}

/* ---- jobs ---- */

struct cleaned {
    int64_t jobs;
};
static const struct field cleaned_fields[] = {
    FIELD(struct cleaned, jobs, .doc = "How many jobs that had ended were removed."),
};
static const struct schema cleaned = SCHEMA("Cleaned", struct cleaned, cleaned_fields);

static bool clean(struct call *c, struct job_run *run)
{
    static const struct aged ended = AGED("jobs", "finished_at");
    struct cleaned *out = job_result(run);
    out->jobs = 0;
    return clean_aged(c, run, &ended, clean_before(c->app->config.jobs_keep_s), "jobs", &out->jobs);
}

const struct job_kind jobs_clean = { "jobs.clean", NULL,     &cleaned,
                                     clean,        CLEANING, .doc = "Forgets jobs that ended long ago." };

/* ---- events ---- */

struct forgotten {
    int64_t events;
};
static const struct field forgotten_fields[] = {
    FIELD(struct forgotten, events, .doc = "How many events were removed."),
};
static const struct schema forgotten = SCHEMA("Forgotten", struct forgotten, forgotten_fields);

/* By their places, for which there is an index, and not by their time. */
static bool forget(struct call *c, struct job_run *run)
{
    struct forgotten *out = job_result(run);
    bool more = true;
    for (out->events = 0; more;) {
        int64_t count;
        if (!job_tell(run, out->events, 0, "events", STR_NULL) || !events_forget(c, &count, &more))
            return false;
        out->events += count;
    }
    return true;
}

const struct job_kind events_clean = { "events.clean", NULL,     &forgotten,
                                       forget,         CLEANING, .doc = "Forgets events that are older than an hour." };
