/* listen.c - the thread that reads what is new and hands it on. What it asks of the database is asked without the
 * lock; accounts and listeners that it looks at meanwhile stay, because it alone frees accounts, and a listener that is
 * `busy`. */
#include "site/listen_parts.h"

#include "site/actor.h"
#include "site/app.h"
#include "base/log.h"

/* ---- who hears what ---- */

static const struct audience *audience_of(const struct listening *s, unsigned type)
{
    struct str noun, verb, name = choice_text(event_types, type);
    str_cut(name, '.', &noun, &verb);
    for (int i = 0; i < s->options.audience_count; i++)
        if (str_equal(noun, str_from(s->options.audiences[i].noun)))
            return &s->options.audiences[i];
    return NULL;
}

static bool ask(const struct listening *s, struct call *c, const struct event *event,
                const struct principal *const *who, int count, bool *hears)
{
    const struct audience *audience = audience_of(s, event->type);
    memset(hears, 0, (size_t)count * sizeof(*hears));
    bool ok = !audience || audience->hears(c, event, who, count, hears);
    c->actor->principal = NULL;
    return ok;
}

/* ---- sessions and rights ---- */

struct reviewing {
    const struct principal **who;
    bool *stand;
    int count;
};

/* Each session once, as far as its listeners stand together. */
static void take_principals(struct listening *s, struct call *c, struct reviewing *r)
{
    int most = 0;
    pthread_mutex_lock(&s->lock);
    r->who = arena_array(&c->arena, const struct principal *, atomic_load(&s->count) + 1);
    for (const struct listener *l = s->first; l; l = l->next) {
        const struct principal *last = most ? r->who[most - 1] : NULL;
        if (last && principal_is_same(last, &l->wish.who))
            continue;
        struct principal *copy = arena_new(&c->arena, struct principal);
        *copy = l->wish.who;
        r->who[most++] = copy;
    }
    pthread_mutex_unlock(&s->lock);
    r->count = most;
    r->stand = arena_array(&c->arena, bool, most + 1);
}

static void end_those(struct listening *s, const struct principal *who)
{
    for (struct listener *l = s->first; l; l = l->next)
        if (principal_is_same(&l->wish.who, who))
            listener_end(l);
}

static void end_expired(struct listening *s)
{
    int64_t now_us = clock_now().us;
    pthread_mutex_lock(&s->lock);
    for (struct listener *l = s->first; l; l = l->next)
        if (l->wish.who.expires_at_us <= now_us)
            listener_end(l);
    pthread_mutex_unlock(&s->lock);
}

static bool review(struct listening *s, struct call *c)
{
    struct reviewing r;
    uint64_t epoch = authority_epoch(s->app->authority);
    int64_t now_us = clock_monotonic_us();
    end_expired(s);
    if (epoch == s->epoch && now_us - s->reviewed_us < LISTENING_REVIEW_S * INT64_C(1000000))
        return true;
    take_principals(s, c, &r);
    if (!authority_review(c, r.who, r.count, r.stand))
        return false;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < r.count; i++)
        if (!r.stand[i])
            end_those(s, r.who[i]);
    pthread_mutex_unlock(&s->lock);
    s->epoch = epoch;
    s->reviewed_us = now_us;
    return true;
}

/* ---- what is new ---- */

struct batch {
    struct event events[EVENTS_AT_ONCE];
    int count;
    struct account **accounts;
    const struct principal **who;
    int account_count;
    bool *hears; /* of each event, for each account */
};

static void take_accounts(struct listening *s, struct call *c, struct batch *b)
{
    pthread_mutex_lock(&s->lock);
    b->account_count = 0;
    for (struct account *a = s->accounts; a; a = a->next)
        b->account_count++;
    b->accounts = arena_array(&c->arena, struct account *, b->account_count + 1);
    b->who = arena_array(&c->arena, const struct principal *, b->account_count + 1);
    int i = 0;
    for (struct account *a = s->accounts; a; a = a->next, i++) {
        b->accounts[i] = a;
        b->who[i] = &a->principal;
    }
    pthread_mutex_unlock(&s->lock);
    b->hears = arena_array(&c->arena, bool, b->count * b->account_count + 1);
}

