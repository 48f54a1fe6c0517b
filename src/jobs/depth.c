/* depth.c - see depth.h. */
#include "jobs/depth.h"

#include "jobs/queue.h"

/* The next name of a kind after `name`, by a step in the index of kinds. */
static enum found next_kind(struct call *c, struct str *name)
{
    struct value value;
    enum found found = db_find_value(c, &value, "select kind from jobs where kind > ? order by kind limit 1", V(*name));
    if (found == FOUND)
        *name = value.text;
    return found;
}

static bool look_at_priority(struct call *c, unsigned priority, struct instant now, struct job_depth *depth)
{
    int64_t since_us = 0;
    enum found found = db_find_integer(
        c, &since_us, "select turn_at from jobs where turn_kind = ? and turn >= ? and turn < ? order by turn limit 1",
        V(depth->kind), V(queue_first_turn(priority)), V(queue_first_turn(priority + 1)));
    int64_t waits_s = found == FOUND ? (now.us - since_us) / 1000000 : 0;
    if (waits_s > depth->oldest_s)
        depth->oldest_s = waits_s;
    return found != FAILED;
}

static bool look_at_kind(struct call *c, struct instant now, struct job_depth *depth)
{
    if (!db_integer(c, &depth->waiting, "select count(*) from (select 1 from jobs where turn_kind = ? limit ?) t",
                    V(depth->kind), V(DEPTH_MAX)))
        return false;
    for (unsigned p = JOB_STAT; depth->waiting && p <= JOB_LOW; p++)
        if (!look_at_priority(c, p, now, depth))
            return false;
    return true;
}

static bool count_running(struct call *c, struct job_depth *out, int count)
{
    struct cursor rows;
    for (db_rows(c, &rows, "select kind, count(*) from jobs where state = 'RUNNING' group by kind");
         cursor_next(&rows);)
        for (int i = 0; i < count; i++)
            if (str_equal(out[i].kind, cursor_text(&rows, 0)))
                out[i].running = cursor_integer(&rows, 1);
    return cursor_close(&rows);
}

bool jobs_depths(struct call *c, struct job_depth *out, int *count)
{
    struct instant now;
    struct str name = S("");
    enum found found = NONE;
    int n = 0;
    if (!db_clock(c, &now))
        return false;
    for (; n < DEPTH_KINDS_MAX && (found = next_kind(c, &name)) == FOUND; n++) {
        out[n] = (struct job_depth){ .kind = name };
        if (!look_at_kind(c, now, &out[n]))
            return false;
    }
    *count = n;
    return found != FAILED && count_running(c, out, n);
}
