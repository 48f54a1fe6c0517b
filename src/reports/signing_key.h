/* signing_key.h - the keys that people of this house sign reports with.
 *
 *     struct signing_key key;
 *     if (!signing_key_hold(c, user_id, name, &key)) ...     // in a transaction; made at the first signature
 *     cms_sign(c, &key.signer, ...);
 *     signer_forget(&key.signer);
 *
 *   the house's authority      one, made with the first key: a certificate that is given out, a key that stays sealed
 *   an account's keys          the newest that is not revoked is in use. MADE here with the first signature, and again
 *                              in time; or BROUGHT by its owner as a PKCS#12 file, of an authority that
 *                              SIGNING_CERTIFICATES accepts: then nothing is made in its place, whatever becomes of it,
 *                              until its owner brings another, or revokes it; or ON_TOKEN: the key never leaves a
 *                              token or hardware module (SIGNING_TOKEN), and who manages accounts has said whose it is
 *
 *   second signatures          by SM2 (REPORT_SM2), with keys of their own that are always made here: revoked with the
 *                              account's other keys of this house
 *
 * Private keys rest sealed with SECRET_KEY, and are unsealed to sign; so does the name of one on a token. A key that is
 * revoked signs nothing more; what it signed before stays valid (signing/revocation.h), and whoever checks a signature
 * far from here brings the authority's certificate and its revocation list along.
 *
 * False: E_UNAVAILABLE where a key cannot be unsealed (another SECRET_KEY) or its token does not answer, else the
 * database failed.
 */
#ifndef ROENTGEN_REPORTS_SIGNING_KEY_H
#define ROENTGEN_REPORTS_SIGNING_KEY_H

#include "db/db.h"
#include "signing/signer.h"

struct signing_key {
    int64_t id;
    struct signer signer;
};

/* Inside a transaction: the key that this account signs with; a new one when it has none, or none for much longer.
 * E_CONFLICT: the one that was brought signs no more: it has ended, or its authority is accepted no more. */
bool signing_key_hold(struct call *c, int64_t user_id, struct str name, struct signing_key *out);
/* Inside a transaction, after signing_key_hold: the account's key of second signatures, which is one of SM2
 * (signing/sm2.h), with a certificate of the house's authority for this name; made where there is none. */
bool signing_key_hold_second(struct call *c, int64_t user_id, struct str name, struct signing_key *out);
/* The key that something was signed with, to sign more of the same. E_CONFLICT: it is revoked, or one that was brought
 * signs no more, as above. */
bool signing_key_of(struct call *c, int64_t id, struct signing_key *out);

/* Inside a transaction: the account signs no more with the key in use, nor with others of its origin. Behind one that
 * was brought stand the keys of this house, in use again. E_CONFLICT: it has no key in use. */
bool signing_keys_revoke(struct call *c, int64_t user_id, struct str reason);

/* Whom to believe: the house's authority, and what it has revoked, from the first signature on; those of
 * SIGNING_CERTIFICATES, and those under whose certificates somebody has brought a key or signed (signing_anchors), also
 * once that setting names them no more; of time stamps, those of TSA_CERTIFICATES. */
bool signing_trust(struct call *c, struct trust *out);
/* The authority's certificate and its revocation list, DER: of keys made here, others are revoked by who issued their
 * certificates. E_NOT_FOUND: nobody has signed with a key of the house yet. */
bool signing_authority(struct call *c, struct str *certificate);
bool signing_revocations(struct call *c, struct str *list);

enum key_origin { KEY_MADE = 1, KEY_BROUGHT, KEY_ON_TOKEN };
extern const char *const key_origins[];

/* A row, as it is shown. */
struct signing_key_row {
    int64_t id, user_id;
    unsigned origin;
    struct str user_name, serial, certificate; /* PEM */
    struct instant created_at, expires_at, revoked_at;
    struct str revoked_reason;
    bool is_second;
};
extern const struct schema signing_key_schema;

struct signing_key_file {
    struct str pkcs12, password; /* DER; of the file: forgotten after this */
};
/* The caller's account signs with what is in the file from now on. Not inside a transaction: opening a
 * file takes a while. E_INVALID, with problems of the body's members: as signer_bring says, or no accepted authority
 * has issued it. E_CONFLICT: none is accepted here, another account has this certificate, or it was revoked here. */
bool signing_key_bring(struct call *c, const struct signing_key_file *file, struct signing_key_row *out);

struct signing_key_on_token {
    int64_t user_id;
    struct str uri, certificates; /* of the private key there (RFC 7512); PEM, its own first */
};
/* This account signs with a key on the token from now on; the caller may manage accounts. One PIN opens all keys of a
 * token, so that not its owner says which is theirs. Not inside a transaction: tokens are slow. E_INVALID, with
 * problems of the body's members: no such account, no such key, a certificate of another key or that is not accepted.
 * E_CONFLICT: no token, another account has this certificate, or it was revoked here. */
bool signing_key_assign(struct call *c, const struct signing_key_on_token *named, struct signing_key_row *out);

#endif
