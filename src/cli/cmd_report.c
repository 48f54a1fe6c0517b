/* cmd_report.c - report verify FILE: is this report what was signed? Without a server, a database or settings. */
#include "cli/command.h"
#include "cli/plain.h"

#include "base/file.h"
#include "base/names.h"
#include "pdf/signature.h"
#include "reports/report_pdf.h"
#include "schema/json_read.h"
#include "signing/canonical.h"
#include "signing/envelope.h"
#include "signing/proofs.h"
#include "signing/revocation.h"
#include "signing/timestamp.h"

#include <stdlib.h>
#include <string.h>

static const char *const actions[] = { "verify", NULL };
enum { ACTION_NONE, ACTION_VERIFY };
enum { PDF_LISTS_BYTES_MAX = 128 << 20 /* of 31 time stamps, as this server puts them */ };
NAMES_REACH(actions, ACTION_VERIFY);

struct report_command {
    unsigned action;
    struct str file, authority, revocations, time_authority;
    bool attachment;
};
static const struct field report_fields[] = {
    FIELD(struct report_command, action, .choices = actions, .flags = REQUIRED,
          .doc = "verify: says whether the file is what was signed, and by whom."),
    FIELD(struct report_command, file, .flags = REQUIRED | KEEP_SPACES, .min = 1, .max = 4096,
          .doc = "As GET /reports/{id}/envelope or /pdf gives it out."),
    FIELD(struct report_command, authority, .flags = REQUIRED | KEEP_SPACES, .min = 1, .max = 4096,
          .doc = "The certificate of the house that vouches for its signers (GET /reports/authority), from a source "
                 "that one trusts: never from whoever sent the file."),
    FIELD(struct report_command, revocations, .flags = KEEP_SPACES, .max = 4096,
          .doc = "A newer list of revoked keys than the file's (GET /reports/authority/revocations)."),
    FIELD(struct report_command, time_authority, .flags = KEEP_SPACES, .max = 4096,
          .doc = "Certificates of those whose time stamps one believes (PEM); else times are as the signing server "
                 "said."),
    FIELD(struct report_command, attachment,
          .doc = "Of a PDF whose pages carry no signature: believes what is attached alone, whatever the pages show. "
                 "Else such a PDF is never valid."),
};
const struct schema report_options = SCHEMA("Report", struct report_command, report_fields);

static bool read_whole(struct call *c, struct str path, ptrdiff_t most, struct str *out)
{
    FILE *file = fopen(arena_cstring(&c->arena, path), "rbe");
    if (!file)
        return fail(c, E_NOT_FOUND, "%.*s cannot be opened", STR_FMT(path));
    struct text text;
    text_init(&text, most);
    char *room;
    size_t got;
    while ((room = text_room(&text, 65536)) && (got = fread(room, 1, 65536, file)) > 0)
        text_grown(&text, (ptrdiff_t)got);
    bool failed = ferror(file) != 0, whole = room != NULL;
    (void)fclose(file);
    *out = arena_copy(&c->arena, text_str(&text));
    text_release(&text);
    return failed ? fail(c, E_UNREADABLE, "%.*s cannot be read", STR_FMT(path))
                  : whole || fail(c, E_TOO_LARGE, "%.*s is no such file: it is too large", STR_FMT(path));
}

static bool read_trust(struct call *c, const struct report_command *in, struct trust *trust)
{
    struct chain *chain = arena_new(&c->arena, struct chain), *time = arena_new(&c->arena, struct chain);
    struct str *list = arena_new(&c->arena, struct str), pem;
    *trust = (struct trust){ .known_time = INSTANT_NULL, .now = clock_now() };
    if (!read_whole(c, in->authority, 1 << 20, &pem) || !certificate_chain_read(c, pem, chain))
        return false;
    trust->anchors = chain->der;
    trust->anchor_count = chain->count;
    if (in->time_authority.len) {
        if (!read_whole(c, in->time_authority, 1 << 20, &pem) || !certificate_chain_read(c, pem, time))
            return false;
        trust->time_anchors = time->der;
        trust->time_anchor_count = time->count;
    }
    if (!in->revocations.len)
        return true;
    trust->lists = list;
    trust->list_count = 1;
    struct revocation_list said;
    return read_whole(c, in->revocations, REVOCATION_BYTES_MAX, list) && revocation_read(c, *list, &said);
}

static void put_line(const char *label, struct str text)
{
    if (!text.len)
        return;
    printf("%-16s ", label);
    put_plain(stdout, text);
    putchar('\n');
}

