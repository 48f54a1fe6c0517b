/* who.c - the operating-system user behind a command, as audit rows name them: commands know no account. */
#include "cli/command.h"

#include "base/text.h"

#include <pwd.h>
#include <unistd.h>

enum { ORIGIN_MAX = 2000, PASSWD_MAX = 16384 };

static void put_member(struct text *out, const char *name, struct str value)
{
    text_format(out, "%c\"%s\":", out->len ? ',' : '{', name);
    text_put_json_string(out, value);
}

/* The name, or the number of a user who has none. */
static struct str name_of(struct arena *arena, uid_t uid)
{
    struct passwd entry, *found = NULL;
    char *buffer = arena_alloc(arena, PASSWD_MAX);
    if (getpwuid_r(uid, &entry, buffer, PASSWD_MAX, &found) == 0 && found)
        return str_from(found->pw_name);
    return arena_format(arena, "%ju", (uintmax_t)uid);
}

/* Who came into the machine, which Linux remembers through sudo and su (proc(5), loginuid). False: nobody did, or it
 * was not kept. */
static bool login_uid(uid_t *out)
{
    char line[32] = "";
    int64_t uid = 0;
    FILE *file = fopen("/proc/self/loginuid", "re");
    bool known = file && fgets(line, sizeof(line), file) && str_to_integer(str_trim(str_from(line)), &uid);
    if (file)
        fclose(file);
    *out = (uid_t)uid;
    return known && *out != (uid_t)-1;
}

void command_acts(struct call *c, const char *command, struct str account)
{
    struct text origin;
    uid_t login;
    text_init(&origin, ORIGIN_MAX);
    put_member(&origin, "by", S("command line"));
    put_member(&origin, "command", str_from(command));
    put_member(&origin, "system_user", name_of(&c->arena, getuid()));
    if (login_uid(&login) && login != getuid())
        put_member(&origin, "login_user", name_of(&c->arena, login));
    if (account.len)
        put_member(&origin, "account", account);
    text_put_char(&origin, '}');
    c->actor->origin = arena_copy(&c->arena, text_str(&origin));
    text_release(&origin);
}