static void write_told(struct told *told, const struct event *event, struct arena *arena)
{
    struct text text;
    text_init(&text, TOLD_MAX);
    event_tell(&text, event, arena);
    free((void *)(uintptr_t)told->text.at);
    *told = (struct told){ event->id, event->type, text_str(&text) };
}

/* Who has joined since the accounts were taken is still catching up, and reads none of these from the ring. */
static void put_batch(struct listening *s, struct call *c, const struct batch *b)
{
    pthread_mutex_lock(&s->lock);
    for (int e = 0; e < b->count; e++, s->end++) {
        write_told(&s->ring[s->end % RING_EVENTS], &b->events[e], &c->arena);
        for (int a = 0; a < b->account_count; a++)
            b->accounts[a]->hears[s->end % RING_EVENTS] = b->hears[e * b->account_count + a];
    }
    s->head = b->events[b->count - 1].id;
    for (struct listener *l = s->first; l; l = l->next)
        if (!l->ended && !l->catching_up && listener_has_some(l))
            l->wish.wake(l->wish.context);
    pthread_mutex_unlock(&s->lock);
}

static bool begin(struct listening *s, struct call *c)
{
    int64_t head;
    if (!events_last(c, &head))
        return false;
    pthread_mutex_lock(&s->lock);
    s->head = head;
    s->end = 0;
    if (!(s->ring = calloc(RING_EVENTS, sizeof(*s->ring))))
        abort();
    pthread_mutex_unlock(&s->lock);
    return true;
}

static bool read_news(struct listening *s, struct call *c)
{
    struct batch *b = arena_new(&c->arena, struct batch);
    if (!events_settle(c) || (s->head < 0 && !begin(s, c)))
        return false;
    do {
        if (!events_read(c, s->head, b->events, &b->count))
            return false;
        if (!b->count)
            break;
        take_accounts(s, c, b);
        for (int e = 0; e < b->count; e++)
            if (!ask(s, c, &b->events[e], b->who, b->account_count, b->hears + e * b->account_count))
                return false;
        put_batch(s, c, b);
    } while (b->count == EVENTS_AT_ONCE);
    return true;
}

/* ---- what was ---- */

static bool wants_page(const struct listener *l)
{
    return l->catching_up && !l->ended && l->past_sent == l->past.len;
}

