/* listener.c - who listens: joins, reads, leaves. All of it is short, and under the one lock. */
#include "site/listen_parts.h"

#include "site/actor.h"
#include "site/app.h"
#include "schema/json.h"

/* ---- an event as it is told (WHATWG HTML, 9.2 Server-sent events) ---- */

void event_tell(struct text *out, const struct event *event, struct arena *arena)
{
    text_format(out, "id: %" PRId64 "\nevent: %.*s\ndata: ", event->id, STR_FMT(choice_text(event_types, event->type)));
    event_put_json(out, event, arena);
    text_put(out, S("\n\n"));
}

/* ---- the ring ---- */

static const struct told *told_at(const struct listening *s, uint64_t at)
{
    return &s->ring[at % RING_EVENTS];
}

static bool hears_next(const struct listener *l)
{
    const struct told *told = told_at(l->listening, l->at);
    return wants(l, told->type) && told->id > l->passed && l->account->hears[l->at % RING_EVENTS];
}

static void pass(struct listener *l)
{
    int64_t id = told_at(l->listening, l->at)->id;
    l->passed = id > l->passed ? id : l->passed;
    l->at++;
    l->part_sent = 0;
}

static bool fell_behind(const struct listener *l)
{
    return l->at + RING_EVENTS < l->listening->end;
}

bool listener_has_some(struct listener *l)
{
    if (fell_behind(l))
        return true;
    while (l->at < l->listening->end && !hears_next(l))
        pass(l);
    return l->at < l->listening->end;
}

/* What of it fits; true: all of it has been taken. */
static bool take(struct str from, ptrdiff_t *sent, char *out, ptrdiff_t max, ptrdiff_t *n)
{
    ptrdiff_t left = from.len - *sent, room = max - *n, some = left < room ? left : room;
    if (some > 0)
        memcpy(out + *n, from.at + *sent, (size_t)some);
    *n += some;
    *sent += some;
    return *sent == from.len;
}

static ptrdiff_t read_past(struct listener *l, char *out, ptrdiff_t max)
{
    ptrdiff_t n = 0;
    if (take(text_str(&l->past), &l->past_sent, out, max, &n)) {
        text_release(&l->past);
        text_init(&l->past, CAUGHT_UP_BYTES + TOLD_MAX);
        l->past_sent = 0;
        if (l->catching_up)
            listening_wake(l->listening); /* the next page */
    }
    return n;
}

/* From here on it is told from the table again, as it can take it. */
static void fall_behind(struct listener *l)
{
    l->listening->behind++;
    l->catching_up = true;
    if (l->part_sent)
        listener_end(l); /* the rest of that event is gone */
    listening_wake(l->listening);
}

/* Events go whole, unless one alone is more than there is room for. */
static ptrdiff_t read_ring(struct listener *l, char *out, ptrdiff_t max)
{
    struct listening *s = l->listening;
    ptrdiff_t n = 0;
    if (fell_behind(l)) {
        fall_behind(l);
        return 0;
    }
    while (l->at < s->end && n < max) {
        struct str text = told_at(s, l->at)->text;
        bool hears = hears_next(l);
        if (hears && n && text.len > max - n)
            break;
        if (hears && !take(text, &l->part_sent, out, max, &n))
            break;
        s->told += hears;
        pass(l);
    }
    return n;
}

/* A comment, so that silence shows; and the place, since what was passed over need not be looked at again. */
static ptrdiff_t read_beat(struct listener *l, char *out, ptrdiff_t max)
{
    char text[48];
    int len = snprintf(text, sizeof(text), ":\nid: %" PRId64 "\n\n", l->passed);
    l->beats = false;
    if (len > max)
        return 0;
    memcpy(out, text, (size_t)len);
    return len;
}

static ptrdiff_t read_some(struct listener *l, char *out, ptrdiff_t max)
{
    ptrdiff_t n = 0;
    if (l->past_sent < l->past.len)
        n = read_past(l, out, max);
    else if (!l->catching_up)
        n = read_ring(l, out, max);
    if (!n && !l->ended && l->beats)
        n = read_beat(l, out, max);
    return n;
}

