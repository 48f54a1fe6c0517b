/* import_tally.c - see import_tally.h. */
#include "intake/import_tally.h"

#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const outcome_counted[OUTCOMES] = {
    [OUTCOME_FILED] = "filed",         [OUTCOME_STORED] = "stored",
    [OUTCOME_KNOWN] = "known already", [OUTCOME_KEPT] = "kept but not filed",
    [OUTCOME_SKIPPED] = "skipped",     [OUTCOME_REFUSED] = "refused",
};

struct tally {
    pthread_mutex_t mutex;
    struct tally_counts counts;
    struct reason reasons[REASONS_MAX];
    int reason_count;
    int64_t began_us;
};

struct tally *tally_new(void)
{
    struct tally *tally = calloc(1, sizeof(*tally));
    if (!tally)
        abort();
    pthread_mutex_init(&tally->mutex, NULL);
    tally->began_us = clock_monotonic_us();
    return tally;
}

void tally_free(struct tally *tally)
{
    if (!tally)
        return;
    pthread_mutex_destroy(&tally->mutex);
    free(tally);
}

void tally_expect(struct tally *tally, int64_t files, int64_t bytes)
{
    pthread_mutex_lock(&tally->mutex);
    tally->counts.files = files;
    tally->counts.bytes = bytes;
    tally->began_us = clock_monotonic_us();
    pthread_mutex_unlock(&tally->mutex);
}

/* ---- reasons ---- */

/* "(7FE0,0010)": a tag is no number that differs from file to file. */
static bool is_tag(struct str text)
{
    static const char form[] = "(xxxx,xxxx)";
    for (ptrdiff_t i = 0; i < (ptrdiff_t)sizeof(form) - 1; i++)
        if (i >= text.len || (form[i] == 'x' ? !isxdigit((unsigned char)text.at[i]) : text.at[i] != form[i]))
            return false;
    return true;
}

static void count_reason(struct tally *tally, enum outcome outcome, struct str why)
{
    char key[REASON_BYTES];
    ptrdiff_t n = 0;
    for (ptrdiff_t i = 0, tag_end = 0; i < why.len && n < REASON_BYTES - 1; i++) {
        if (is_tag(str_slice(why, i, why.len)))
            tag_end = i + 11;
        bool digit = i >= tag_end && why.at[i] >= '0' && why.at[i] <= '9';
        if (!digit || n == 0 || key[n - 1] != '#')
            key[n++] = digit ? '#' : why.at[i];
    }
    key[n] = '\0';
    for (int i = 0; i < tally->reason_count; i++) {
        struct reason *reason = &tally->reasons[i];
        if (reason->outcome == outcome && !strcmp(reason->key, key)) {
            reason->files++;
            return;
        }
    }
    if (tally->reason_count == REASONS_MAX)
        return; /* each of them was named when it happened */
    struct reason *reason = &tally->reasons[tally->reason_count++];
    *reason = (struct reason){ .outcome = outcome, .files = 1 };
    memcpy(reason->key, key, (size_t)n + 1);
}

void tally_add(struct tally *tally, int64_t bytes, enum outcome outcome, struct str why)
{
    pthread_mutex_lock(&tally->mutex);
    tally->counts.done_files++;
    tally->counts.done_bytes += bytes;
    tally->counts.counts[outcome]++;
    if (why.len)
        count_reason(tally, outcome, why);
    pthread_mutex_unlock(&tally->mutex);
}

int tally_reasons(struct tally *tally, struct reason out[REASONS_MAX])
{
    pthread_mutex_lock(&tally->mutex);
    int count = tally->reason_count;
    memcpy(out, tally->reasons, (size_t)count * sizeof(out[0]));
    pthread_mutex_unlock(&tally->mutex);
    return count;
}

/* ---- how far ---- */

static int64_t seconds_left(const struct tally_counts *n)
{
    int64_t done = n->bytes > 0 ? n->done_bytes : n->done_files;
    int64_t all = n->bytes > 0 ? n->bytes : n->files;
    return done > 0 && all > done ? (int64_t)((double)n->us / 1e6 * (double)(all - done) / (double)done) : 0;
}

void tally_look(struct tally *tally, struct tally_counts *out)
{
    pthread_mutex_lock(&tally->mutex);
    *out = tally->counts;
    out->us = clock_monotonic_us() - tally->began_us;
    pthread_mutex_unlock(&tally->mutex);
    out->left_s = seconds_left(out);
}

void tally_speed(const struct tally_counts *n, char *out, size_t size)
{
    double seconds = n->us > 0 ? (double)n->us / 1e6 : 1;
    int used = snprintf(out, size, "%.0f files/s, %.1f MB/s, ", (double)n->done_files / seconds,
                        (double)n->done_bytes / 1e6 / seconds);
    size_t at = used < 0 || (size_t)used >= size ? size - 1 : (size_t)used;
    if (n->left_s >= 3600)
        snprintf(out + at, size - at, "%" PRId64 " h %02" PRId64 " min left", n->left_s / 3600, n->left_s / 60 % 60);
    else
        snprintf(out + at, size - at, "%" PRId64 " min %02" PRId64 " s left", n->left_s / 60, n->left_s % 60);
}
