/* study.c - studies: registered, changed, deleted, restored. */
#include "records/study_change.h"
#include "web/exchange.h"
#include "records/study_view.h"

static bool study_get(struct call *c)
{
    const struct study_key *key = c->in;
    return study_load(c, key->id, c->out);
}

static bool study_post(struct call *c)
{
    struct study *out = c->out;
    if (!study_register(c, c->in, out))
        return false;
    answer_location(c, "/api/v1/studies/%" PRId64, out->id);
    return true;
}

static bool study_patch(struct call *c)
{
    return study_change(c, c->in, c->given, c->out);
}

static bool study_settle_conflict(struct call *c)
{
    const struct study_key *key = c->in;
    return study_conflict_settle(c, key->id);
}

static bool study_remove(struct call *c)
{
    const struct study_key *key = c->in;
    return study_delete(c, key->id);
}

static bool study_restore_post(struct call *c)
{
    const struct study_key *key = c->in;
    return study_restore(c, key->id, c->out);
}

#define STUDIES .tag = "studies", .entity = "study"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/studies", study_post, &study_schema, &study_schema, MAY_CREATE_STUDIES, WRITES, BODY_JSON,
      201, STUDIES, .audit = "study.create", .summary = "Registers a study",
      .doc = "DICOM files register theirs by themselves; a study with the same UID that was registered before takes "
             "them up." },
    { HTTP_GET, "/api/v1/studies/{id}", study_get, &study_key, &study_schema, MAY_READ_STUDIES, STUDIES,
      .audit = "study.read", .summary = "Shows one study" },
    { HTTP_PATCH, "/api/v1/studies/{id}", study_patch, &study_change_schema, &study_schema, MAY_UPDATE_STUDIES, WRITES,
      BODY_JSON, STUDIES, .audit = "study.update",
      .summary = "Changes a study's record, or moves it to another patient" },
    { HTTP_DELETE, "/api/v1/studies/{id}", study_remove, &study_key, NULL, MAY_DELETE_STUDIES, WRITES, STUDIES,
      .audit = "study.delete", .summary = "Deletes a study with its series and files",
      .doc = "It can be restored until its files are purged." },
    { HTTP_POST, "/api/v1/studies/{id}/restore", study_restore_post, &study_key, &study_schema, MAY_DELETE_STUDIES,
      WORKS, .flags = REVIVES, STUDIES, .audit = "study.restore", .summary = "Brings a deleted study back",
      .doc = "With the series and files that were deleted with it." },
    { HTTP_DELETE, "/api/v1/studies/{id}/conflict", study_settle_conflict, &study_key, NULL, MAY_UPDATE_STUDIES, WRITES,
      STUDIES, .audit = "study.settle_conflict", .summary = "Says that a study's conflict has been looked at" },
};
ENDPOINT_TABLE(study_endpoints, rows);
