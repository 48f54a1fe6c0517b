/* soon.c - background writes that wait for their turn, one per context. */
#include "db/driver.h"

static void insert(struct soon_list *list, struct soon *soon)
{
    struct soon **at = &list->first;
    while (*at && (*at)->due_us <= soon->due_us)
        at = &(*at)->next;
    soon->next = *at;
    *at = soon;
}

static bool waits(const struct soon_list *list, const void *context)
{
    for (const struct soon *soon = list->first; soon; soon = soon->next) {
        if (soon->context == context)
            return true;
    }
    return false;
}

void soon_add(struct soon_list *list, int delay_ms, bool (*work)(struct call *, void *), void *context)
{
    if (waits(list, context))
        return;
    struct soon *soon = calloc(1, sizeof(*soon));
    if (!soon)
        abort();
    *soon = (struct soon){
        .work = work,
        .context = context,
        .due_us = clock_monotonic_us() + (int64_t)(delay_ms > 0 ? delay_ms : 0) * 1000,
    };
    insert(list, soon);
}

int64_t soon_due_us(const struct soon_list *list)
{
    return list->first ? list->first->due_us : INT64_MAX;
}

struct soon *soon_take(struct soon_list *list, int64_t until_us, int64_t retry_until_us)
{
    struct soon **at = &list->first;
    while (*at && (*at)->due_us > ((*at)->attempts ? retry_until_us : until_us))
        at = &(*at)->next;
    struct soon *soon = *at;
    if (soon) {
        *at = soon->next;
        soon->next = NULL;
    }
    return soon;
}

/* Later each time; meanwhile the context may have been handed in anew, and then that one counts. */
bool soon_again(struct soon_list *list, struct soon *soon)
{
    bool renewed = waits(list, soon->context);
    if (renewed || ++soon->attempts >= SOON_ATTEMPTS) {
        free(soon);
        return renewed;
    }
    soon->due_us = clock_monotonic_us() + ((int64_t)SOON_RETRY_MS * 1000 << soon->attempts);
    insert(list, soon);
    return true;
}
