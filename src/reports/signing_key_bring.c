/* signing_key_bring.c - keys that are not made here: brought by their owners, or on a token. */
#include "reports/signing_key_parts.h"

#include "signing/cms.h"
#include "signing/token.h"
#include "site/app.h"

/* What signed pages have room for beside the signature itself (report_pdf_kept.c). */
enum { BROUGHT_BYTES_MAX = 10 << 10 };

static bool say_problem(struct call *c, const char *member, const char *type)
{
    const char *words = arena_cstring(&c->arena, error_told(&c->error));
    error_clear(&c->error);
    return error_add_problem(&c->error, &c->arena, "body", str_from(member), type, words);
}

static bool check_chain(struct call *c, const struct chain *chain, const char *member, struct str *anchor)
{
    struct trust trust = signing_accepted(c);
    ptrdiff_t size = 0;
    if (!signer_trusted(c, chain, &trust, anchor))
        return say_problem(c, member, "not_trusted");
    for (int i = 0; i < chain->count; i++)
        size += chain->der[i].len;
    if (size <= BROUGHT_BYTES_MAX)
        return true;
    fail(c, E_INVALID, "its certificates have more than %d KiB together", BROUGHT_BYTES_MAX >> 10);
    return say_problem(c, member, "not_taken");
}

static bool open_file(struct call *c, const struct signing_key_file *file, struct signer *out, struct str *anchor)
{
    if (!signer_bring(c, file->pkcs12, file->password, clock_now(), out))
        return c->error.code == E_FORBIDDEN ? say_problem(c, "pkcs12_password", "wrong")
                                            : say_problem(c, "pkcs12", "not_taken");
    return check_chain(c, &out->chain, "pkcs12", anchor);
}

struct bringing {
    const struct signer *signer;
    struct str serial, anchor;
    int64_t user_id, id;
};

/* Who had this certificate before? *id stays 0: nobody, or its owner, who has signed with another one since. */
static bool look_for(struct call *c, struct bringing *b)
{
    struct cursor rows;
    struct str pem = certificate_pem(c, b->signer->chain.der[0]);
    bool is_others = false, is_revoked = false;
    for (db_rows(c, &rows,
                 "select id, user_id, certificate, revoked_at, (select max(n.id) from signing_keys n where n.user_id = "
                 "k.user_id and n.is_second = 0 and n.revoked_at is null) from signing_keys k where k.serial = ? order "
                 "by k.id",
                 V(b->serial));
         cursor_next(&rows);) {
        if (!str_starts(cursor_text(&rows, 2), pem))
            continue;
        is_others = is_others || cursor_integer(&rows, 1) != b->user_id;
        is_revoked = is_revoked || cursor_integer(&rows, 3) != 0;
        b->id = cursor_integer(&rows, 4) == cursor_integer(&rows, 0) ? cursor_integer(&rows, 0) : 0;
    }
    if (!cursor_close(&rows))
        return false;
    if (is_others)
        return fail(c, E_CONFLICT, "another account has this certificate");
    return !is_revoked || fail(c, E_CONFLICT, "this certificate was revoked here: bring another");
}

static bool keep_brought(struct call *c, void *context)
{
    struct bringing *b = context;
    enum key_origin origin = b->signer->token ? KEY_ON_TOKEN : KEY_BROUGHT;
    b->id = 0;
    return db_lock(c, "select id from users where id = ?", V(b->user_id)) && /* as whoever signs does */
           db_lock(c, "select id from signing_authority_lock where id = ?", V(INT64_C(1))) && look_for(c, b) &&
           signing_key_put(c, b->user_id, origin, b->signer, &b->id) && signing_keep_anchor(c, b->anchor) &&
           audit_change(c);
}

/* Its certificate's key is the signer's, and it is accepted. */
static bool keep(struct call *c, const struct signer *signer, struct str anchor, int64_t user_id,
                 struct signing_key_row *out)
{
    struct certificate certificate;
    struct bringing b = { .signer = signer, .anchor = anchor, .user_id = user_id };
    if (!certificate_read(c, signer->chain.der[0], &certificate))
        return false;
    b.serial = certificate.serial;
    return db_transact(c, keep_brought, &b) && db_find(c, &signing_key_schema, out, "where k.id = ?", V(b.id)) == FOUND;
}

bool signing_key_bring(struct call *c, const struct signing_key_file *file, struct signing_key_row *out)
{
    struct signer signer = { 0 };
    struct str anchor;
    if (!c->app->signer_anchor_count)
        return fail(c, E_CONFLICT, "no authority's certificates are accepted here: SIGNING_CERTIFICATES names none");
    db_release(c);
    bool ok = open_file(c, file, &signer, &anchor) && keep(c, &signer, anchor, call_user(c), out);
    signer_forget(&signer);
    return ok;
}

static bool check_kind(struct call *c, const struct chain *chain)
{
    struct certificate certificate;
    if (!certificate_read(c, chain->der[0], &certificate))
        return false;
    struct str kind = certificate.key_kind;
    return str_starts(kind, S("RSA ")) || str_equal(kind, S("EC P-256")) || str_equal(kind, S("EC P-384")) ||
           fail(c, E_INVALID, "a key of this kind does not sign here: EC on P-256 or P-384, or RSA");
}

/* The certificate fits the public key that the token shows; that its private key is the other half only a signature
 * says. */
static bool try_signing(struct call *c, const struct signer *signer)
{
    struct str content = S("Roentgen tries this key"), cms;
    struct trust trust = signing_accepted(c);
    unsigned char digest[SHA256_BYTES];
    struct cms_result result;
    crypto_sha256(content, digest);
    return cms_sign(c, signer, digest, &(struct cms_options){ .signing_time = trust.now }, &cms) &&
           cms_check(c, cms, &content, 1, &trust, &result) &&
           (result.verdict == VERDICT_VALID ||
            fail(c, E_INVALID, "what it signs is not valid: %.*s", STR_FMT(result.signers[0].words)));
}

bool signing_key_assign(struct call *c, const struct signing_key_on_token *named, struct signing_key_row *out)
{
    struct token *token = c->app->signing_token;
    struct signer signer = { 0 };
    struct chain chain;
    struct str anchor;
    int64_t id;
    if (!token)
        return fail(c, E_CONFLICT, "no token holds keys here: SIGNING_TOKEN names none");
    enum found found =
        db_find_integer(c, &id, "select id from users where id = ? and deleted_at is null", V(named->user_id));
    if (found == NONE)
        return error_add_problem(&c->error, &c->arena, "body", S("user_id"), "not_found", "no such account");
    db_release(c);
    if (found == FAILED)
        return false;
    if (!certificate_chain_read(c, named->certificates, &chain) || !check_kind(c, &chain))
        return say_problem(c, "certificates", "not_taken");
    if (!check_chain(c, &chain, "certificates", &anchor))
        return false;
    if (!token_signer(c, token, named->uri, &chain, &signer) || !signer_check(c, &signer, clock_now()) ||
        !try_signing(c, &signer))
        return say_problem(c, "uri", "not_taken");
    return keep(c, &signer, anchor, named->user_id, out);
}
