/* import.c - a folder on the server, imported in the background. */
#include "web/exchange.h"
#include "intake/import_job.h"
#include "jobs/sight.h"

/* Looks at folders, which may take long. */
static bool import_first(struct call *c)
{
    return import_wish_check(c, c->in);
}

static bool import_post(struct call *c)
{
    const struct import_wish *wish = c->in;
    int64_t id;
    if (!jobs_put(c, &(struct job_order){ .kind = &import_kind, .payload = wish, .unique_key = wish->folder }, &id))
        return false;
    audit_about(c, id, 0);
    return jobs_load(c, id, c->out);
}

static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/system/import", import_post, &import_wish_schema, &job_schema,
      .permission = MAY_MANAGE_SYSTEM, .runs = WRITES, .first = import_first, .body = BODY_JSON, .status = 202,
      .audit = "import.create", .entity = "job", .tag = "system", .summary = "Imports a folder that lies on the server",
      .doc = "The answer is the job that does it; one that imports the same folder already is answered again. The "
             "folder lies below IMPORT_ROOT; 403 when that is not set." },
};
ENDPOINT_TABLE(import_endpoints, rows);