static void put_time(const char *label, const struct cms_signer *signer)
{
    static const char *const sources[] = { [TIME_STAMP] = "by a trusted time stamp",
                                           [TIME_KNOWN] = "at the latest, by the time stamp of the pages",
                                           [TIME_CLAIMED] = "as the signing server said",
                                           [TIME_NOW] = "not said: judged as of now" };
    char when[INSTANT_TEXT_MAX];
    printf("%-16s %.*s, %s\n", label, (int)instant_write(signer->time, when), when, sources[signer->time_source]);
    put_line("time authority", signer->time_authority);
}

static void put_signature(const struct envelope_signature *signature)
{
    const struct cms_signer *signer = &signature->signer;
    put_line("signer", signer->certificate.subject);
    put_line("meaning", signer->meaning);
    put_time("signed", signer);
    put_line("key", signer->certificate.key_kind);
    put_line("certificate", signer->certificate.serial);
    printf("%-16s %s\n", "verdict", verdict_name(signer->verdict));
    put_line("", signer->words);
}

static void put_member(const json_t *content, const char *part, const char *name)
{
    const json_t *value = json_object_get(json_object_get(content, part), name);
    if (json_is_string(value))
        put_line(name, json_text(value));
    else if (json_is_number(value))
        printf("%-16s %.0f\n", name, json_number_value(value));
}

/* Of whom, and which report: so that nobody takes another's for it. */
static bool put_content(struct call *c, struct str signed_content)
{
    static const char *const told[][2] = { { "patient", "name" },           { "patient", "patient_id" },
                                           { "patient", "birth_date" },     { "study", "study_date" },
                                           { "study", "accession_number" }, { "report", "title" },
                                           { "report", "report_uuid" },     { "report", "version" } };
    json_t *content = canonical_read(c, signed_content);
    const char *format = json_string_value(json_object_get(content, "format"));
    bool ok = format && !strcmp(format, "roentgen-report-1");
    for (size_t i = 0; ok && i < sizeof(told) / sizeof(told[0]); i++)
        put_member(content, told[i][0], told[i][1]);
    json_decref(content);
    return ok || (!c->error.code && fail(c, E_INVALID, "what is signed is no report"));
}

/* ---- the pages of a PDF ---- */

/* Whose signature the pages carry has to be who signed what they show. */
static bool is_of_envelope(const struct cms_signer *signer, const struct envelope_result *result)
{
    for (int i = 0; i < result->count; i++)
        if (str_equal(result->signatures[i].signer.certificate.sha256, signer->certificate.sha256))
            return true;
    return false;
}

/* What is attached was there before the pages were signed, and that before it was stamped. Null: no such stamp. */
static bool find_time(struct call *c, const struct pdf_found_signatures *found, struct trust trust, struct instant *at)
{
    struct cms_result cms;
    *at = INSTANT_NULL;
    if (!found->count || found->items[0].kind != PDF_SIGNED || !found->items[0].is_whole || !found->items[0].is_kept)
        return true;
    trust.claimed_time = found->items[0].at;
    if (!cms_check(c, found->items[0].der, found->items[0].parts, 2, &trust, &cms))
        return false;
    if (cms.verdict == VERDICT_VALID && cms.count == 1 && cms.signers[0].time_source == TIME_STAMP)
        *at = cms.signers[0].time;
    return true;
}

static void put_pages(const struct pdf_found_signature *found, const struct cms_signer *signer, const char *covers)
{
    put_line("pages by", signer->certificate.subject);
    put_line("reason", found->reason);
    put_time("pages signed", signer);
    printf("%-16s %s\n", "pages", covers);
    put_line("", signer->words);
}

static bool check_pages_of(struct call *c, struct trust trust, const struct pdf_found_signature *found,
                           const struct envelope_result *result, enum verdict *worst)
{
    struct cms_result cms;
    trust.claimed_time = found->at;
    if (!cms_check(c, found->der, found->parts, 2, &trust, &cms))
        return false;
    bool is_whole = found->is_whole && found->is_kept, is_his = is_of_envelope(&cms.signers[0], result);
    enum verdict verdict = !is_whole ? VERDICT_CHANGED : !is_his ? VERDICT_UNKNOWN_SIGNER : cms.verdict;
    put_pages(found, &cms.signers[0],
              verdict == VERDICT_CHANGED          ? "changed since they were signed"
              : verdict == VERDICT_UNKNOWN_SIGNER ? "signed by another than what is attached, or nobody knows by whom"
              : found->is_last                    ? "whole file"
                               : "whole as signed; what was added since changes nothing that is seen");
    *worst = verdict < *worst ? verdict : *worst;
    return true;
}

