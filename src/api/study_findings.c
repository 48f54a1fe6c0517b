/* study_findings.c - what models and readers say of a study, side by side. */
#include "diagnosis/opinions.h"
#include "records/study.h"
#include "web/exchange.h"

static bool findings_get(struct call *c)
{
    return opinions_of_study(c, ((const struct study_key *)c->in)->id, c->out);
}

static const struct endpoint rows[] = {
    { HTTP_GET, "/api/v1/studies/{id}/findings", findings_get, &study_key, &opinions_schema, .permission = MAY_RUN_AI,
      .entity = "study", .tag = "diagnosis", .runs = WORKS, .audit = "study.findings",
      .summary = "Shows what models and readers say of a study, and how far they agree",
      .doc = "Each model's last result of each image that was neither withdrawn nor rejected, and each reader's last "
             "review of it." },
};
ENDPOINT_TABLE(study_findings_endpoints, rows);
