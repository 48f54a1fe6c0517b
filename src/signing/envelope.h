/* envelope.h - the file in which something signed is given out, and checked from, with nothing else at hand.
 *
 *     {"format": "roentgen-envelope-1",
 *      "content": { ... },                              what is signed: the canonical form (canonical.h) of this value
 *      "signatures": [{"algorithm": "CAdES",            or SM2-SM3
 *                      "meaning": "author", "signer": "李 医生",
 *                      "signature": "MIIG...",          base64: CMS, or SM2's own
 *                      "certificates": ["MIIB..."],     base64: the signer's, and those above it
 *                      "time": "2026-01-05T14:30:22Z", "time_source": "time stamp"}],    or known, claimed, none
 *      "revocation_lists": ["MIIB..."]}
 *
 *     envelope_entry(c, cms, &trust, &entries[0]);                             // what the CMS says of itself
 *     envelope_write(c, report, entries, 1, lists, 1, &text);
 *     if (!envelope_check(c, text, &trust, &result)) ...                       // E_INVALID: not such a file
 *     verdict_name(result.verdict), result.words   // valid | changed | revoked | unknown signer
 *
 * Who is believed comes from the one who checks (trust), never from the file; its revocation lists count where a
 * trusted authority signed them, beside those of `trust`. What an entry says beside its signature (meaning, signer,
 * certificate) has to be what is signed, else it is changed. "time" and "time_source" are for readers and not believed.
 *
 * A signature by SM2 has no room for a meaning or a time: it is a second one, and counts only beside one by CAdES of
 * the same name and meaning. Who takes a whole entry out of the file leaves a valid one with fewer signatures: content
 * should say whose signatures it needs.
 */
#ifndef ROENTGEN_ENVELOPE_H
#define ROENTGEN_ENVELOPE_H

#include "signing/cms.h"

enum { ENVELOPE_ENTRIES_MAX = 8, ENVELOPE_LISTS_MAX = 8 };

enum envelope_algorithm { ENVELOPE_CADES, ENVELOPE_SM2 };

struct envelope_entry {
    enum envelope_algorithm algorithm;
    struct str meaning, signer;
    struct str signature; /* DER: CMS, or SM2's */
    struct chain chain;
    struct instant time; /* null: not said */
    enum time_source time_source;
};

struct envelope_signature {
    enum envelope_algorithm algorithm;
    struct cms_signer signer; /* its words, certificate, time and so on */
};

struct envelope_result {
    enum verdict verdict;
    struct str words;   /* of the signature that decides */
    struct str content; /* canonical: what was signed */
    struct envelope_signature signatures[ENVELOPE_ENTRIES_MAX];
    int count;
};

/* An entry of a CMS of one signer, for `content` (canonical). E_INVALID: none, or not of this content. */
bool envelope_entry(struct call *c, struct str cms, struct str content, const struct trust *trust,
                    struct envelope_entry *out);
/* `content` is JSON in any form. The text is canonical itself. */
bool envelope_write(struct call *c, struct str content, const struct envelope_entry *entries, int count,
                    const struct str *lists, int list_count, struct str *out);
/* Puts a time stamp into each CAdES signature that has none yet that `trust` believes: `stamp` gets what it is for, and
 * gives the token (timestamp.h). What was signed stays as it is. E_INVALID: not such a file; else what `stamp` said. */
bool envelope_stamp(struct call *c, struct str text, const struct trust *trust,
                    bool (*stamp)(struct call *c, void *context, struct str data, struct str *token), void *context,
                    struct str *out);
/* What it says was signed, canonical; nothing is checked. E_INVALID: not such a file. */
bool envelope_content(struct call *c, struct str text, struct str *content);
bool envelope_check(struct call *c, struct str text, const struct trust *trust, struct envelope_result *out);

#endif
