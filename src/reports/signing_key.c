/* signing_key.c - rows of keys, and the house's authority. */
#include "reports/signing_key_parts.h"

#include "base/names.h"
#include "signing/revocation.h"
#include "signing/sm2.h"
#include "site/app.h"

/* A key is made anew when it is good for less than this: what it signs should be checkable without haste. */
#define RENEWED_BEFORE_US (INT64_C(90) * 86400 * 1000000)

/* Certificates know whole seconds, and the clocks of those who check them differ. */
#define BEGINS_BEFORE_US (INT64_C(3600) * 1000000)

const char *const key_origins[] = { "MADE", "BROUGHT", "ON_TOKEN", NULL };
NAMES_REACH(key_origins, KEY_ON_TOKEN);

static struct instant beginning(void)
{
    return (struct instant){ clock_now().us - BEGINS_BEFORE_US };
}

/* ---- the authority ---- */

struct authority_row {
    int64_t id;
    struct str certificate, sealed_key; /* PEM; PKCS#8 in base64, sealed */
    struct instant created_at;
};
static const struct field authority_fields[] = {
    FIELD(struct authority_row, id, .doc = "1: there is one."),
    FIELD(struct authority_row, certificate, .doc = "Its certificate, PEM."),
    FIELD(struct authority_row, sealed_key, .flags = ENCRYPTED, .doc = "Its private key."),
    FIELD(struct authority_row, created_at, .flags = SET_ON_INSERT, .doc = "When it was made."),
};
static const struct schema authority_schema =
    SCHEMA("SigningAuthority", struct authority_row, authority_fields, .table = "signing_authority", .alias = "a",
           .doc = "Who issues the certificates of this house's signers.");

static bool say_sealed(struct call *c)
{
    return fail(c, E_UNAVAILABLE, "a key to sign with cannot be unsealed: is SECRET_KEY the one it was made under?");
}

static bool take_key(struct call *c, struct str certificates, struct str key, struct signer *out)
{
    return (crypto_unbase64(key, &c->arena, &out->key) && certificate_chain_read(c, certificates, &out->chain)) ||
           say_sealed(c);
}

/* A row that is there and cannot be read was sealed with another key: that may pass, and is no fault of the program. */
static enum found found_sealed(struct call *c, enum found found)
{
    if (found != FAILED || c->error.code != E_INTERNAL)
        return found;
    log_write(c->app->log, LOG_ERROR, call_request_id(c), "signing_key.unreadable", "%s", c->error.message);
    error_clear(&c->error);
    (void)say_sealed(c);
    return FAILED;
}

static enum found find_authority(struct call *c, struct authority_row *row)
{
    return found_sealed(c, db_find(c, &authority_schema, row, "where a.id = 1"));
}

static bool make_authority(struct call *c, struct signer *out)
{
    struct str hospital = c->app->config.hospital_name;
    struct authority_row row = { .id = 1 };
    if (!authority_make(c, hospital.len ? hospital : S("Roentgen"), beginning(), out))
        return false;
    row.certificate = certificate_pem(c, out->chain.der[0]);
    row.sealed_key = crypto_base64(out->key, &c->arena);
    return db_insert(c, &authority_schema, &row, NULL);
}

/* Two who sign first at the same time wait here for each other. */
static bool hold_authority(struct call *c, struct signer *out)
{
    struct authority_row row;
    if (!db_lock(c, "select id from signing_authority_lock where id = ?", V(INT64_C(1))))
        return false;
    enum found found = find_authority(c, &row);
    if (found == NONE)
        return make_authority(c, out);
    return found == FOUND && take_key(c, row.certificate, row.sealed_key, out);
}

/* ---- accounts' keys ---- */

struct key_row {
    int64_t id, user_id;
    unsigned origin;
    struct str serial, certificate, sealed_key;
    struct instant created_at, expires_at, revoked_at;
    bool is_second;
};
static const struct field key_fields[] = {
    FIELD(struct key_row, id, .doc = "Identifies the key."),
    FIELD(struct key_row, user_id, .doc = "Whose it is."),
    FIELD(struct key_row, origin, .choices = key_origins, .doc = "Made here, brought, or on a token."),
    FIELD(struct key_row, serial, .doc = "Of its certificate."),
    FIELD(struct key_row, certificate, .doc = "Its certificates, PEM."),
    FIELD(struct key_row, sealed_key, .flags = ENCRYPTED, .doc = "The private key; on a token its name there."),
    FIELD(struct key_row, created_at, .flags = SET_ON_INSERT, .doc = "When it was made."),
    FIELD(struct key_row, expires_at, .doc = "How long it is good."),
    FIELD(struct key_row, revoked_at, .doc = "Since when it is not."),
    FIELD(struct key_row, is_second, .doc = "Of second signatures, by SM2."),
};
static const struct schema key_schema = SCHEMA("SigningKeyRow", struct key_row, key_fields, .table = "signing_keys",
                                               .alias = "k", .doc = "A key that somebody signs with.");