ptrdiff_t listener_read(struct listener *listener, char *out, ptrdiff_t max)
{
    struct listening *s = listener->listening;
    pthread_mutex_lock(&s->lock);
    ptrdiff_t n = listener->ended ? 0 : read_some(listener, out, max);
    if (n)
        listener->beat_us = clock_monotonic_us() + s->options.beat_us;
    else if (!listener->ended)
        n = LISTENER_WAITS;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* ---- joining and leaving ---- */

/* Where it begins, and what it is told first: its place, so that a connection that breaks before anything happens goes
 * on from there. */
static bool find_place(struct call *c, struct listening_wish *wish, struct text *past)
{
    int64_t first, last;
    if (!events_settle(c) || !events_first(c, &first) || !events_last(c, &last))
        return false;
    bool missed = wish->after >= 0 && (wish->after + 1 < first || wish->after > last);
    if (wish->after < 0 || wish->after > last)
        wish->after = last;
    else if (missed)
        wish->after = first - 1;
    text_format(past, "retry: 2000\nid: %" PRId64 "\n\n", wish->after);
    if (missed)
        event_tell(past, &(struct event){ .id = wish->after, .type = EVENT_MISSED, .created_at = clock_now() },
                   &c->arena);
    return true;
}

/* The other listeners of an account have the rights that the newest was found to have, or end with the next review. */
static struct account *account_of(struct listening *s, const struct principal *who)
{
    struct account *a = s->accounts;
    while (a && (a->principal.user_id != who->user_id || a->principal.permissions != who->permissions))
        a = a->next;
    if (a)
        return a;
    if (!(a = calloc(1, sizeof(*a))))
        abort();
    a->principal = *who;
    a->next = s->accounts;
    s->accounts = a;
    return a;
}

static int listeners_of(const struct listening *s, int64_t user_id)
{
    int count = 0;
    for (const struct account *a = s->accounts; a; a = a->next)
        count += a->principal.user_id == user_id ? a->listeners : 0;
    return count;
}

static bool has_room(struct call *c, const struct listening *s, int64_t user_id)
{
    if (listeners_of(s, user_id) >= s->options.account_max)
        return fail(c, E_TOO_MANY, "this account listens to events %d times already", s->options.account_max);
    if (atomic_load(&s->count) >= s->options.listeners_max)
        return fail(c, E_UNAVAILABLE, "as many listen to events as may: %d", s->options.listeners_max);
    return true;
}

static void link_listener(struct listening *s, struct listener *l)
{
    l->account = account_of(s, &l->wish.who);
    l->account->listeners++;
    l->next = s->first;
    if (s->first)
        s->first->prev = l;
    s->first = l;
    atomic_fetch_add(&s->count, 1);
    listening_wake(s);
}

bool listening_join(struct call *c, struct listening *s, const struct listening_wish *wish, struct listener **out)
{
    struct listener *l = calloc(1, sizeof(*l));
    if (!l)
        abort();
    text_init(&l->past, CAUGHT_UP_BYTES + TOLD_MAX);
    l->listening = s;
    l->wish = *wish;
    bool ok = find_place(c, &l->wish, &l->past);
    db_release(c);
    if (!ok) {
        listener_free(l);
        return false;
    }
    l->passed = l->wish.after;
    l->catching_up = true;
    l->beat_us = clock_monotonic_us() + s->options.beat_us;
    pthread_mutex_lock(&s->lock);
    ok = has_room(c, s, wish->who.user_id);
    if (ok)
        link_listener(s, l);
    pthread_mutex_unlock(&s->lock);
    if (ok)
        *out = l;
    else
        listener_free(l);
    return ok;
}

void listener_end(struct listener *l)
{
    if (l->ended)
        return;
    l->ended = true;
    l->wish.wake(l->wish.context);
}

void listener_free(struct listener *l)
{
    text_release(&l->past);
    free(l);
}

void listening_leave(struct listener *l)
{
    struct listening *s = l->listening;
    pthread_mutex_lock(&s->lock);
    if (l->prev)
        l->prev->next = l->next;
    else
        s->first = l->next;
    if (l->next)
        l->next->prev = l->prev;
    atomic_fetch_sub(&s->count, 1);
    l->account->listeners--;
    l->gone = true;
    bool mine = !l->busy;
    pthread_mutex_unlock(&s->lock);
    if (mine)
        listener_free(l);
}
