/* envelope_check.c - reading an envelope, every member of it as hostile as its sender may be. */
#include "signing/canonical.h"
#include "signing/cms_object.h"
#include "signing/envelope.h"
#include "signing/envelope_words.h"
#include "signing/openssl.h"
#include "signing/revocation.h"
#include "signing/sm2.h"
#include "signing/trust.h"

struct opened {
    struct call *c;
    struct trust trust; /* of the caller, with the file's revocation lists */
    struct str content;
    struct envelope_entry entries[ENVELOPE_ENTRIES_MAX];
    int count;
};

/* ---- reading ---- */

static bool check_members(struct call *c, json_t *json, const char *what, const char *const *names)
{
    const char *name;
    json_t *value;
    if (!json_is_object(json))
        return fail(c, E_INVALID, "not an envelope: %s is not an object", what);
    json_object_foreach(json, name, value)
    {
        const char *const *one = names;
        while (*one && strcmp(*one, name) != 0)
            one++;
        if (!*one)
            return fail(c, E_INVALID, "not an envelope: %s has a member that it should not have", what);
    }
    return true;
}

static bool read_text(struct call *c, const json_t *json, const char *name, ptrdiff_t max, struct str *out)
{
    const json_t *value = json_object_get(json, name);
    if (!json_is_string(value) || (ptrdiff_t)json_string_length(value) > max)
        return fail(c, E_INVALID, "not an envelope: \"%s\" is not there, no text, or too long", name);
    *out = arena_copy(&c->arena, (struct str){ json_string_value(value), (ptrdiff_t)json_string_length(value) });
    return true;
}

static bool read_bytes(struct call *c, const json_t *value, const char *name, ptrdiff_t max, struct str *out)
{
    struct str text = { json_string_value(value), (ptrdiff_t)json_string_length(value) };
    if (!json_is_string(value) || text.len > max / 3 * 4 + 4 || !crypto_unbase64(text, &c->arena, out) || !out->len)
        return fail(c, E_INVALID, "not an envelope: \"%s\" is not base64, or too long", name);
    return true;
}

static bool read_list(struct call *c, const json_t *json, const char *name, ptrdiff_t bytes_max, struct str *out,
                      int max, int *count)
{
    const json_t *list = json_object_get(json, name);
    if (!json_is_array(list) || json_array_size(list) > (size_t)max)
        return fail(c, E_INVALID, "not an envelope: \"%s\" is not there, no list, or longer than %d", name, max);
    *count = (int)json_array_size(list);
    for (int i = 0; i < *count; i++) {
        if (!read_bytes(c, json_array_get(list, (size_t)i), name, bytes_max, &out[i]))
            return false;
    }
    return true;
}

static bool read_entry(struct call *c, json_t *json, struct envelope_entry *out)
{
    static const char *const members[] = { "algorithm",    "meaning", "signer",      "signature",
                                           "certificates", "time",    "time_source", NULL };
    enum { NAME_MAX_BYTES = 4 * SIGNER_NAME_MAX };
    struct str algorithm;
    if (!check_members(c, json, "a signature", members) || !read_text(c, json, "algorithm", 16, &algorithm) ||
        !read_text(c, json, "meaning", CMS_MEANING_MAX, &out->meaning) ||
        !read_text(c, json, "signer", NAME_MAX_BYTES, &out->signer) ||
        !read_bytes(c, json_object_get(json, "signature"), "signature", CMS_BYTES_MAX, &out->signature) ||
        !read_list(c, json, "certificates", CERTIFICATE_BYTES_MAX, out->chain.der, CHAIN_MAX, &out->chain.count))
        return false;
    bool is_sm2 = str_equal(algorithm, str_from(envelope_algorithms[ENVELOPE_SM2]));
    if (!is_sm2 && !str_equal(algorithm, str_from(envelope_algorithms[ENVELOPE_CADES])))
        return fail(c, E_INVALID, "not an envelope: a signature's algorithm is neither CAdES nor SM2-SM3");
    out->algorithm = is_sm2 ? ENVELOPE_SM2 : ENVELOPE_CADES;
    return out->chain.count > 0 || fail(c, E_INVALID, "not an envelope: a signature brings no certificate");
}

static bool read_lists(struct opened *o, const json_t *json)
{
    int own = o->trust.list_count, more = 0;
    struct str *all = arena_array(&o->c->arena, struct str, own + ENVELOPE_LISTS_MAX);
    for (int i = 0; i < own; i++)
        all[i] = o->trust.lists[i];
    if (json_object_get(json, "revocation_lists") &&
        !read_list(o->c, json, "revocation_lists", REVOCATION_BYTES_MAX, all + own, ENVELOPE_LISTS_MAX, &more))
        return false;
    o->trust.lists = all;
    o->trust.list_count = own + more;
    return true;
}

static bool open_envelope(struct opened *o, json_t *json)
{
    static const char *const members[] = { "format", "content", "signatures", "revocation_lists", NULL };
    struct call *c = o->c;
    struct str format;
    if (!check_members(c, json, "it", members) || !read_text(c, json, "format", 40, &format))
        return false;
    if (!str_equal(format, S(ENVELOPE_FORMAT)))
        return fail(c, E_INVALID, "an envelope of a format that is not known here");
    const json_t *content = json_object_get(json, "content"), *all = json_object_get(json, "signatures");
    if (!content || !json_is_array(all) || json_array_size(all) < 1 || json_array_size(all) > ENVELOPE_ENTRIES_MAX)
        return fail(c, E_INVALID, "not an envelope: it has no content, or not 1 to %d signatures",
                    ENVELOPE_ENTRIES_MAX);
    if (!canonical_json(c, content, &o->content) || !read_lists(o, json))
        return false;
    o->count = (int)json_array_size(all);
    for (int i = 0; i < o->count; i++) {
        if (!read_entry(c, json_array_get(all, (size_t)i), &o->entries[i]))
            return false;
    }
    return true;
}