/* Whoever has waited longest. */
static struct listener *take_lagging(struct listening *s)
{
    struct listener *found = NULL;
    pthread_mutex_lock(&s->lock);
    for (struct listener *l = s->first; l; l = l->next)
        if (wants_page(l) && (!found || l->turn < found->turn))
            found = l;
    if (found) {
        found->busy = true;
        found->turn = ++s->turn;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

struct page {
    struct event events[EVENTS_AT_ONCE];
    int count;
    struct text text;
    int64_t passed;
    bool whole; /* up to the ring */
};

static bool write_page(struct listening *s, struct call *c, const struct listener *l, struct page *page)
{
    const struct principal *who = &l->wish.who;
    if (!events_read(c, page->passed, page->events, &page->count))
        return false;
    page->whole = page->count < EVENTS_AT_ONCE;
    for (int i = 0; i < page->count; i++) {
        const struct event *event = &page->events[i];
        bool hears = false;
        if (event->id > s->head)
            return page->whole = true;
        if (page->text.len >= CAUGHT_UP_BYTES)
            return (page->whole = false, true);
        if (wants(l, event->type) && !ask(s, c, event, &who, 1, &hears))
            return false;
        if (hears)
            event_tell(&page->text, event, &c->arena);
        page->passed = event->id;
    }
    return true;
}

static void give_page(struct listening *s, struct listener *l, struct page *page, bool ok)
{
    pthread_mutex_lock(&s->lock);
    l->busy = false;
    bool gone = l->gone;
    if (ok && !gone) {
        struct text old = l->past;
        l->past = page->text;
        page->text = old;
        l->past_sent = l->part_sent = 0;
        l->passed = page->passed > l->passed ? page->passed : l->passed;
        l->catching_up = !page->whole;
        l->at = s->end;
        if (l->past.len)
            l->wish.wake(l->wish.context);
    }
    pthread_mutex_unlock(&s->lock);
    text_release(&page->text);
    if (gone)
        listener_free(l);
}

/* Some pages at a time, since what is new comes first. */
static bool read_past(struct listening *s, struct call *c)
{
    enum { PAGES = 4 };
    struct page *page = arena_new(&c->arena, struct page);
    struct listener *l;
    bool ok = true;
    for (int i = 0; ok && i < PAGES && (l = take_lagging(s)); i++) {
        text_init(&page->text, CAUGHT_UP_BYTES + TOLD_MAX);
        page->passed = l->passed;
        ok = write_page(s, c, l, page);
        give_page(s, l, page, ok);
    }
    return ok;
}

/* ---- the thread ---- */

static void beat(struct listening *s)
{
    int64_t now_us = clock_monotonic_us();
    pthread_mutex_lock(&s->lock);
    for (struct listener *l = s->first; l; l = l->next)
        if (!l->ended && !l->beats && now_us >= l->beat_us) {
            l->beats = true;
            l->wish.wake(l->wish.context);
        }
    pthread_mutex_unlock(&s->lock);
}

static void free_ring(struct listening *s)
{
    for (int i = 0; s->ring && i < RING_EVENTS; i++)
        free((void *)(uintptr_t)s->ring[i].text.at);
    free(s->ring);
    s->ring = NULL;
}

/* Accounts that nobody listens for any more, and without any listener the ring. When to look again at the latest. */
static int64_t tidy(struct listening *s)
{
    int64_t until_us = clock_monotonic_us() + POLL_US;
    pthread_mutex_lock(&s->lock);
    for (struct account **at = &s->accounts, *a; (a = *at);) {
        if (a->listeners) {
            at = &a->next;
            continue;
        }
        *at = a->next;
        free(a);
    }
    if (!s->first) {
        free_ring(s);
        s->head = -1;
        until_us = NEVER;
    }
    for (const struct listener *l = s->first; l; l = l->next)
        if (wants_page(l))
            until_us = 0;
    pthread_mutex_unlock(&s->lock);
    return until_us;
}

static bool rest(struct listening *s, int64_t until_us)
{
    background_lock(&s->background);
    while (!s->background.stopping && !s->woken && background_wait(&s->background, until_us))
        continue;
    s->woken = false;
    bool go_on = !s->background.stopping;
    background_unlock(&s->background);
    return go_on;
}

/* Nothing is told unless it is known who may hear it. */
static bool look(struct listening *s, struct call *c)
{
    bool ok = review(s, c) && read_news(s, c) && read_past(s, c);
    if (!ok && !db_has_ended(s->app->db))
        log_write(s->app->log, LOG_WARNING, NULL, "events.look", "%s", c->error.message);
    db_release(c);
    call_reset(c);
    beat(s);
    return ok;
}

static void listen(void *context)
{
    struct listening *s = context;
    struct actor actor = ACTOR_OF_TASK("events");
    struct call c;
    call_init(&c, s->app, s->app->db);
    c.actor = &actor;
    for (bool ok = true; rest(s, ok ? tidy(s) : clock_monotonic_us() + POLL_US);)
        ok = !atomic_load(&s->count) || look(s, &c);
    call_release(&c);
}

/* ---- birth and end ---- */

static void free_listening(struct listening *s)
{
    for (struct account *a = s->accounts, *next; a; a = next) {
        next = a->next;
        free(a);
    }
    free_ring(s);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool listening_open(struct app *app, const struct listening_options *options, struct listening **out,
                    struct error *error)
{
    struct listening *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->app = app;
    s->options = *options;
    s->head = -1;
    pthread_mutex_init(&s->lock, NULL);
    if (!background_start(&s->background, "events", listen, s, error)) {
        free_listening(s);
        return false;
    }
    *out = s;
    return true;
}

void listening_close(struct listening *s)
{
    if (!s)
        return;
    background_stop(&s->background);
    background_release(&s->background);
    free_listening(s);
}

void listening_wake(void *listening)
{
    struct listening *s = listening;
    background_lock(&s->background);
    s->woken = true;
    background_wake(&s->background);
    background_unlock(&s->background);
}

bool listening_is_heard(struct listening *listening)
{
    return listening && atomic_load(&listening->count) > 0;
}

void listening_stats(struct listening *s, struct listening_stats *out)
{
    pthread_mutex_lock(&s->lock);
    *out = (struct listening_stats){ atomic_load(&s->count), s->told, s->behind };
    pthread_mutex_unlock(&s->lock);
}
