/* import_tally.c - counts under one lock; reasons are grouped by their words, numbers aside. */
#include "cli/import_tally.h"

#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REASONS_MAX = 40, REASON_BYTES = 200, TERMINAL_EVERY_US = 200000, LINE_EVERY_US = 10000000 };

static const struct {
    const char *name;    /* of one file */
    const char *counted; /* in the summary, where the order is that of the enum */
    bool is_plain;       /* named only when asked for */
} outcomes[OUTCOMES] = {
    [OUTCOME_FILED] = { "filed", "filed", true },
    [OUTCOME_STORED] = { "stored", "stored", true },
    [OUTCOME_KNOWN] = { "known already", "known already", true },
    [OUTCOME_KEPT] = { "kept, but not filed", "kept but not filed", false },
    [OUTCOME_SKIPPED] = { "skipped", "skipped", true },
    [OUTCOME_REFUSED] = { "refused", "refused", false },
};

struct reason {
    enum outcome outcome;
    int64_t files;
    char key[REASON_BYTES]; /* numbers are '#' */
};

struct tally {
    pthread_mutex_t mutex;
    int64_t files, bytes; /* in all */
    int64_t done_files, done_bytes, counts[OUTCOMES];
    struct reason reasons[REASONS_MAX];
    int reason_count;
    bool verbose, terminal, line_is_shown;
    int64_t began_us, shown_us;
};

struct tally *tally_new(int64_t files, int64_t bytes, bool verbose)
{
    struct tally *tally = calloc(1, sizeof(*tally));
    if (!tally)
        abort();
    pthread_mutex_init(&tally->mutex, NULL);
    tally->files = files;
    tally->bytes = bytes;
    tally->verbose = verbose;
    tally->terminal = isatty(STDERR_FILENO);
    tally->began_us = tally->shown_us = clock_monotonic_us();
    return tally;
}

void tally_free(struct tally *tally)
{
    if (!tally)
        return;
    pthread_mutex_destroy(&tally->mutex);
    free(tally);
}

/* ---- progress ---- */

static void clear_line(struct tally *tally)
{
    if (tally->line_is_shown)
        fputs("\r\033[K", stderr);
    tally->line_is_shown = false;
}

/* By bytes, as large files take longer. */
static int64_t seconds_left(const struct tally *tally, int64_t us)
{
    int64_t done = tally->bytes > 0 ? tally->done_bytes : tally->done_files;
    int64_t all = tally->bytes > 0 ? tally->bytes : tally->files;
    return done > 0 && all > done ? (int64_t)((double)us / 1e6 * (double)(all - done) / (double)done) : 0;
}

static void put_progress(const struct tally *tally, FILE *to, int64_t us)
{
    int64_t left = seconds_left(tally, us);
    double seconds = (double)us / 1e6;
    fprintf(to, "%" PRId64 " of %" PRId64 " files, %.1f of %.1f MB, %.0f files/s", tally->done_files, tally->files,
            (double)tally->done_bytes / 1e6, (double)tally->bytes / 1e6, (double)tally->done_files / seconds);
    if (left >= 3600)
        fprintf(to, ", %" PRId64 " h %02" PRId64 " min left", left / 3600, left / 60 % 60);
    else
        fprintf(to, ", %" PRId64 " min %02" PRId64 " s left", left / 60, left % 60);
}

static void show_progress(struct tally *tally)
{
    int64_t now = clock_monotonic_us();
    if (now - tally->shown_us < (tally->terminal ? TERMINAL_EVERY_US : LINE_EVERY_US))
        return;
    tally->shown_us = now;
    if (tally->terminal) {
        clear_line(tally);
        put_progress(tally, stderr, now - tally->began_us);
        tally->line_is_shown = true;
        fflush(stderr);
    } else {
        put_progress(tally, stdout, now - tally->began_us);
        putchar('\n');
        fflush(stdout);
    }
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

void tally_add(struct tally *tally, const char *path, int64_t bytes, enum outcome outcome, struct str why)
{
    pthread_mutex_lock(&tally->mutex);
    tally->done_files++;
    tally->done_bytes += bytes;
    tally->counts[outcome]++;
    if (why.len)
        count_reason(tally, outcome, why);
    if (tally->verbose || !outcomes[outcome].is_plain || (outcome == OUTCOME_FILED && why.len)) {
        FILE *to = outcome == OUTCOME_REFUSED ? stderr : stdout;
        clear_line(tally);
        fprintf(to, "%s: %s%s%.*s\n", path, outcomes[outcome].name, why.len ? ": " : "", STR_FMT(why));
    }
    show_progress(tally);
    pthread_mutex_unlock(&tally->mutex);
}

int64_t tally_count(struct tally *tally, enum outcome outcome)
{
    pthread_mutex_lock(&tally->mutex);
    int64_t count = tally->counts[outcome];
    pthread_mutex_unlock(&tally->mutex);
    return count;
}

void tally_print(struct tally *tally)
{
    pthread_mutex_lock(&tally->mutex);
    clear_line(tally);
    for (int i = 0; i < OUTCOMES; i++)
        printf("%s%" PRId64 " %s", i ? ", " : "", tally->counts[i], outcomes[i].counted);
    putchar('\n');
    for (int i = 0; i < tally->reason_count; i++)
        printf("  %" PRId64 " %s: %s\n", tally->reasons[i].files, outcomes[tally->reasons[i].outcome].counted,
               tally->reasons[i].key);
    fflush(stdout);
    pthread_mutex_unlock(&tally->mutex);
}
