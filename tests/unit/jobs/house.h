/* house.h - what a test of jobs stands on: the table of jobs on either database, a log that nobody reads, and steps
 * that have to succeed. */
#ifndef ROENTGEN_TEST_JOBS_HOUSE_H
#define ROENTGEN_TEST_JOBS_HOUSE_H

#include "../db/fixture.h"

#include "jobs/queue.h"
#include "jobs/worker.h"
#include "site/actor.h"
#include "site/app.h"
#include "site/migrations.h"
#include "base/log.h"

static struct app app;
static struct actor actor;

static inline void sure(const struct call *c, bool done)
{
    if (!done)
        fail_msg("%s", c->error.message);
}

static inline struct call *begin(struct fixture *f)
{
    const struct migrations *all = &roentgen_migrations;
    struct error error = { 0 };
    ddl(f, f->sqlite ? "create table users(id integer primary key); create table effects(n integer primary key)"
                     : "create table users(id bigint primary key) engine=InnoDB; "
                       "create table effects(n bigint primary key) engine=InnoDB");
    for (int i = 0; i < all->count; i++) {
        const struct migration *m = f->sqlite ? &all->sqlite[i] : &all->mysql[i];
        if (strstr(m->name, "_jobs") || strstr(m->name, "_events"))
            ddl(f, m->up);
    }
    app = (struct app){ .db = f->db };
    assert_true(log_open(&(struct log_options){ .level = LOG_ERROR, .path = "/dev/null" }, &app.log, &error));
    f->call.app = &app;
    f->call.actor = &actor;
    return &f->call;
}

static inline void end(void)
{
    worker_close(app.worker);
    worker_free(app.worker);
    log_close(app.log);
}

struct asking {
    struct job_order order;
    int64_t id;
};

static inline bool put_work(struct call *c, void *context)
{
    struct asking *asking = context;
    return jobs_put(c, &asking->order, &asking->id);
}

static inline int64_t put(struct call *c, struct job_order order)
{
    struct asking asking = { order, 0 };
    sure(c, db_transact(c, put_work, &asking));
    return asking.id;
}

static inline struct job job_of(struct call *c, int64_t id)
{
    struct job job;
    db_release(c);
    sure(c, db_get(c, &job_schema, &job, "where j.id = ?", V(id)));
    return job;
}

struct change {
    const char *sql;
    int64_t value;
};

static inline bool change_work(struct call *c, void *context)
{
    const struct change *change = context;
    return db_execute(c, change->sql, V(change->value));
}

static inline void change(struct call *c, const char *sql, int64_t value)
{
    sure(c, db_transact(c, change_work, &(struct change){ sql, value }));
}

#endif
