/* clean.c - see clean.h. */
#include "jobs/clean.h"

#include "site/app.h"

struct cleaned {
    int64_t jobs;
};
static const struct field cleaned_fields[] = {
    FIELD(struct cleaned, jobs, .doc = "How many jobs that had ended were removed."),
};
static const struct schema cleaned = SCHEMA("Cleaned", struct cleaned, cleaned_fields);

struct cleaning {
    int64_t before_us, count;
};

static bool clean_some(struct call *c, void *context)
{
    enum { AT_ONCE = 500 };
    struct cleaning *cleaning = context;
    return db_execute_counted(c, &cleaning->count,
                              "delete from jobs where id in (select id from (select id from jobs where finished_at < ? "
                              "order by finished_at limit ?) t)",
                              V(cleaning->before_us), V(AT_ONCE));
}

static bool clean(struct call *c, struct job_run *run)
{
    struct cleaned *out = job_result(run);
    struct cleaning cleaning = { clock_now().us - c->app->config.jobs_keep_s * INT64_C(1000000), 0 };
    out->jobs = 0;
    do {
        if (!job_tell(run, out->jobs, 0, "jobs", STR_NULL) || !db_transact(c, clean_some, &cleaning))
            return false;
        out->jobs += cleaning.count;
    } while (cleaning.count);
    return true;
}

const struct job_kind jobs_clean = { "jobs.clean",     NULL,
                                     &cleaned,         clean,
                                     .attempts = 3,    .time_limit_s = 3600,
                                     .concurrency = 1, .doc = "Forgets jobs that ended long ago." };