/* What a time stamp behind the pages' signature says. Without anybody to believe it says nothing, and harms nothing:
 * what is signed is whole without it. */
static bool check_stamp_of(struct call *c, const struct trust *trust, const struct pdf_found_signature *found,
                           struct timestamp *stamp, enum verdict *worst)
{
    char at[INSTANT_TEXT_MAX], until[INSTANT_TEXT_MAX];
    *stamp = (struct timestamp){ .at = INSTANT_NULL, .until = INSTANT_NULL };
    if (!found->is_whole || !found->is_kept || !timestamp_is_of(found->der, found->parts, 2)) {
        printf("%-16s changed: a time stamp is not of what it covers\n", "stamped");
        *worst = VERDICT_CHANGED;
        return true;
    }
    if (!trust->time_anchor_count) {
        printf("%-16s by an authority that --time-authority does not name\n", "stamped");
        return true;
    }
    if (!timestamp_check(c, found->der, found->parts, 2, trust, stamp)) {
        if (c->error.code != E_INVALID)
            return false;
        put_line("stamped", arena_copy(&c->arena, error_told(&c->error)));
        error_clear(&c->error);
        *worst = VERDICT_UNKNOWN_SIGNER < *worst ? VERDICT_UNKNOWN_SIGNER : *worst;
        return true;
    }
    printf("%-16s %.*s, good until %.*s\n", "stamped", (int)instant_write(stamp->at, at), at,
           (int)instant_write(stamp->until, until), until);
    put_line("time authority", stamp->authority);
    return true;
}

/* What the file has to show in years, when nobody else can be asked (ETSI EN 319 142-1). */
struct evidence {
    struct str words;     /* what is missing; null: nothing */
    struct instant until; /* when the last time stamp ends; null: there is none that counts */
    bool is_proved;       /* the signature with its own time stamp, and each stamp that has one over it */
    int stamps;           /* behind the signature */
};

static bool lacks(struct call *c, struct evidence *e, bool is_proved)
{
    e->is_proved = e->is_proved && is_proved;
    if (is_proved || (c->error.code != E_NOT_FOUND && c->error.code != E_INVALID))
        return is_proved;
    if (str_is_null(e->words))
        e->words = arena_copy(&c->arena, error_told(&c->error));
    error_clear(&c->error);
    return true;
}

/* A time stamp over this one has to prove it, and to have come before it ended: its key may be anybody's by then. */
static bool follow(struct call *c, const struct pdf_found_signature *found, const struct pdf_found_signature *last,
                   const struct timestamp *stamp, const struct trust *lists, struct evidence *e)
{
    e->stamps++;
    if (instant_is_null(e->until))
        return true;
    if (instant_is_null(stamp->until) || stamp->at.us > e->until.us) {
        e->words = S("a time stamp had ended before there was another over it");
        e->is_proved = false;
    }
    e->until = stamp->until;
    struct proofs *proofs = arena_new(&c->arena, struct proofs);
    return found == last || lacks(c, e, timestamp_prove(c, found->der, found->parts, 2, lists, proofs));
}

static void put_level(const struct evidence *e, bool is_stamped, struct instant now)
{
    bool is_good = !instant_is_null(e->until) && e->until.us >= now.us;
    const char *level = !is_stamped ? "B-B" : !e->is_proved ? "B-T" : !e->stamps || !is_good ? "B-LT" : "B-LTA";
    printf("%-16s %s\n", "level", level);
    put_line("", e->words);
    if (is_stamped && !is_good)
        put_line("", S("its last time stamp has ended"));
}

static bool check_stamps(struct call *c, const struct pdf_found_signatures *found, const struct trust *trust,
                         const struct trust *lists, enum verdict *worst)
{
    struct timestamp stamp;
    struct proofs *proofs = arena_new(&c->arena, struct proofs);
    struct evidence e = { .words = STR_NULL, .is_proved = true };
    if (!lacks(c, &e, cms_prove(c, found->items[0].der, lists, proofs)))
        return false;
    e.until = proofs->until;
    for (int i = 0; i < found->count; i++)
        if (found->items[i].kind == PDF_STAMPED &&
            (!check_stamp_of(c, trust, &found->items[i], &stamp, worst) ||
             !follow(c, &found->items[i], &found->items[found->count - 1], &stamp, lists, &e)))
            return false;
    if (e.stamps && found->items[found->count - 1].kind == PDF_SIGNED) {
        e.words = S("a signature stands behind the last time stamp, which proves nothing of it");
        e.is_proved = false;
    }
    if (*worst == VERDICT_VALID)
        put_level(&e, !instant_is_null(proofs->until), trust->now);
    return true;
}

