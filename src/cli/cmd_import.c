/* cmd_import.c - a folder of files, or a single one, into the store, from a terminal (intake/import.h). SIGINT and
 * SIGTERM end it; a file that is being read then is left for the next time, and what was done is said. The exit
 * status is 0 unless something that may have been a picture is not in the store. */
#include "cli/command.h"

#include "intake/import.h"
#include "site/account_key.h"
#include "cli/import_print.h"

#include <signal.h>

struct import {
    struct str folder, username, owner, assign, modality, description, patient_number;
    int64_t patient_id;
    bool verbose;
};
static const struct field import_fields[] = {
    FIELD(struct import, folder, .flags = REQUIRED, .min = 1, .max = 4000,
          .doc = "Where the files are: everything below it is looked at. Or a single file."),
    FIELD(struct import, username, .flags = REQUIRED, .min = 1, .max = 50,
          .doc = "Account that imports: the files are its own, unless owner says whose."),
    FIELD(struct import, owner, .min = 1, .max = 50, .doc = "Account that the files will belong to: it sees them."),
    FIELD(struct import, assign, .max = IMPORT_ASSIGN_MAX,
          .doc = "Who else may see the studies: accounts, roles, departments (user:li, role:doctor, "
                 "department:NAME), with commas between. Pictures outside studies stay their owner's."),
    FIELD(struct import, patient_id, .min = 1, .max = INT64_MAX,
          .doc = "Patient of all of them. DICOM files that name another patient are refused."),
    PATIENT_NUMBER_FIELD(struct import),
    FIELD(struct import, modality, .max = 16, .doc = "Modality of those that do not say theirs."),
    FIELD(struct import, description, .max = 2000, .doc = "Description of all of them."),
    FIELD(struct import, verbose, .doc = "Name each file, not only those that need a word."),
};
const struct schema import_options = SCHEMA("Import", struct import, import_fields);

static volatile sig_atomic_t interrupted; /* the number of the signal */

static void note_signal(int number)
{
    interrupted = number;
}

static void counted(void *context, int64_t files, int64_t bytes)
{
    const struct import_print *print = context;
    tally_expect(print->tally, files, bytes);
}

static void file(void *context, const char *path, int64_t bytes, enum outcome outcome, struct str why)
{
    struct import_print *print = context;
    tally_add(print->tally, bytes, outcome, why);
    import_print_file(print, path, outcome, why);
}

static bool goes_on(void *context)
{
    (void)context;
    return !interrupted;
}

static int import_all(struct call *c, const struct import_order *order, bool verbose)
{
    struct import_print print;
    struct tally_counts n;
    bool hopeless;
    struct sigaction action = { .sa_handler = note_signal,
                                .sa_flags = (int)SA_RESETHAND }; /* the second one ends it at once */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    import_print_init(&print, tally_new(), verbose);
    bool ok = import_run(c, order, &(struct import_watch){ counted, file, goes_on, &print }, &hopeless);
    import_print_end(&print);
    tally_look(print.tally, &n);
    tally_free(print.tally);
    if (!ok && c->error.code)
        return command_failed(c);
    if (interrupted)
        fprintf(stderr,
                "roentgen: stopped before the end; the same command goes on, and finds what is there already\n");
    return interrupted ? 128 + interrupted : hopeless || n.counts[OUTCOME_REFUSED] > 0 ? 1 : 0;
}

static bool account(struct call *c, struct str name, int64_t *id)
{
    return account_find(c, name, id) == FOUND || fail(c, E_NOT_FOUND, "there is no account %.*s", STR_FMT(name));
}

int cmd_import(struct call *c)
{
    const struct import *in = c->in;
    struct import_order order = { .details = { in->patient_id, in->description, in->modality, STR_NULL,
                                               in->patient_number } };
    command_acts(c, "import", in->username);
    if (!account(c, in->username, &order.by) || !account(c, in->owner.len ? in->owner : in->username, &order.owner) ||
        !import_grantees(c, in->assign, &order) || !upload_details_settle(c, &order.details) ||
        !import_root(c, STR_NULL, in->folder, &order.root))
        return command_failed(c);
    db_release(c);
    return import_all(c, &order, in->verbose);
}
