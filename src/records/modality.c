/* modality.c - the table of terms. */
#include "records/modality.h"

#include <assert.h>

/* PS3.3 C.7.3.1.1.1, edition 2024e: the defined terms, the retired ones, and XR and DR, which are none of them but what
 * the films of a hospital are called. Sorted by nothing but the standard's own order. */
static const char *const terms[] = {
    "ANN",        "AR",    "ASMT",       "AU",       "BDUS",     "BI",  "BMD", "CFM",        "CR",      "CT",
    "CTPROTOCOL", "DMS",   "DG",         "DOC",      "DX",       "ECG", "EEG", "EMG",        "EOG",     "EPS",
    "ES",         "FID",   "GM",         "HC",       "HD",       "IO",  "IOL", "IVOCT",      "IVUS",    "KER",
    "KO",         "LEN",   "LS",         "M3D",      "MG",       "MR",  "NM",  "OAM",        "OCT",     "OP",
    "OPM",        "OPT",   "OPTBSV",     "OPTENF",   "OPV",      "OSS", "OT",  "PA",         "PLAN",    "POS",
    "PR",         "PT",    "PX",         "REG",      "RESP",     "RF",  "RG",  "RTDOSE",     "RTIMAGE", "RTINTENT",
    "RTPLAN",     "RTRAD", "RTRECORD",   "RTSEGANN", "RTSTRUCT", "RWV", "SEG", "SM",         "SMR",     "SR",
    "SRF",        "STAIN", "TEXTUREMAP", "TG",       "US",       "VA",  "XA",  "XAPROTOCOL", "XC",      "AS",
    "CD",         "CF",    "CP",         "CS",       "DD",       "DF",  "DM",  "DS",         "EC",      "FA",
    "FS",         "LP",    "MA",         "MS",       "OPR",      "ST",  "VF",  "XR",         "DR",
};

#define NAME(NAME) NAME,
static const char *const x_rays[] = { X_RAYS(NAME) };
enum { X_RAYS_COUNT = sizeof(x_rays) / sizeof(x_rays[0]) };
static_assert((int)X_RAYS_COUNT < (int)MODALITIES_ASKED_MAX, "a group can be asked for");

/* Upper case of ASCII, without blanks around it. */
static struct str modality_fold(struct arena *arena, struct str code)
{
    code = str_trim(code);
    char *upper = arena_alloc(arena, code.len + 1);
    for (ptrdiff_t i = 0; i < code.len; i++)
        upper[i] = code.at[i] >= 'a' && code.at[i] <= 'z' ? (char)(code.at[i] - 'a' + 'A') : code.at[i];
    return (struct str){ upper, code.len };
}

/* What the setting adds: its own terms, or "*". */
static bool is_added(struct str added, struct str code)
{
    for (struct str one; str_next(&added, ',', &one);)
        if (str_equal(str_trim(one), S("*")) || str_equal_fold(str_trim(one), code))
            return true;
    return false;
}

static bool is_term(const struct call *c, struct str code)
{
    for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
        if (str_equal(code, str_from(terms[i])))
            return true;
    return is_added(c->app->config.modalities, code);
}

static bool refuse(struct call *c, const char *place)
{
    return error_add_problem(
        &c->error, &c->arena, place, S("modality"), "not_a_modality",
        "must be a modality of DICOM (PS3.3 C.7.3.1.1.1), such as CT, MR, DX, CR, US, or XR, or one that the setting "
        "MODALITIES adds");
}

bool modality_take(struct call *c, const char *place, struct str *code)
{
    if (!code->len)
        return true;
    struct str folded = modality_fold(&c->arena, *code);
    if (!is_term(c, folded))
        return refuse(c, place);
    *code = folded;
    return true;
}

static bool put_asked(struct call *c, struct str one, struct modalities *out)
{
    for (int i = 0; i < out->count; i++)
        if (str_equal(out->at[i].text, one))
            return true;
    if (out->count == MODALITIES_ASKED_MAX)
        return error_add_problem(&c->error, &c->arena, "query", S("modality"), "too_many",
                                 "at most %d modalities, %d of them for " X_RAY, MODALITIES_ASKED_MAX, X_RAYS_COUNT);
    out->at[out->count++] = value_text(one);
    return true;
}

static bool put_x_rays(struct call *c, struct modalities *out)
{
    bool ok = true;
    for (int i = 0; ok && i < X_RAYS_COUNT; i++)
        ok = put_asked(c, str_from(x_rays[i]), out);
    return ok;
}

bool modality_take_list(struct call *c, struct str list, struct modalities *out)
{
    out->count = 0;
    for (struct str one; str_next(&list, ',', &one);) {
        if (!str_trim(one).len)
            continue;
        if (!modality_take(c, "query", &one))
            return false;
        if (!(str_equal(one, S(X_RAY)) ? put_x_rays(c, out) : put_asked(c, one, out)))
            return false;
    }
    return true;
}

struct condition modality_among(struct call *c, const char *column, const struct modalities *asked)
{
    struct str sql = arena_format(&c->arena, asked->count == 1 ? "%s = ?" : "%s in (?", column);
    for (int i = 1; i < asked->count; i++)
        sql = arena_format(&c->arena, "%.*s, ?%s", STR_FMT(sql), i + 1 < asked->count ? "" : ")");
    return (struct condition){ arena_cstring(&c->arena, sql), value_nothing(), .rest = asked->at,
                               .rest_count = asked->count };
}

int modality_scopes(const char *each, const struct modalities *asked, struct condition scopes[MODALITIES_ASKED_MAX])
{
    for (int i = 0; i < asked->count; i++)
        scopes[i] = (struct condition){ each, asked->at[i] };
    return asked->count;
}

/* ---- groups ---- */

struct str modality_group(struct str modality)
{
    for (int i = 0; i < X_RAYS_COUNT; i++)
        if (str_equal_fold(modality, str_from(x_rays[i])))
            return S(X_RAY);
    return modality;
}

bool modality_suits(struct str modality, struct str wanted)
{
    return str_equal_fold(modality, wanted) ||
           (str_equal_fold(wanted, S(X_RAY)) && str_equal(modality_group(modality), S(X_RAY)));
}

void modality_suited_by(struct call *c, struct str modality, struct modalities *out)
{
    struct str folded = modality_fold(&c->arena, modality);
    out->count = 0;
    if (str_equal(folded, S(X_RAY))) {
        (void)put_x_rays(c, out);
        return;
    }
    out->at[out->count++] = value_text(folded);
    if (str_equal(modality_group(folded), S(X_RAY)))
        out->at[out->count++] = value_text(S(X_RAY));
}

bool modality_is_auxiliary(struct str modality)
{
    static const char *const names[] = { AUXILIARY_MODALITIES(NAME) };
    bool found = modality.len == 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        found = found || str_equal(modality, str_from(names[i]));
    return found;
}
