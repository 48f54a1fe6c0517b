/* import_job.c - see import_job.h. */
#include "intake/import_job.h"

#include "intake/import.h"
#include "records/visibility.h"
#include "site/account_key.h"
#include "site/app.h"
#include "base/names.h"

#include <stdatomic.h>

static const struct field wish_fields[] = {
    FIELD(struct import_wish, folder, .flags = REQUIRED | KEEP_SPACES, .min = 1, .max = 4000, .example = "cd-2026-11",
          .doc = "The folder below IMPORT_ROOT, on the server: everything in it is looked at. Or a single file."),
    FIELD(struct import_wish, owner, .min = 1, .max = 50,
          .doc = "Account that the files will belong to: it sees them. Else they are the caller's own."),
    FIELD(struct import_wish, assign, .max = IMPORT_ASSIGN_MAX,
          .doc = "Who else may see the studies: accounts, roles, departments (user:li, role:doctor, "
                 "department:NAME), with commas between."),
    FIELD(struct import_wish, patient_id, .min = 1, .max = INT64_MAX,
          .doc = "Patient of all of them. DICOM files that name another patient are refused."),
    PATIENT_NUMBER_FIELD(struct import_wish),
    FIELD(struct import_wish, modality, .max = 16, .doc = "Modality of those that do not say theirs."),
    FIELD(struct import_wish, description, .max = 2000, .doc = "Description of all of them."),
};
const struct schema import_wish_schema =
    SCHEMA("ImportWish", struct import_wish, wish_fields, .doc = "A folder on the server that is to be imported.");

/* ---- what comes of it ---- */

static const char *const outcome_names[] = { "FILED", "STORED", "KNOWN", "KEPT", "SKIPPED", "REFUSED", NULL };
NAMES_REACH(outcome_names, OUTCOME_REFUSED + 1);

struct import_reason {
    unsigned outcome;
    int64_t files;
    struct str why;
};
static const struct field reason_fields[] = {
    FIELD(struct import_reason, outcome, .choices = outcome_names, .type = "ImportOutcome",
          .doc = "What became of them."),
    FIELD(struct import_reason, files, .doc = "How many."),
    FIELD(struct import_reason, why, .doc = "Why; numbers are left out, so that the same reason counts as one."),
};
static const struct schema reason_schema = SCHEMA("ImportReason", struct import_reason, reason_fields);

struct imported {
    int64_t files, bytes, filed, stored, known, kept, skipped, refused;
    struct list reasons;
};
static const struct field imported_fields[] = {
    FIELD(struct imported, files, .doc = "How many files were looked at."),
    FIELD(struct imported, bytes, .doc = "How large they were."),
    FIELD(struct imported, filed, .doc = "Under their patient, study and series."),
    FIELD(struct imported, stored, .doc = "As files of their own."),
    FIELD(struct imported, known, .doc = "In the store already."),
    FIELD(struct imported, kept, .doc = "Kept, but not filed."),
    FIELD(struct imported, skipped, .doc = "Never pictures."),
    FIELD(struct imported, refused, .doc = "They may have been pictures, and are not in the store."),
    FIELD(struct imported, reasons, .of = &reason_schema,
          .doc = "Why, for those that need a word; the first 40 kinds."),
};
static const struct schema imported_schema = SCHEMA("Imported", struct imported, imported_fields);

static void fill_result(struct call *c, struct tally *tally, struct imported *out)
{
    struct tally_counts n;
    struct reason *reasons = arena_array(&c->arena, struct reason, REASONS_MAX);
    struct import_reason *told = arena_array(&c->arena, struct import_reason, REASONS_MAX);
    tally_look(tally, &n);
    int count = tally_reasons(tally, reasons);
    for (int i = 0; i < count; i++)
        told[i] = (struct import_reason){ reasons[i].outcome + 1, reasons[i].files,
                                          arena_copy(&c->arena, str_from(reasons[i].key)) };
    *out = (struct imported){
        n.done_files,
        n.done_bytes,
        n.counts[OUTCOME_FILED],
        n.counts[OUTCOME_STORED],
        n.counts[OUTCOME_KNOWN],
        n.counts[OUTCOME_KEPT],
        n.counts[OUTCOME_SKIPPED],
        n.counts[OUTCOME_REFUSED],
        { told, count },
    };
}

