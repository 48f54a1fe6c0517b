/* stow.c - STOW-RS (PS3.18 10.5): DICOM files in a multipart/related body, each stored by instance_store.h, and the
 * answer that lists them. */
#include "api/form.h"
#include "intake/instance_store.h"

#include "http/multipart.h"

struct stow_key {
    struct str study_uid;
};
static const struct field stow_key_fields[] = {
    FIELD(struct stow_key, study_uid, .flags = READ_ONLY, .min = 1, .max = 64,
          .doc = "Study Instance UID that every file must have."),
};
static const struct schema stow_key = SCHEMA("StowKey", struct stow_key, stow_key_fields);

/* ---- the answer: PS3.18 annex F.2 of the attributes in table 10.5.3-2 ---- */

static void put_uid(struct text *json, const char *tag, struct str uid)
{
    text_format(json, "\"%s\":{\"vr\":\"UI\"", tag);
    if (uid.len)
        text_format(json, ",\"Value\":[\"%.*s\"]", STR_FMT(uid));
    text_put_char(json, '}');
}

/* Type 2 at both levels (PS3.18 table I.1-1): empty while there is no Retrieve Transaction that an address could be
 * for. */
static void put_retrieve_url(struct text *json)
{
    text_put(json, S("\"00081190\":{\"vr\":\"UR\"}"));
}

static void put_items(struct text *json, const struct instance_outcome *outcomes, int count, bool failed)
{
    bool first = true;
    text_format(json, "\"%s\":{\"vr\":\"SQ\",\"Value\":[", failed ? "00081198" : "00081199");
    for (int i = 0; i < count; i++) {
        if ((outcomes[i].reason != REASON_NONE) != failed)
            continue;
        text_put(json, first ? S("{") : S(",{"));
        first = false;
        put_uid(json, "00081150", outcomes[i].class_uid);
        text_put_char(json, ',');
        put_uid(json, "00081155", outcomes[i].instance_uid);
        text_put_char(json, ',');
        if (failed)
            text_format(json, "\"00081197\":{\"vr\":\"US\",\"Value\":[%d]}", (int)outcomes[i].reason);
        else
            put_retrieve_url(json);
        text_put_char(json, '}');
    }
    text_put(json, S("]}"));
}

static void answer(struct call *c, const struct instance_outcome *outcomes, int count)
{
    struct text json;
    int failures = 0;
    for (int i = 0; i < count; i++)
        failures += outcomes[i].reason != REASON_NONE;
    text_init(&json, 64 << 20);
    text_put_char(&json, '{');
    put_retrieve_url(&json);
    text_put_char(&json, ',');
    if (failures)
        put_items(&json, outcomes, count, true);
    if (failures && failures < count)
        text_put_char(&json, ',');
    if (failures < count)
        put_items(&json, outcomes, count, false);
    text_put_char(&json, '}');
    answer_status(c, failures == 0 ? 200 : failures < count ? 202 : 409);
    answer_bytes(c, "application/dicom+json", arena_copy(&c->arena, text_str(&json)));
    text_release(&json);
}

static bool store(struct call *c, struct str wanted_study)
{
    struct form *form = exchange_of(c)->upload;
    if (!multipart_finish(form->parser, &c->error))
        return false;
    if (!form->files)
        return fail(c, E_BAD_REQUEST, "the body has no parts");
    struct instance_outcome *outcomes = arena_array(&c->arena, struct instance_outcome, form->file_count);
    int count = 0;
    for (struct spooled *file = form->files; file; file = file->next, count++) {
        instance_store(c, file, wanted_study, &outcomes[count]);
        spool_drop(file);
    }
    answer(c, outcomes, count);
    return true;
}

static bool stow_studies(struct call *c)
{
    return store(c, STR_NULL);
}

static bool stow_study(struct call *c)
{
    const struct stow_key *key = c->in;
    return store(c, key->study_uid);
}

#define STOW \
    .flags = NOT_JSON, .receive = form_receive_related, .tag = "dicomweb", .entity = "image_file", \
    .audit = "image_file.upload_batch", .answers = "application/dicom+json", \
    .also = { { 202, "Some are stored, some are not." }, { 409, "None is stored." } }
static const struct endpoint rows[] = {
    { HTTP_POST, "/dicom-web/studies", stow_studies, NULL, NULL, MAY_UPLOAD_IMAGES, WORKS, BODY_RELATED, STOW,
      .summary = "Stores DICOM files (STOW-RS)",
      .doc = "200 when all are stored, 202 when some are, 409 when none is; the answer says how each went." },
    { HTTP_POST, "/dicom-web/studies/{study_uid}", stow_study, &stow_key, NULL, MAY_UPLOAD_IMAGES, WORKS, BODY_RELATED,
      STOW, .summary = "Stores DICOM files of one study (STOW-RS)" },
};
ENDPOINT_TABLE(stow_endpoints, rows);
