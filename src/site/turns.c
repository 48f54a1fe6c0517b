/* turns.c - see turns.h. As many turns as there are workers: a list does. */
#include "site/turns.h"

#include "base/clock.h"
#include "base/thread.h"

enum { WAIT_US = 10000000 };

struct turns {
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct turn *taken;
};

struct turns *turns_new(void)
{
    struct turns *turns = calloc(1, sizeof(*turns));
    if (!turns)
        abort();
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->given, NULL);
    return turns;
}

void turns_free(struct turns *turns)
{
    if (!turns)
        return;
    pthread_cond_destroy(&turns->given);
    pthread_mutex_destroy(&turns->lock);
    free(turns);
}

static bool is_taken(const struct turns *turns, struct str key)
{
    const struct turn *turn = turns->taken;
    while (turn && !str_equal(turn->key, key))
        turn = turn->next;
    return turn != NULL;
}

bool turn_take(struct turns *turns, struct str key, struct turn *turn)
{
    int64_t until_us = clock_monotonic_us() + WAIT_US;
    bool mine = true;
    *turn = (struct turn){ .key = key };
    pthread_mutex_lock(&turns->lock);
    while (is_taken(turns, key) && mine)
        mine = thread_wait(&turns->given, &turns->lock, until_us);
    mine = !is_taken(turns, key);
    if (mine) {
        turn->turns = turns;
        turn->next = turns->taken;
        turns->taken = turn;
    }
    pthread_mutex_unlock(&turns->lock);
    return mine;
}

void turn_give(struct turn *turn)
{
    struct turns *turns = turn->turns;
    if (!turns)
        return;
    pthread_mutex_lock(&turns->lock);
    struct turn **at = &turns->taken;
    while (*at != turn)
        at = &(*at)->next;
    *at = turn->next;
    turn->turns = NULL;
    pthread_cond_broadcast(&turns->given);
    pthread_mutex_unlock(&turns->lock);
}
