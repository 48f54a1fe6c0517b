/* cmd_create_superuser.c - the first administrator, or another one. */
#include "cli/command.h"

#include "people/user.h"
#include "base/text.h"

struct create_superuser {
    struct str username, email, full_name;
    bool password_stdin, if_missing;
};
static const struct field create_superuser_fields[] = {
    FIELD(struct create_superuser, username, .max = 50,
          .doc = "Name to sign in with; else ROENTGEN_ADMIN_USERNAME, else asked."),
    FIELD(struct create_superuser, email, .max = 254, .doc = "E-mail address; else ROENTGEN_ADMIN_EMAIL, else asked."),
    FIELD(struct create_superuser, full_name, .max = 100, .doc = "Full name; the user name when absent."),
    FIELD(struct create_superuser, password_stdin,
          .doc = "Read the password from standard input; else ROENTGEN_ADMIN_PASSWORD, else asked."),
    FIELD(struct create_superuser, if_missing, .doc = "Do nothing when there is an administrator already."),
};
const struct schema create_superuser_options =
    SCHEMA("CreateSuperuser", struct create_superuser, create_superuser_fields);

static struct str from_somewhere(struct call *c, struct str option, const char *variable, const char *what, bool hidden)
{
    const char *environment = getenv(variable);
    if (option.len)
        return option;
    if (environment && environment[0])
        return str_from(environment);
    return command_ask(c, what, hidden);
}

int cmd_create_superuser(struct call *c)
{
    const struct create_superuser *in = c->in;
    static struct str admin[] = { { "admin", 5 } };
    struct new_user user;
    int64_t id;
    enum found found = in->if_missing ? user_other_admin(c, 0) : NONE;
    if (found == FAILED)
        return command_failed(c);
    if (found == FOUND) {
        printf("there is an administrator already\n");
        return 0;
    }
    schema_clear(&registration_schema, &user);
    user.username = from_somewhere(c, in->username, "ROENTGEN_ADMIN_USERNAME", "User name", false);
    user.email = from_somewhere(c, in->email, "ROENTGEN_ADMIN_EMAIL", "E-mail", false);
    user.password = in->password_stdin ? command_read_line(c)
                                       : from_somewhere(c, STR_NULL, "ROENTGEN_ADMIN_PASSWORD", "Password", true);
    user.full_name = in->full_name.len ? in->full_name : user.username;
    user.roles = (struct texts){ admin, 1 };
    if (!user.username.len || !user.email.len || !user.password.len) {
        fprintf(stderr, "roentgen: user name, e-mail and password are all needed\n");
        return 2;
    }
    audit_action(c, "user.create", "user");
    if (!user_create(c, &user, USER_ACTIVE, &id))
        return command_failed(c);
    printf("administrator %.*s made\n", STR_FMT(user.username));
    return 0;
}
