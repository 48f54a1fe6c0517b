/* patient_history.c - the endpoint of what came for a patient. */
#include "records/timeline.h"
#include "web/exchange.h"

struct timeline_key {
    int64_t id;
};
static const struct field timeline_key_fields[] = {
    KEY(struct timeline_key, id, "The patient that things came for."),
};
static const struct schema timeline_key = SCHEMA("TimelineKey", struct timeline_key, timeline_key_fields);

static bool patient_timeline(struct call *c)
{
    const struct timeline_key *key = c->in;
    return timeline_of_patient(c, key->id, c->out);
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/patients/{id}/timeline", patient_timeline, &timeline_key, &timeline_schema, MAY_READ_PATIENTS,
      .tag = "patients", .entity = "patient", .audit = "patient.timeline",
      .summary = "Shows what came for a patient, newest first" },
};
ENDPOINT_TABLE(patient_history_endpoints, rows);