/* Behind the last signature or time stamp stands nothing: a reader might take it for the report. *count: how often the
 * pages are signed. `lists`: the trust of whoever has nothing but the file's own revocation lists. */
static bool check_pages(struct call *c, const struct pdf_found_signatures *found, const struct trust *trust,
                        const struct trust *lists, const struct envelope_result *result, enum verdict *worst,
                        int *count)
{
    for (int i = 0; i < found->count; i++)
        if (found->items[i].kind == PDF_SIGNED && ++*count &&
            !check_pages_of(c, *trust, &found->items[i], result, worst))
            return false;
    if (!*count) {
        printf("%-16s carry no signature: what is attached is checked, not what its pages show\n", "pages");
        return true;
    }
    if (!found->items[found->count - 1].is_last) {
        printf("%-16s changed: something was added behind the last signature\n", "pages");
        *worst = VERDICT_CHANGED;
    }
    return check_stamps(c, found, trust, lists, worst);
}

/* The file's own lists beside those of `trust`; each counts where a trusted authority has signed it. */
static bool read_proofs(struct call *c, struct str pdf, const struct trust *trust, struct trust *lists,
                        struct trust *all)
{
    struct pdf_proofs proofs;
    if (!pdf_find_proofs(c, pdf, &proofs))
        return false;
    *lists = *all = *trust;
    int64_t size = 0; /* a file may name one list many times */
    for (int i = 0; i < proofs.crl_count; i++)
        size += proofs.crls[i].len;
    if (size > PDF_LISTS_BYTES_MAX)
        return fail(c, E_INVALID, "the PDF's revocation lists are too large to be looked at");
    lists->lists = proofs.crls;
    lists->list_count = proofs.crl_count;
    struct str *joined = arena_array(&c->arena, struct str, proofs.crl_count + trust->list_count + 1);
    for (int i = 0; i < trust->list_count; i++)
        joined[i] = trust->lists[i];
    for (int i = 0; i < proofs.crl_count; i++)
        joined[trust->list_count + i] = proofs.crls[i];
    all->lists = joined;
    all->list_count = trust->list_count + proofs.crl_count;
    return true;
}

static bool verify_content(struct call *c, struct str text, const struct trust *trust, struct envelope_result *result)
{
    if (!envelope_check(c, text, trust, result) || !put_content(c, result->content))
        return false;
    for (int i = 0; i < result->count; i++)
        put_signature(&result->signatures[i]);
    return true;
}

/* Genuine content may be attached to any pages: whoever took theirs away, or their signature, gets no "valid". */
static bool verify_pdf(struct call *c, const struct report_command *in, struct str pdf, const struct trust *trust,
                       const char **verdict)
{
    struct envelope_result result;
    struct pdf_found_signatures found;
    struct trust attached, lists, all;
    struct str text;
    int count = 0;
    if (!pdf_attachment(c, pdf, S(REPORT_ATTACHMENT), CANONICAL_BYTES_MAX, &text) || !pdf_signatures(c, pdf, &found) ||
        !read_proofs(c, pdf, trust, &lists, &all))
        return false;
    attached = all;
    if (!find_time(c, &found, all, &attached.known_time) || !verify_content(c, text, &attached, &result))
        return false;
    enum verdict worst = result.verdict;
    if (!check_pages(c, &found, &all, &lists, &result, &worst, &count))
        return false;
    *verdict = worst == VERDICT_VALID && !count && !in->attachment ? "pages not signed" : verdict_name(worst);
    return true;
}

static bool verify(struct call *c, const struct report_command *in, bool *valid)
{
    struct envelope_result result;
    struct trust trust;
    struct str file;
    const char *verdict;
    if (!read_trust(c, in, &trust) || !read_whole(c, in->file, PDF_BYTES_MAX, &file))
        return false;
    if (str_starts(file, S("%PDF-"))) {
        if (!verify_pdf(c, in, file, &trust, &verdict))
            return false;
    } else {
        if (!verify_content(c, file, &trust, &result))
            return false;
        verdict = verdict_name(result.verdict);
    }
    *valid = strcmp(verdict, verdict_name(VERDICT_VALID)) == 0;
    printf("%s\n", verdict);
    return true;
}

int cmd_report(struct call *c)
{
    bool valid = false;
    if (!verify(c, c->in, &valid))
        return command_failed(c);
    return valid ? EXIT_SUCCESS : EXIT_FAILURE;
}