/* ---- what is asked for ---- */

static bool settle(struct call *c, const struct import_wish *wish, int64_t by, struct import_order *order)
{
    struct str below = c->app->config.import_root;
    *order = (struct import_order){
        .owner = by,
        .by = by,
        .details = { wish->patient_id, wish->description, wish->modality, STR_NULL, wish->patient_number },
    };
    if (!below.len)
        return fail(c, E_FORBIDDEN, "IMPORT_ROOT is not set: nothing is imported from this server's folders");
    if (wish->owner.len && account_find(c, wish->owner, &order->owner) != FOUND)
        return fail(c, E_NOT_FOUND, "there is no account %.*s", STR_FMT(wish->owner));
    return import_grantees(c, wish->assign, order) && upload_details_settle(c, &order->details) &&
           import_root(c, below, wish->folder, &order->root);
}

bool import_wish_check(struct call *c, const struct import_wish *wish)
{
    struct import_order order;
    bool names_patient = wish->patient_id > 0 || wish->patient_number.len;
    bool ok =
        visibility_asks_for_patients(c, names_patient, "naming a patient") && settle(c, wish, call_user(c), &order);
    db_release(c);
    return ok;
}

/* ---- the job ---- */

struct watching {
    struct job_run *run;
    struct tally *tally;
    struct log *log;
};

static void counted(void *context, int64_t files, int64_t bytes)
{
    const struct watching *w = context;
    tally_expect(w->tally, files, bytes);
}

static void file(void *context, const char *path, int64_t bytes, enum outcome outcome, struct str why)
{
    const struct watching *w = context;
    tally_add(w->tally, bytes, outcome, why);
    if (outcome == OUTCOME_REFUSED || outcome == OUTCOME_KEPT)
        log_write(w->log, LOG_WARNING, NULL, "import.file", "job %" PRId64 ": %s: %s: %.*s", job_id(w->run), path,
                  outcome_counted[outcome], STR_FMT(why));
}

static bool goes_on(void *context)
{
    struct watching *w = context;
    struct tally_counts n;
    char speed[100];
    tally_look(w->tally, &n);
    tally_speed(&n, speed, sizeof(speed));
    return job_tell(w->run, n.done_files, n.files, "files", n.done_files ? str_from(speed) : STR_NULL);
}

static bool run_watched(struct call *c, struct job_run *run, const struct import_order *order)
{
    struct watching w = { run, tally_new(), c->app->log };
    bool hopeless;
    bool ok = import_run(c, order, &(struct import_watch){ counted, file, goes_on, &w }, &hopeless);
    if (ok)
        ok = goes_on(&w); /* tells of the last files, too */
    fill_result(c, w.tally, job_result(run));
    tally_free(w.tally);
    if (hopeless && !c->error.code)
        return fail(c, E_UNAVAILABLE, "the store or the database takes nothing more now; what is there already stays");
    return ok;
}

static bool import(struct call *c, struct job_run *run)
{
    struct import_order order;
    int64_t by = 0;
    if (!db_integer(c, &by, "select asked_by from jobs where id = ?", V(job_id(run))) ||
        !settle(c, job_payload(run), by, &order))
        return false;
    db_release(c);
    return run_watched(c, run, &order);
}

const struct job_kind import_kind = { "import.folder",
                                      &import_wish_schema,
                                      &imported_schema,
                                      import,
                                      .attempts = 20,
                                      .time_limit_s = 30 * 86400,
                                      .concurrency = 1,
                                      .is_long = true,
                                      .memory_limit_bytes = INT64_C(2) << 30,
                                      .doc = "Imports a folder below IMPORT_ROOT." };
