/* timestamp.c - asking for time stamps, and checking them. */
#include "signing/timestamp.h"

#include "signing/openssl.h"
#include "signing/trust.h"

#include <openssl/err.h>
#include <openssl/ts.h>

enum { NONCE_BYTES = 8 };

/* ---- the request ---- */

static bool fill_request(TS_REQ *request, TS_MSG_IMPRINT *imprint, X509_ALGOR *algorithm,
                         const unsigned char digest[SHA256_BYTES])
{
    unsigned char bytes[NONCE_BYTES];
    crypto_random(bytes, sizeof(bytes));
    bytes[0] = (unsigned char)((bytes[0] & 0x7F) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ASN1_INTEGER *nonce = number ? BN_to_ASN1_INTEGER(number, NULL) : NULL;
    X509_ALGOR_set_md(algorithm, EVP_sha256());
    bool done = nonce && TS_REQ_set_version(request, 1) && TS_MSG_IMPRINT_set_algo(imprint, algorithm) &&
                TS_MSG_IMPRINT_set_msg(imprint, (unsigned char *)(uintptr_t)digest, SHA256_BYTES) &&
                TS_REQ_set_msg_imprint(request, imprint) && TS_REQ_set_nonce(request, nonce) &&
                TS_REQ_set_cert_req(request, 1);
    ASN1_INTEGER_free(nonce);
    BN_free(number);
    return done;
}

static struct str request_of(struct call *c, const unsigned char digest[SHA256_BYTES])
{
    TS_REQ *request = TS_REQ_new();
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *algorithm = X509_ALGOR_new();
    if (!request || !imprint || !algorithm || !fill_request(request, imprint, algorithm, digest))
        abort(); /* memory */
    unsigned char *at = NULL;
    int len = i2d_TS_REQ(request, &at);
    TS_REQ_free(request);
    TS_MSG_IMPRINT_free(imprint);
    X509_ALGOR_free(algorithm);
    return openssl_take(c, at, len);
}

bool timestamp_request(struct call *c, struct str data, struct str *out)
{
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(data, digest);
    *out = request_of(c, digest);
    return true;
}

/* ---- the token ---- */

static bool is_fine_digest(const ASN1_OBJECT *algorithm)
{
    int nid = OBJ_obj2nid(algorithm);
    return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

/* Before OpenSSL computes anything with it. */
static const char *flaw_of(struct call *c, PKCS7 *token, TS_TST_INFO *info)
{
    const ASN1_OBJECT *digest;
    if (!PKCS7_type_is_signed(token) || sk_PKCS7_SIGNER_INFO_num(PKCS7_get_signer_info(token)) != 1)
        return "it has not one signer";
    X509_ALGOR_get0(&digest, NULL, NULL, sk_PKCS7_SIGNER_INFO_value(PKCS7_get_signer_info(token), 0)->digest_alg);
    if (!is_fine_digest(digest))
        return "its digest is none of SHA-256, SHA-384 and SHA-512";
    X509_ALGOR_get0(&digest, NULL, NULL, TS_MSG_IMPRINT_get_algo(TS_TST_INFO_get_msg_imprint(info)));
    if (!is_fine_digest(digest))
        return "the digest that it is for is none of SHA-256, SHA-384 and SHA-512";
    if (instant_is_null(openssl_instant(TS_TST_INFO_get_time(info))))
        return "its time cannot be read";
    return trust_flaw(c, token->d.sign->cert);
}

static struct instant end_of(STACK_OF(X509) * chain)
{
    struct instant until = INSTANT_NULL;
    for (int i = 0; i < sk_X509_num(chain); i++) {
        struct instant end = openssl_instant(X509_get0_notAfter(sk_X509_value(chain, i)));
        if (!instant_is_null(end) && (instant_is_null(until) || end.us < until.us))
            until = end;
    }
    return until;
}

static bool describe(struct call *c, PKCS7 *token, TS_TST_INFO *info, const struct trust *trust, struct timestamp *out)
{
    char policy[80] = "";
    struct instant at = openssl_instant(TS_TST_INFO_get_time(info));
    STACK_OF(X509) *signers = PKCS7_get0_signers(token, NULL, 0);
    X509 *signer = sk_X509_num(signers) == 1 ? sk_X509_value(signers, 0) : NULL;
    struct trust_answer answer = { .why = "it does not bring its authority's certificate" };
    STACK_OF(X509) *chain = NULL;
    if (signer)
        trust_ask(c, trust, TRUST_TIME, &(struct trust_question){ signer, token->d.sign->cert, at, true, &chain },
                  &answer);
    struct instant until = end_of(chain);
    openssl_stack_free(chain);
    sk_X509_free(signers);
    if (!answer.is_trusted || trust_is_withdrawn(TRUST_TIME, &answer))
        return fail(c, E_INVALID, "the time stamp does not count: %s",
                    answer.is_trusted ? "its authority's certificate was revoked" : answer.why);
    unsigned char *der = NULL;
    int len = i2d_PKCS7(token, &der);
    struct str serial = openssl_bytes(TS_TST_INFO_get_serial(info));
    OBJ_obj2txt(policy, sizeof(policy), TS_TST_INFO_get_policy_id(info), 1);
    *out = (struct timestamp){ .token = openssl_take(c, der, len),
                               .at = at,
                               .until = until,
                               .authority = openssl_name(c, X509_get_subject_name(signer)),
                               .policy = arena_copy(&c->arena, str_from(policy)),
                               .serial = crypto_hex(serial.at, serial.len, &c->arena) };
    return true;
}

/* `rules` says what to compare; it gets the anchors. */
static bool check(struct call *c, PKCS7 *token, TS_VERIFY_CTX *rules, const struct trust *trust, struct timestamp *out)
{
    TS_TST_INFO *info = PKCS7_to_TS_TST_INFO(token);
    if (!info)
        return openssl_fail(c, E_INVALID, "the time stamp cannot be read");
    const char *flaw = flaw_of(c, token, info);
    bool done = !flaw || fail(c, E_INVALID, "the time stamp does not count: %s", flaw);
    if (done) {
        struct instant at = openssl_instant(TS_TST_INFO_get_time(info));
        TS_VERIFY_CTX_set_store(rules, trust_store(c, trust->time_anchors, trust->time_anchor_count, at));
        TS_VERIFY_CTX_add_flags(rules, TS_VFY_SIGNATURE | TS_VFY_VERSION);
        done = TS_RESP_verify_token(rules, token) == 1 || openssl_fail(c, E_INVALID, "the time stamp does not count");
    }
    done = done && describe(c, token, info, trust, out);
    TS_TST_INFO_free(info);
    ERR_clear_error();
    return done;
}

static PKCS7 *read_token(struct str token)
{
    const unsigned char *at = (const unsigned char *)token.at;
    ERR_clear_error();
    return token.len > 0 && token.len <= TIMESTAMP_BYTES_MAX ? d2i_PKCS7(NULL, &at, (long)token.len) : NULL;
}

/* What the token would have to be of. 0: its algorithm is none that is taken. */
static int imprint_of(TS_TST_INFO *info, const struct str *pieces, int count, unsigned char out[EVP_MAX_MD_SIZE])
{
    const ASN1_OBJECT *algorithm;
    unsigned len = 0;
    X509_ALGOR_get0(&algorithm, NULL, NULL, TS_MSG_IMPRINT_get_algo(TS_TST_INFO_get_msg_imprint(info)));
    if (!is_fine_digest(algorithm))
        return 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || !EVP_DigestInit_ex(context, EVP_get_digestbyobj(algorithm), NULL))
        abort();
    for (int i = 0; i < count; i++)
        EVP_DigestUpdate(context, pieces[i].at, (size_t)pieces[i].len);
    if (!EVP_DigestFinal_ex(context, out, &len))
        abort();
    EVP_MD_CTX_free(context);
    return (int)len;
}

static bool check_imprint(struct call *c, PKCS7 *token, const struct str *pieces, int count, const struct trust *trust,
                          struct timestamp *out)
{
    unsigned char imprint[EVP_MAX_MD_SIZE];
    TS_TST_INFO *info = PKCS7_to_TS_TST_INFO(token);
    if (!info)
        return openssl_fail(c, E_INVALID, "the time stamp cannot be read");
    int len = imprint_of(info, pieces, count, imprint);
    TS_TST_INFO_free(info);
    TS_VERIFY_CTX *rules = TS_VERIFY_CTX_new();
    if (!rules)
        abort(); /* memory */
    if (len) {   /* else it is refused by its algorithm */
        unsigned char *copy = OPENSSL_memdup(imprint, (size_t)len);
        if (!copy)
            abort();
        TS_VERIFY_CTX_set_imprint(rules, copy, len); /* its own from here on */
        TS_VERIFY_CTX_add_flags(rules, TS_VFY_IMPRINT);
    }
    bool done = check(c, token, rules, trust, out);
    TS_VERIFY_CTX_free(rules);
    return done;
}

bool timestamp_check(struct call *c, struct str token, const struct str *pieces, int count, const struct trust *trust,
                     struct timestamp *out)
{
    PKCS7 *read = read_token(token);
    if (!read)
        return openssl_fail(c, E_INVALID, "the time stamp cannot be read");
    bool done = check_imprint(c, read, pieces, count, trust, out);
    PKCS7_free(read);
    return done;
}

bool timestamp_is_of(struct str token, const struct str *pieces, int count)
{
    unsigned char imprint[EVP_MAX_MD_SIZE];
    PKCS7 *read = read_token(token);
    TS_TST_INFO *info = read ? PKCS7_to_TS_TST_INFO(read) : NULL;
    int len = info ? imprint_of(info, pieces, count, imprint) : 0;
    bool is_of = len && str_equal(openssl_bytes(TS_MSG_IMPRINT_get_msg(TS_TST_INFO_get_msg_imprint(info))),
                                  (struct str){ (const char *)imprint, len });
    TS_TST_INFO_free(info);
    PKCS7_free(read);
    ERR_clear_error();
    return is_of;
}

/* ---- the answer ---- */

static bool check_status(struct call *c, TS_RESP *answer)
{
    TS_STATUS_INFO *info = TS_RESP_get_status_info(answer);
    long status = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(info));
    if (status == TS_STATUS_GRANTED || status == TS_STATUS_GRANTED_WITH_MODS)
        return true;
    const STACK_OF(ASN1_UTF8STRING) *texts = TS_STATUS_INFO_get0_text(info);
    struct str said =
        texts && sk_ASN1_UTF8STRING_num(texts) > 0 ? openssl_bytes(sk_ASN1_UTF8STRING_value(texts, 0)) : STR_NULL;
    return fail(c, E_UNAVAILABLE, "the time stamp authority refused with status %ld: %.*s", status,
                STR_FMT(str_is_utf8(said) ? str_at_most(said, 200) : S("?")));
}