/* ---- checking ---- */

static void change(struct cms_signer *signer, const char *words)
{
    signer->verdict = VERDICT_CHANGED;
    signer->words = str_from(words);
}

static bool check_cades(struct opened *o, const struct envelope_entry *entry, struct cms_signer *out)
{
    struct call *c = o->c;
    struct cms_result result;
    if (!cms_check(c, entry->signature, &o->content, 1, &o->trust, &result))
        return false;
    if (result.count != 1)
        return fail(c, E_INVALID, "not an envelope: a signature has several signers");
    *out = result.signers[0];
    if (out->verdict == VERDICT_CHANGED)
        return true;
    if (!str_equal(entry->meaning, str_is_null(out->meaning) ? S("") : out->meaning))
        change(out, "what the signature means is not what was signed");
    else if (!str_equal(entry->signer, out->certificate.common_name) ||
             !str_equal(crypto_sha256_hex(entry->chain.der[0], &c->arena), out->certificate.sha256))
        change(out, "the signer's name or certificate is not what was signed");
    return true;
}

/* The signature by CAdES that an SM2 one stands beside; NULL: none. */
static const struct cms_signer *companion(const struct opened *o, const struct envelope_entry *entry,
                                          const struct envelope_result *result)
{
    for (int i = 0; i < o->count; i++) {
        const struct envelope_entry *other = &o->entries[i];
        if (other->algorithm == ENVELOPE_CADES && str_equal(other->signer, entry->signer) &&
            str_equal(other->meaning, entry->meaning) && result->signatures[i].signer.verdict != VERDICT_CHANGED)
            return &result->signatures[i].signer;
    }
    return NULL;
}

static bool check_sm2_certificates(struct opened *o, STACK_OF(X509) * all, const struct envelope_entry *entry,
                                   const struct cms_signer *beside, struct cms_signer *out)
{
    struct call *c = o->c;
    unsigned char *at = NULL;
    X509 *certificate = sk_X509_value(all, 0);
    openssl_describe(c, certificate, &out->certificate);
    if (!str_equal(out->certificate.key_kind, S("SM2")))
        return fail(c, E_INVALID, "not an envelope: the certificate of a signature by SM2 has another key");
    int len = i2d_PUBKEY(X509_get0_pubkey(certificate), &at);
    if (!sm2_check(c, openssl_take(c, at, len), o->content, entry->signature, &out->signature_matches))
        return false;
    out->digest_matches = out->signature_matches;
    if (!out->signature_matches) {
        change(out, "the signature by SM2 is not of this content, or not of its certificate's key");
    } else if (!beside || !str_equal(entry->signer, out->certificate.common_name)) {
        change(out, "a signature by SM2 does not stand beside one by CAdES of the same name and meaning");
    } else {
        bool is_known = !instant_is_null(o->trust.known_time); /* a time stamp is of the other signature only */
        out->meaning = entry->meaning;
        out->time = is_known ? o->trust.known_time : beside->time;
        out->time_source = is_known ? TIME_KNOWN : beside->time_source == TIME_NOW ? TIME_NOW : TIME_CLAIMED;
        cms_judge(c, &o->trust, certificate, all, out);
    }
    return true;
}

static bool check_sm2(struct opened *o, const struct envelope_entry *entry, const struct cms_signer *beside,
                      struct cms_signer *out)
{
    STACK_OF(X509) *all = openssl_stack(o->c, entry->chain.der, entry->chain.count);
    *out = (struct cms_signer){ .time_source = TIME_NOW, .time = o->trust.now, .revoked_at = INSTANT_NULL };
    bool done = all && check_sm2_certificates(o, all, entry, beside, out);
    openssl_stack_free(all);
    return done;
}

static void conclude(struct envelope_result *result, int i)
{
    const struct cms_signer *signer = &result->signatures[i].signer;
    if (!result->words.at || signer->verdict < result->verdict) {
        result->verdict = signer->verdict;
        result->words = signer->words;
    }
}

/* CAdES first, since SM2 looks at what came of it. */
static bool check_all(struct opened *o, struct envelope_result *result)
{
    static const enum envelope_algorithm order[] = { ENVELOPE_CADES, ENVELOPE_SM2 };
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < o->count; i++) {
            const struct envelope_entry *entry = &o->entries[i];
            struct cms_signer *signer = &result->signatures[i].signer;
            result->signatures[i].algorithm = entry->algorithm;
            if (entry->algorithm != order[pass])
                continue;
            if (entry->algorithm == ENVELOPE_SM2 ? !check_sm2(o, entry, companion(o, entry, result), signer)
                                                 : !check_cades(o, entry, signer))
                return false;
            conclude(result, i);
        }
    }
    return true;
}

bool envelope_content(struct call *c, struct str text, struct str *content)
{
    struct opened opened = { .c = c };
    json_t *json = canonical_read(c, text);
    bool done = json && open_envelope(&opened, json);
    json_decref(json);
    if (done)
        *content = opened.content;
    return done;
}

bool envelope_check(struct call *c, struct str text, const struct trust *trust, struct envelope_result *out)
{
    struct opened opened = { .c = c, .trust = *trust };
    struct envelope_result *result = arena_new(&c->arena, struct envelope_result);
    json_t *json = canonical_read(c, text);
    bool done = json && open_envelope(&opened, json);
    json_decref(json);
    if (!done)
        return false;
    result->content = opened.content;
    result->count = opened.count;
    result->verdict = VERDICT_VALID;
    if (!check_all(&opened, result))
        return false;
    *out = *result;
    return true;
}
