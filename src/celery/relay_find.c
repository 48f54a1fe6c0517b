/* relay_find.c - where messages are: looked through a page at a time, so that nobody waits for it. */
#include "celery/relay_parts.h"

enum { PAGE = 50, MESSAGES_MAX = 10000 };

struct finding {
    struct redis *redis;
    const struct str *ids;
    bool *found;
    int count;
    struct arena page;
};

static bool is_done(const struct finding *f)
{
    for (int i = 0; i < f->count; i++)
        if (!f->found[i])
            return false;
    return true;
}

static void look_through(struct finding *f, const struct redis_reply *texts)
{
    for (int t = 0; t < texts->count; t++)
        for (int i = 0; i < f->count; i++)
            f->found[i] = f->found[i] || str_find(texts->items[t].text, f->ids[i]) >= 0;
}

static void give_up(struct finding *f)
{
    for (int i = 0; i < f->count; i++)
        f->found[i] = true;
}

/* From the head: what is put there meanwhile moves the others on, so that none is passed over. */
static bool find_in_list(struct finding *f, struct str key, struct error *error)
{
    struct redis_reply reply = { .count = PAGE };
    for (int at = 0; reply.count == PAGE && !is_done(f); at += PAGE) {
        arena_reset(&f->page);
        struct str from = arena_format(&f->page, "%d", at), to = arena_format(&f->page, "%d", at + PAGE - 1);
        const struct str words[] = { S("LRANGE"), key, from, to };
        if (!redis_ask(f->redis, words, 4, &f->page, &reply, error))
            return false;
        look_through(f, &reply);
        if (at >= MESSAGES_MAX)
            give_up(f);
    }
    return true;
}

static bool find_in_unacked(struct finding *f, struct str key, struct error *error)
{
    char cursor[32] = "0";
    int seen = 0;
    do {
        struct redis_reply reply;
        arena_reset(&f->page);
        const struct str words[] = { S("HSCAN"), key, str_from(cursor), S("COUNT"), S("50") };
        if (!redis_ask(f->redis, words, 5, &f->page, &reply, error))
            return false;
        if (reply.count != 2)
            return error_set(error, E_UNAVAILABLE, "Redis answers HSCAN with something else");
        snprintf(cursor, sizeof(cursor), "%.*s", STR_FMT(reply.items[0].text));
        look_through(f, &reply.items[1]);
        seen += reply.items[1].count / 2;
        if (seen >= MESSAGES_MAX)
            give_up(f);
    } while (strcmp(cursor, "0") != 0 && !is_done(f));
    return true;
}

bool relay_find(struct celery *celery, const struct str *ids, bool *found, int count, struct error *error)
{
    const struct celery_names *names = &celery->names;
    struct str queue = celery->app->config.task_queue;
    struct finding f = { celery->broker, ids, found, count, { 0 } };
    struct arena keys;
    bool ok = true;
    arena_init(&keys);
    arena_init(&f.page);
    for (int i = 0; i < count; i++)
        found[i] = false;
    for (int64_t i = 0; ok && i < names->step_count; i++)
        ok = find_in_list(&f, celery_queue_key(names, queue, names->steps[i], &keys), error);
    ok = ok && find_in_unacked(&f, celery_key(names, "unacked", &keys), error);
    arena_release(&f.page);
    arena_release(&keys);
    return ok;
}
