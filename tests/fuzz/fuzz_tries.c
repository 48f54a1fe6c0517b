/* fuzz_tries.c - failures and locks of a few keys, in any order and at any moment, against what tries.h says of one
 * key. */
#include "kv/tries.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS = 4, MOST = 3, LOCK_US = 50, SLOTS = 4096 };

struct model {
    int64_t failures, last_us, until_us;
};

/* What was counted up to forgiven_us, and a lock that has ended, are nothing any more. */
static void settle(struct model *m, int64_t now_us, int64_t forgiven_us)
{
    if (m->failures && (m->last_us <= forgiven_us || (m->until_us && m->until_us <= now_us)))
        *m = (struct model){ 0 };
}

static int64_t model_fail(struct model *m, int64_t now_us, int64_t forgiven_us, bool *begins)
{
    settle(m, now_us, forgiven_us);
    *begins = false;
    if (m->until_us)
        return m->until_us;
    m->failures = m->last_us < now_us - LOCK_US ? 1 : m->failures + 1;
    m->last_us = now_us;
    *begins = m->failures >= MOST;
    m->until_us = *begins ? now_us + LOCK_US : 0;
    return m->until_us;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tries *tries;
    static uint64_t run;
    static const struct tries_rule rule = { .most = MOST, .lock_us = LOCK_US };
    struct model models[KEYS] = { 0 };
    char names[KEYS][32];
    int64_t now_us = 1000, forgiven_us = 0;
    if (!tries)
        tries = tries_new(SLOTS);
    for (int k = 0; k < KEYS; k++) /* forgotten at the end, so that runs do not meet */
        snprintf(names[k], sizeof(names[k]), "%llu %d", (unsigned long long)run, k);
    run++;
    for (size_t i = 0; i + 1 < size; i += 2) {
        int key = data[i] % KEYS;
        struct str name = str_from(names[key]);
        struct model *m = &models[key];
        bool begins = true, expected = true;
        now_us += data[i + 1] % 64;
        switch (data[i] / KEYS % 5) {
        case 0:
        case 1:
            assert(tries_fail(tries, name, &rule, now_us, forgiven_us, &begins) ==
                   model_fail(m, now_us, forgiven_us, &expected));
            assert(begins == expected);
            break;
        case 2:
            settle(m, now_us, forgiven_us);
            assert(tries_locked_until(tries, name, now_us, forgiven_us) == m->until_us);
            break;
        case 3:
            tries_forget(tries, name);
            *m = (struct model){ 0 };
            break;
        case 4:
            if (data[i + 1] & 1) {
                forgiven_us = now_us - data[i + 1] % 16;
            } else {
                tries_lock(tries, name, now_us, now_us + LOCK_US);
                *m = (struct model){ INT32_MAX, now_us, now_us + LOCK_US };
            }
            break;
        }
    }
    for (int k = 0; k < KEYS; k++)
        tries_forget(tries, str_from(names[k]));
    return 0;
}
