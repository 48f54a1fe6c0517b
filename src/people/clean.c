/* clean.c - see clean.h. */
#include "people/clean.h"

#include "jobs/clean.h"
#include "people/lockout.h"
#include "people/own_password.h"

struct cleaned {
    int64_t sessions, password_resets, locks, networks;
};
static const struct field cleaned_fields[] = {
    FIELD(struct cleaned, sessions, .doc = "How many sessions that had ended were removed."),
    FIELD(struct cleaned, password_resets, .doc = "How many tokens for a new password that had expired were removed."),
    FIELD(struct cleaned, locks, .doc = "How many locks that had ended were removed."),
    FIELD(struct cleaned, networks, .doc = "How many networks were removed that an account was not signed in from."),
};
static const struct schema cleaned = SCHEMA("SessionsCleaned", struct cleaned, cleaned_fields);

static bool clean(struct call *c, struct job_run *run)
{
    static const struct aged sessions = AGED("sessions", "expires_at");
    static const struct aged resets = AGED("password_resets", "expires_at");
    static const struct aged locks = AGED("sign_in_locks", "locked_until");
    static const struct aged networks = AGED("sign_in_networks", "last_at");
    struct cleaned *out = job_result(run);
    *out = (struct cleaned){ 0 };
    return clean_aged(c, run, &sessions, clean_before(c->app->config.session_keep_s), "sessions", &out->sessions) &&
           clean_aged(c, run, &resets, clean_before(RESETS_COUNT_S), "tokens", &out->password_resets) &&
           clean_aged(c, run, &locks, clean_before(0), "locks", &out->locks) &&
           clean_aged(c, run, &networks, (struct instant){ lockout_familiar_since() }, "networks", &out->networks);
}

const struct job_kind sessions_clean = { "sessions.clean", NULL,
                                         &cleaned,         clean,
                                         CLEANING,         .doc = "Forgets sessions that ended long ago." };