static struct str chain_pem(struct call *c, const struct chain *chain)
{
    struct str pem = certificate_pem(c, chain->der[0]);
    for (int i = 1; i < chain->count; i++)
        pem = arena_format(&c->arena, "%.*s%.*s", STR_FMT(pem), STR_FMT(certificate_pem(c, chain->der[i])));
    return pem;
}

static bool take_row(struct call *c, const struct key_row *row, struct signer *out)
{
    if (row->origin != KEY_ON_TOKEN)
        return take_key(c, row->certificate, row->sealed_key, out);
    if (!c->app->signing_token)
        return fail(c, E_UNAVAILABLE, "the key to sign with is on a token, and SIGNING_TOKEN names none");
    out->token = c->app->signing_token;
    out->uri = row->sealed_key;
    return certificate_chain_read(c, row->certificate, &out->chain);
}

static uint64_t key_field(const char *name)
{
    return GIVEN(schema_find(&key_schema, str_from(name)));
}

bool signing_key_put(struct call *c, int64_t user_id, enum key_origin origin, const struct signer *signer, int64_t *id)
{
    struct certificate certificate;
    struct key_row row;
    if (!certificate_read(c, signer->chain.der[0], &certificate))
        return false;
    schema_clear(&key_schema, &row);
    row.user_id = user_id;
    row.origin = origin;
    row.serial = certificate.serial;
    row.certificate = chain_pem(c, &signer->chain);
    row.sealed_key = signer->token ? signer->uri : crypto_base64(signer->key, &c->arena);
    row.expires_at = certificate.until;
    row.is_second = str_equal(certificate.key_kind, S("SM2"));
    return *id ? db_update(c, &key_schema, &row,
                           key_field("origin") | key_field("certificate") | key_field("sealed_key"), "where id = ?",
                           V(*id))
               : db_insert(c, &key_schema, &row, id);
}

static bool make_key(struct call *c, int64_t user_id, struct str name, struct signing_key *out)
{
    struct signer authority = { 0 };
    bool ok = hold_authority(c, &authority) && signer_make(c, &authority, name, beginning(), &out->signer);
    signer_forget(&authority);
    out->id = 0;
    return ok && signing_key_put(c, user_id, KEY_MADE, &out->signer, &out->id);
}

struct trust signing_accepted(const struct call *c)
{
    return (struct trust){ .anchors = c->app->signer_anchors,
                           .anchor_count = c->app->signer_anchor_count,
                           .known_time = INSTANT_NULL,
                           .now = clock_now() };
}

bool signing_keep_anchor(struct call *c, struct str der)
{
    int64_t id;
    struct value sha256 = V(crypto_sha256_hex(der, &c->arena));
    enum found found = db_find_integer(c, &id, "select id from signing_anchors where sha256 = ?", sha256);
    if (found == NONE && db_lock(c, "select id from signing_authority_lock where id = ?", V(INT64_C(1))))
        found = db_find_integer(c, &id, "select id from signing_anchors where sha256 = ?", sha256);
    return found == FOUND ||
           (found == NONE && !c->error.code &&
            db_execute(c, "insert into signing_anchors(sha256, certificate, created_at) values (?, ?, ?)", sha256,
                       V(certificate_pem(c, der)), V(clock_now())));
}

/* A certificate from elsewhere is asked anew each time: what it signs is to be checkable at once. */
static bool check_brought(struct call *c, const struct signing_key *key, struct str *anchor)
{
    struct trust trust = signing_accepted(c);
    if (signer_trusted(c, &key->signer.chain, &trust, anchor))
        return true;
    struct str why = arena_copy(&c->arena, error_told(&c->error));
    error_clear(&c->error);
    return fail(c, E_CONFLICT,
                "the certificate that was brought signs no more: %.*s. Bring another, or revoke it to sign with a key "
                "of this house",
                STR_FMT(why));
}

/* Is it of who they are called now? A name that is longer than certificates take counts as far as they do. */
static bool is_of_name(struct call *c, const struct signing_key *key, struct str name)
{
    struct certificate certificate;
    return certificate_read(c, key->signer.chain.der[0], &certificate) && str_starts(name, certificate.common_name) &&
           (certificate.common_name.len == name.len || certificate.common_name.len >= SIGNER_NAME_MAX);
}

static enum found find_in_use(struct call *c, int64_t user_id, bool is_second, struct key_row *row)
{
    return found_sealed(c,
                        db_find(c, &key_schema, row,
                                "where k.user_id = ? and k.is_second = ? and k.revoked_at is null order by k.id desc",
                                V(user_id), V(is_second)));
}