bool timestamp_answer(struct call *c, struct str request, struct str answer, const struct trust *trust,
                      struct timestamp *out)
{
    const unsigned char *asked_at = (const unsigned char *)request.at, *at = (const unsigned char *)answer.at;
    ERR_clear_error();
    TS_REQ *asked = d2i_TS_REQ(NULL, &asked_at, (long)request.len);
    TS_VERIFY_CTX *rules = asked ? TS_REQ_to_TS_VERIFY_CTX(asked, NULL) : NULL;
    TS_RESP *read = NULL;
    if (!rules)
        abort(); /* made by timestamp_request */
    if (answer.len > 0 && answer.len <= TIMESTAMP_BYTES_MAX)
        read = d2i_TS_RESP(NULL, &at, (long)answer.len);
    bool done = read ? check_status(c, read) && check(c, TS_RESP_get_token(read), rules, trust, out)
                     : openssl_fail(c, E_UNAVAILABLE, "the time stamp authority's answer cannot be read");
    TS_RESP_free(read);
    TS_VERIFY_CTX_free(rules);
    TS_REQ_free(asked);
    ERR_clear_error();
    return done;
}

bool timestamp_get_digest(struct call *c, struct outbound *outbound, struct str url,
                          const unsigned char sha256[SHA256_BYTES], const struct trust *trust, struct timestamp *out)
{
    struct outbound_request request = { .url = url,
                                        .body = request_of(c, sha256),
                                        .content_type = "application/timestamp-query",
                                        .timeout_ms = TIMESTAMP_TIMEOUT_MS,
                                        .answer_bytes = TIMESTAMP_BYTES_MAX };
    struct outbound_answer answer;
    if (!outbound_send(outbound, &request, &c->arena, &answer, &c->error))
        return false;
    if (answer.status != 200)
        return fail(c, E_UNAVAILABLE, "the time stamp authority answered with HTTP status %d", answer.status);
    if (timestamp_answer(c, request.body, answer.body, trust, out))
        return true;
    c->error.code = E_UNAVAILABLE; /* what was wrong is the authority's, not what anybody here put in */
    return false;
}

bool timestamp_get(struct call *c, struct outbound *outbound, struct str url, struct str data,
                   const struct trust *trust, struct timestamp *out)
{
    unsigned char digest[SHA256_BYTES];
    crypto_sha256(data, digest);
    return timestamp_get_digest(c, outbound, url, digest, trust, out);
}
