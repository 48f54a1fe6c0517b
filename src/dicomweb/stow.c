/* stow.c - STOW-RS (PS3.18 10.5): DICOM files in a multipart/related body, each filed as any upload is.
 *
 * Nothing that was not filed is reported as stored: a file whose bytes are kept but which could not be read is in the
 * list of failures. */
#include "api/form.h"
#include "intake/upload.h"

#include "base/file_view.h"
#include "dicom/object.h"
#include "http/multipart.h"

/* PS3.18 table 10.5.3-1, PS3.4 table CC.2.3-1. */
enum failure_reason {
    REASON_NONE = 0,
    REASON_PROCESSING = 0x0110,
    REASON_DUPLICATE = 0x0111,
    REASON_NO_RESOURCES = 0xA700,
    REASON_WRONG_STUDY = 0xA900,
    REASON_NOT_UNDERSTOOD = 0xC000,
};

struct stow_key {
    struct str study_uid;
};
static const struct field stow_key_fields[] = {
    FIELD(struct stow_key, study_uid, .flags = READ_ONLY, .min = 1, .max = 64,
          .doc = "Study Instance UID that every file must have."),
};
static const struct schema stow_key = SCHEMA("StowKey", struct stow_key, stow_key_fields);

struct outcome {
    struct str class_uid, instance_uid; /* null: the file does not say */
    enum failure_reason reason;
};

/* What the file calls itself, also when it is refused. */
static bool identify(struct call *c, const struct spooled *file, struct outcome *out, struct str *study_uid)
{
    struct dicom_limits limits = dicom_default_limits;
    struct dicom_object *object;
    struct error ignored = { 0 };
    struct file_view view;
    struct str uid;
    limits.stop_at = 0x00200010; /* the UIDs come before */
    *out = (struct outcome){ .class_uid = STR_NULL, .instance_uid = STR_NULL };
    *study_uid = STR_NULL;
    if (!file_view_open(&view, blob_writer_fd(file->writer), file->size_bytes, &c->error))
        return false;
    dicom_read(view.bytes, &limits, &c->arena, &object, &ignored);
    if (dicom_uid(object->root, DICOM_SOPClassUID, &uid))
        out->class_uid = arena_copy(&c->arena, uid);
    if (dicom_uid(object->root, DICOM_SOPInstanceUID, &uid))
        out->instance_uid = arena_copy(&c->arena, uid);
    if (dicom_uid(object->root, 0x0020000D /* Study Instance UID */, &uid))
        *study_uid = arena_copy(&c->arena, uid);
    dicom_object_release(object);
    return file_view_close(&view, &c->error);
}

static enum failure_reason reason_of(enum error_code code)
{
    switch (code) {
    case E_CONFLICT:
        return REASON_DUPLICATE;
    case E_STORAGE_FULL:
    case E_UNAVAILABLE:
    case E_UNREADABLE:
        return REASON_NO_RESOURCES;
    case E_UNSUPPORTED_TYPE:
    case E_INVALID:
        return REASON_NOT_UNDERSTOOD;
    default:
        return REASON_PROCESSING;
    }
}

static void store_one(struct call *c, struct spooled *file, struct str wanted_study, struct outcome *out)
{
    struct upload_details nothing;
    struct image_file row;
    struct str study_uid;
    schema_clear(&upload_details_schema, &nothing);
    if (file->size_bytes == 0) {
        *out = (struct outcome){ .reason = REASON_NOT_UNDERSTOOD };
        return;
    }
    if (!identify(c, file, out, &study_uid)) {
        out->reason = reason_of(c->error.code);
        error_clear(&c->error);
        return;
    }
    if (wanted_study.len && !str_equal(study_uid, wanted_study)) {
        out->reason = REASON_WRONG_STUDY;
        return;
    }
    if (!upload_store(c, file, &nothing, call_user(c), &row)) {
        out->reason = reason_of(c->error.code);
        error_clear(&c->error);
    } else if (row.status == FILE_FAILED || row.file_type != FILE_DICOM) {
        out->reason = REASON_NOT_UNDERSTOOD;
    }
}

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

static void put_items(struct text *json, const struct outcome *outcomes, int count, bool failed)
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

static void answer(struct call *c, const struct outcome *outcomes, int count)
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
    struct outcome *outcomes = arena_array(&c->arena, struct outcome, form->file_count);
    int count = 0;
    for (struct spooled *file = form->files; file; file = file->next, count++) {
        store_one(c, file, wanted_study, &outcomes[count]);
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