bool signing_key_hold(struct call *c, int64_t user_id, struct str name, struct signing_key *out)
{
    struct key_row row;
    struct str anchor;
    *out = (struct signing_key){ 0 };
    if (!db_lock(c, "select id from users where id = ?", V(user_id)))
        return false;
    enum found found = find_in_use(c, user_id, false, &row);
    if (found == FAILED)
        return false;
    bool is_brought = found == FOUND && row.origin != KEY_MADE;
    if (found == NONE || (!is_brought && row.expires_at.us <= clock_now().us + RENEWED_BEFORE_US))
        return make_key(c, user_id, name, out);
    out->id = row.id;
    if (!take_row(c, &row, &out->signer))
        return false;
    if (is_brought ? check_brought(c, out, &anchor) && signing_keep_anchor(c, anchor) : is_of_name(c, out, name))
        return true;
    signer_forget(&out->signer);
    return !c->error.code && make_key(c, user_id, name, out);
}

static bool make_second(struct call *c, int64_t user_id, struct str name, struct signing_key *out)
{
    struct signer authority = { 0 };
    struct sm2_key key = { 0 };
    bool ok = hold_authority(c, &authority) && sm2_make(c, &key) &&
              signer_certify(c, &authority, name, key.public_der, beginning(), &out->signer.chain);
    signer_forget(&authority);
    out->id = 0;
    out->signer.key = key.private_der; /* the caller's signer_forget wipes it */
    return ok && signing_key_put(c, user_id, KEY_MADE, &out->signer, &out->id);
}

bool signing_key_hold_second(struct call *c, int64_t user_id, struct str name, struct signing_key *out)
{
    struct key_row row;
    *out = (struct signing_key){ 0 };
    enum found found = find_in_use(c, user_id, true, &row);
    if (found == FAILED)
        return false;
    if (found == NONE || row.expires_at.us <= clock_now().us + RENEWED_BEFORE_US)
        return make_second(c, user_id, name, out);
    out->id = row.id;
    if (!take_row(c, &row, &out->signer) || is_of_name(c, out, name))
        return !c->error.code;
    signer_forget(&out->signer);
    return !c->error.code && make_second(c, user_id, name, out);
}

bool signing_key_of(struct call *c, int64_t id, struct signing_key *out)
{
    struct key_row row;
    *out = (struct signing_key){ .id = id };
    enum found found = found_sealed(c, db_find(c, &key_schema, &row, "where k.id = ? and k.revoked_at is null", V(id)));
    if (found == NONE)
        return fail(c, E_CONFLICT, "the key that it was signed with is revoked: its pages cannot be signed any more");
    if (found == FAILED || !take_row(c, &row, &out->signer))
        return false;
    if (row.origin == KEY_MADE || check_brought(c, out, NULL))
        return true;
    signer_forget(&out->signer);
    return false;
}

/* ---- the end of keys, and how they are shown ---- */

/* The others of its kind go with the one in use, and none of the other kind: who gives up a certificate that was
 * brought says nothing of the keys of this house, by which earlier reports stand. */
bool signing_keys_revoke(struct call *c, int64_t user_id, struct str reason)
{
    struct value origin; /* of the row alone: one that cannot be unsealed any more can be given up */
    if (!db_lock(c, "select id from users where id = ?", V(user_id))) /* whoever signs holds it */
        return false;
    enum found found = db_find_value(
        c, &origin,
        "select origin from signing_keys where user_id = ? and is_second = 0 and revoked_at is null order by id desc "
        "limit 1",
        V(user_id));
    if (found == NONE)
        return fail(c, E_CONFLICT, "this account has no key in use");
    return found == FOUND && db_execute(c,
                                        "update signing_keys set revoked_at = ?, revoked_reason = ? where user_id = ? "
                                        "and origin = ? and revoked_at is null",
                                        V(clock_now()), V(reason), V(user_id), origin);
}

static const struct field shown_fields[] = {
    FIELD(struct signing_key_row, id, .flags = READ_ONLY, .doc = "Identifies the key here."),
    FIELD(struct signing_key_row, user_id, .flags = READ_ONLY, .doc = "Whose it is."),
    FIELD(struct signing_key_row, user_name, .flags = READ_ONLY,
          .sql = "(select u.full_name from users u where u.id = k.user_id)", .doc = "That account's full name."),
    FIELD(struct signing_key_row, origin, .flags = READ_ONLY, .choices = key_origins, .type = "KeyOrigin",
          .doc = "MADE here, BROUGHT by its owner, or ON_TOKEN."),
    FIELD(struct signing_key_row, serial, .flags = READ_ONLY, .doc = "Of its certificate, in hexadecimal."),
    FIELD(struct signing_key_row, certificate, .flags = READ_ONLY,
          .doc = "Its certificate, PEM; and those above it, if any were brought."),
    FIELD(struct signing_key_row, created_at, .flags = READ_ONLY,
          .doc = "When it was made, with the first signature, or brought."),
    FIELD(struct signing_key_row, expires_at, .flags = READ_ONLY,
          .doc = "How long its certificate is good; in place of one that was made here another is made in time."),
    FIELD(struct signing_key_row, revoked_at, .flags = READ_ONLY | NULLABLE, .doc = "Since when it signs no more."),
    FIELD(struct signing_key_row, revoked_reason, .flags = READ_ONLY | NULLABLE, .doc = "Why."),
    FIELD(struct signing_key_row, is_second, .flags = READ_ONLY, .doc = "Of second signatures, by SM2 (REPORT_SM2)."),
};
const struct schema signing_key_schema =
    SCHEMA("SigningKey", struct signing_key_row, shown_fields, .table = "signing_keys", .alias = "k",
           .doc = "A key that somebody signs reports with.");

