/* import_print.c - see import_print.h. */
#include "cli/import_print.h"

#include "base/clock.h"
#include "cli/plain.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { TERMINAL_EVERY_US = 200000, LINE_EVERY_US = 10000000 };

static const struct {
    const char *name; /* of one file */
    bool is_plain;    /* named only when asked for */
} outcomes[OUTCOMES] = {
    [OUTCOME_FILED] = { "filed", true },         [OUTCOME_STORED] = { "stored", true },
    [OUTCOME_KNOWN] = { "known already", true }, [OUTCOME_KEPT] = { "kept, but not filed", false },
    [OUTCOME_SKIPPED] = { "skipped", true },     [OUTCOME_REFUSED] = { "refused", false },
};

void import_print_init(struct import_print *print, struct tally *tally, bool verbose)
{
    *print = (struct import_print){
        .tally = tally, .verbose = verbose, .terminal = isatty(STDERR_FILENO), .shown_us = clock_monotonic_us()
    };
    pthread_mutex_init(&print->mutex, NULL);
}

static void clear_line(struct import_print *print)
{
    if (print->line_is_shown)
        fputs("\r\033[K", stderr);
    print->line_is_shown = false;
}

static void put_progress(struct import_print *print, FILE *to)
{
    struct tally_counts n;
    char speed[100];
    tally_look(print->tally, &n);
    tally_speed(&n, speed, sizeof(speed));
    fprintf(to, "%" PRId64 " of %" PRId64 " files, %.1f of %.1f MB, %s", n.done_files, n.files,
            (double)n.done_bytes / 1e6, (double)n.bytes / 1e6, speed);
}

static void show_progress(struct import_print *print)
{
    int64_t now = clock_monotonic_us();
    if (now - print->shown_us < (print->terminal ? TERMINAL_EVERY_US : LINE_EVERY_US))
        return;
    print->shown_us = now;
    if (print->terminal) {
        clear_line(print);
        put_progress(print, stderr);
        print->line_is_shown = true;
        fflush(stderr);
    } else {
        put_progress(print, stdout);
        putchar('\n');
        fflush(stdout);
    }
}

void import_print_file(struct import_print *print, const char *path, enum outcome outcome, struct str why)
{
    pthread_mutex_lock(&print->mutex);
    if (print->verbose || !outcomes[outcome].is_plain || (outcome == OUTCOME_FILED && why.len)) {
        clear_line(print);
        FILE *to = outcome == OUTCOME_REFUSED ? stderr : stdout;
        put_plain(to, str_from(path));
        fprintf(to, ": %s%s", outcomes[outcome].name, why.len ? ": " : "");
        put_plain(to, why);
        putc('\n', to);
    }
    show_progress(print);
    pthread_mutex_unlock(&print->mutex);
}

void import_print_end(struct import_print *print)
{
    struct tally_counts n;
    struct reason reasons[REASONS_MAX];
    tally_look(print->tally, &n);
    int count = tally_reasons(print->tally, reasons);
    clear_line(print);
    for (int i = 0; i < OUTCOMES; i++)
        printf("%s%" PRId64 " %s", i ? ", " : "", n.counts[i], outcome_counted[i]);
    putchar('\n');
    for (int i = 0; i < count; i++) {
        printf("  %" PRId64 " %s: ", reasons[i].files, outcome_counted[reasons[i].outcome]);
        put_plain(stdout, str_from(reasons[i].key));
        putchar('\n');
    }
    fflush(stdout);
    pthread_mutex_destroy(&print->mutex);
}
