/* main.c - the table of commands, and the way into one. */
#include "cli/command.h"
#include "cli/plain.h"

#include "server/app.h"
#include "base/text.h"
#include "schema/cli.h"
#include "site/installation.h"

#include <locale.h>

const struct command commands[] = {
    { "serve", cmd_serve, NULL, NULL, "Serve HTTP until told to stop", false },
    { "init-db", cmd_init_db, NULL, NULL, "Bring the database up to this version; add missing roles and permissions",
      true },
    { "create-superuser", cmd_create_superuser, &create_superuser_options, NULL, "Make an administrator's account",
      true },
    { "user", cmd_user, &user_options, "action,username",
      "list accounts; unlock, disable, enable or reset-password of one; its keys, new-key, revoke-key", true },
    { "migrate", cmd_migrate, &migrate_options, "action", "up, down, current or history of the database schema", true },
    { "import", cmd_import, &import_options, "folder", "Take files below a folder as if they were uploaded", true,
      STORES_WRITTEN },
    { "purge", cmd_purge, &purge_options, NULL, "Remove deleted files for good, and uploads nobody completed", true,
      STORES_WRITTEN },
    { "fsck", cmd_fsck, &fsck_command_options, NULL, "Compare rows and files", true, STORES_READ },
    { "backup", cmd_backup, &backup_options, "what,place",
      "Make a backup in a folder: backup FOLDER; or look at one: backup verify FOLDER", true, STORES_READ },
    { "restore", cmd_restore, &restore_options, "source", "Bring a backup into an empty database and an empty store",
      false },
    { "jobs", cmd_jobs, &jobs_options, "action,id",
      "list, show, watch, cancel or retry work in the background; list what was rejected", true },
    { "worker", cmd_worker, &worker_options, NULL, "Do jobs until told to stop, beside a server or on another host",
      true, STORES_WRITTEN },
    { "report", cmd_report, &report_options, "action,file", "Check a signed report", false },
    { "dicom", cmd_dicom, &dicom_options, "action,files", "Print what is in DICOM files: dump or json", false },
    { "openapi", cmd_openapi, NULL, NULL, "Print the OpenAPI document", false },
    { "config", cmd_config, &config_options, NULL, "Print the settings in force, secrets masked", false },
    { "version", cmd_version, NULL, NULL, "Print the version", false },
    { "decoder", cmd_decoder, NULL, NULL, "Decode pictures for a server, which starts this by itself", false,
      .internal = true },
    { "model", cmd_model, NULL, NULL, "Run a model for a server, which starts this by itself", false,
      .internal = true },
    { "job", cmd_job, &job_options, NULL, "Do one job for a worker, which starts this by itself", true,
      .internal = true },
};
const int command_count = (int)(sizeof(commands) / sizeof(commands[0]));

/* It may name a stranger's file, or quote one. */
static void put_trouble(struct str member, struct str message)
{
    fputs("roentgen: ", stderr);
    put_plain(stderr, member);
    fputs(member.len ? ": " : "", stderr);
    put_plain(stderr, message);
    fputc('\n', stderr);
}

int command_failed(const struct call *c)
{
    if (c->error.message[0] && !c->error.problems)
        put_trouble(STR_NULL, str_from(c->error.message));
    for (const struct problem *p = c->error.problems; p; p = p->next)
        put_trouble(p->member, p->message);
    return 1;
}

static int usage(FILE *to)
{
    fprintf(to, "usage: roentgen COMMAND [OPTIONS]\n\n");
    for (int i = 0; i < command_count; i++)
        if (!commands[i].internal)
            fprintf(to, "  %-18s %s\n", commands[i].name, commands[i].summary);
    fprintf(
        to,
        "\nroentgen COMMAND --help tells more. Settings come from the environment and from .env in the folder where "
        "it is started:\nroentgen config --example explains them.\n");
    return to == stdout ? 0 : 2;
}

static bool is_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static int help(const struct command *command)
{
    struct text text;
    text_init(&text, 1 << 20);
    if (command->in)
        cli_print_help(&text, command->name, command->positional, command->in);
    else
        text_format(&text, "usage: roentgen %s\n%s\n", command->name, command->summary);
    printf("%.*s", STR_FMT(text_str(&text)));
    text_release(&text);
    return 0;
}

static int run(const struct command *command, struct call *c, int argc, char **argv)
{
    static const struct schema nothing = { .name = "Nothing" };
    const struct schema *schema = command->in ? command->in : &nothing;
    uint64_t given = 0;
    void *in = schema_new(schema, &c->arena);
    if (!cli_decode(c, argc, argv, command->positional, schema, in, &given)) {
        command_failed(c);
        return 2;
    }
    c->in = in;
    c->given = given;
    return command->run(c);
}

static int run_with_app(const struct command *command, struct call *c, int argc, char **argv)
{
    struct app app;
    if (!app_open(&app, false)) {
        app_close(&app);
        return 1;
    }
    c->app = &app;
    c->db = app.db;
    bool ready = command->stores == STORES_UNUSED ||
                 installation_take_all(c, command->stores == STORES_READ ? INSTALLATION_LOOKS : INSTALLATION_USES);
    db_release(c);
    int status = ready ? run(command, c, argc, argv) : command_failed(c);
    db_release(c);
    app_close(&app);
    return status;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8"); /* for libraries that convert file names */
    if (argc < 2 || is_help(argv[1]) || !strcmp(argv[1], "help"))
        return usage(argc < 2 ? stderr : stdout);
    const char *name = strcmp(argv[1], "--version") ? argv[1] : "version";
    for (int i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        if (strcmp(name, command->name) != 0)
            continue;
        for (int a = 2; a < argc; a++)
            if (is_help(argv[a]))
                return help(command);
        struct call call;
        struct actor actor = { 0 };
        call_init(&call, NULL, NULL);
        call.actor = &actor;
        if (!command->internal)
            command_acts(&call, command->name, STR_NULL);
        int status = (command->opens_app ? run_with_app : run)(command, &call, argc - 2, argv + 2);
        call_release(&call);
        return status;
    }
    fprintf(stderr, "roentgen: there is no command %s\n", name);
    return usage(stderr);
}