/* ---- whom to believe ---- */

bool signing_authority(struct call *c, struct str *certificate)
{
    struct authority_row row;
    struct chain chain;
    enum found found = find_authority(c, &row);
    if (found == NONE)
        return fail(c, E_NOT_FOUND, "nobody has signed anything yet");
    if (found == FAILED || !certificate_chain_read(c, row.certificate, &chain))
        return false;
    *certificate = chain.der[0];
    return true;
}

static bool read_revoked(struct call *c, struct revoked **out, int *count)
{
    struct cursor cursor;
    int64_t most;
    *count = 0;
    if (!db_integer(c, &most, "select count(*) from signing_keys where revoked_at is not null and origin = 'MADE'"))
        return false;
    if (most > REVOKED_MAX)
        return fail(c, E_UNAVAILABLE, "more keys are revoked than a list can say");
    struct revoked *rows = *out = arena_alloc(&c->arena, (most + 1) * (ptrdiff_t)sizeof(*rows));
    for (db_rows(
             c, &cursor,
             "select serial, revoked_at, revoked_reason from signing_keys where revoked_at is not null and origin = "
             "'MADE' order by id desc limit ?",
             V(most));
         cursor_next(&cursor);)
        /* Rounded up to the second that a list can say: with a revoked key nothing was signed after. */
        rows[(*count)++] = (struct revoked){ arena_copy(&c->arena, cursor_text(&cursor, 0)),
                                             { cursor_integer(&cursor, 1) + 999999 },
                                             arena_copy(&c->arena, cursor_text(&cursor, 2)) };
    return cursor_close(&cursor);
}

bool signing_revocations(struct call *c, struct str *list)
{
    struct authority_row row;
    struct signer authority = { 0 };
    struct revoked *rows = NULL;
    int count = 0;
    enum found found = find_authority(c, &row);
    if (found == NONE)
        return fail(c, E_NOT_FOUND, "nobody has signed anything yet");
    struct instant now = clock_now();
    bool ok = found == FOUND && read_revoked(c, &rows, &count) &&
              take_key(c, row.certificate, row.sealed_key, &authority) &&
              revocation_make(c, &authority, rows, count, now.us / 1000000, now, list);
    signer_forget(&authority);
    return ok;
}

/* Those of SIGNING_CERTIFICATES now, and those under whom something was signed before. */
static bool read_anchors(struct call *c, struct str *anchors, int *count)
{
    struct cursor rows;
    struct chain one;
    for (*count = 0; *count < c->app->signer_anchor_count; ++*count)
        anchors[*count] = c->app->signer_anchors[*count];
    for (db_rows(c, &rows, "select certificate from signing_anchors order by id desc limit ?",
                 V(ANCHORS_MAX - 1 - c->app->signer_anchor_count));
         cursor_next(&rows);) {
        if (!certificate_chain_read(c, arena_copy(&c->arena, cursor_text(&rows, 0)), &one)) {
            cursor_close(&rows);
            return false;
        }
        anchors[(*count)++] = one.der[0];
    }
    return cursor_close(&rows);
}

bool signing_trust(struct call *c, struct trust *out)
{
    int count;
    struct str *anchors = arena_alloc(&c->arena, ANCHORS_MAX * (ptrdiff_t)sizeof(*anchors));
    struct str *list = arena_new(&c->arena, struct str);
    if (!read_anchors(c, anchors, &count))
        return false;
    *out = (struct trust){ .anchors = anchors,
                           .anchor_count = count,
                           .time_anchors = c->app->time_anchors,
                           .time_anchor_count = c->app->time_anchor_count,
                           .known_time = INSTANT_NULL,
                           .now = clock_now() };
    if (!signing_authority(c, &anchors[count])) {
        bool none = c->error.code == E_NOT_FOUND;
        if (none)
            error_clear(&c->error);
        return none;
    }
    out->anchor_count++;
    out->lists = list;
    out->list_count = 1;
    return signing_revocations(c, list);
}
