/* command.h - one row says all there is to say about one command. The rows are in main.c; each function has a file
 * cmd_NAME.c.
 *
 * A command gets a struct call whose actor is the operating-system user (who.c) and whose `in` is decoded from the
 * command line by the row's schema, and returns an exit status: 0 done, 1 failed (said on standard error), 2 wrongly
 * called.
 */
#ifndef ROENTGEN_COMMAND_H
#define ROENTGEN_COMMAND_H

#include "site/actor.h"
#include "site/app.h"
#include "schema/field.h"

struct command {
    const char *name;
    int (*run)(struct call *c);
    const struct schema *in; /* NULL: takes nothing */
    const char *positional;  /* as cli_decode */
    const char *summary;
    bool opens_app; /* settings, log, database and stores are opened before it runs */
    /* With opens_app: the stores are compared with the database before it runs (site/installation.h). */
    enum { STORES_UNUSED, STORES_READ, STORES_WRITTEN } stores;
    bool internal; /* started by ourselves: not in the list of commands */
};
extern const struct command commands[];
extern const int command_count;

/* Says what went wrong on standard error; returns 1. */
int command_failed(const struct call *c);

/* who.c: the call's actor is the operating-system user who gave this command. `account`: in whose name it works,
 * where it was told one; nobody has signed in as it, so that it is no more than said. */
void command_acts(struct call *c, const char *command, struct str account);

/* ask.c: one line of standard input without its end, null when there is none; the same after a question, unseen if
 * `hidden`. */
struct str command_read_line(struct call *c);
struct str command_ask(struct call *c, const char *what, bool hidden);
/* Only a person at a terminal can say yes; elsewhere `unasked` says what to do instead. */
bool command_confirm(const char *question, const char *unasked);

int cmd_serve(struct call *c);
int cmd_user(struct call *c);
int cmd_migrate(struct call *c);
int cmd_init_db(struct call *c);
int cmd_create_superuser(struct call *c);
int cmd_import(struct call *c);
int cmd_purge(struct call *c);
int cmd_fsck(struct call *c);
int cmd_dicom(struct call *c);
int cmd_report(struct call *c);
int cmd_openapi(struct call *c);
int cmd_config(struct call *c);
int cmd_version(struct call *c);
int cmd_jobs(struct call *c);
int cmd_job(struct call *c);
int cmd_worker(struct call *c);
int cmd_decoder(struct call *c);
int cmd_model(struct call *c);
int cmd_backup(struct call *c);
int cmd_restore(struct call *c);
extern const struct schema migrate_options, create_superuser_options, user_options, import_options, purge_options,
    config_options, fsck_command_options, dicom_options, report_options, jobs_options, job_options, worker_options,
    backup_options, restore_options;

#endif
