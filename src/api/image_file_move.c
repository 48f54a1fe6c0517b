/* image_file_move.c - files into the archive store and back, and the same action on many files at once. */
#include "web/exchange.h"
#include "records/image_file_action.h"
#include "records/image_file_move.h"

static bool file_archive(struct call *c)
{
    const struct image_file_key *key = c->in;
    return image_file_archive(c, key->file_id, c->out);
}

static bool file_unarchive(struct call *c)
{
    const struct image_file_key *key = c->in;
    return image_file_unarchive(c, key->file_id, c->out);
}

/* ---- batch ---- */

struct file_batch {
    struct integers ids;
    unsigned action;
    struct texts tags;
};
static const struct field file_batch_fields[] = {
    FIELD(struct file_batch, ids, .flags = REQUIRED, .min = 1, .max = 1000, .doc = "The files to work on."),
    FIELD(struct file_batch, action, .flags = REQUIRED, .choices = image_file_actions, .type = "BatchAction",
          .doc = "What to do with each."),
    FIELD(struct file_batch, tags, .max = 50, .doc = "The tags that the files are to have, with action tag."),
};
static const struct schema file_batch = SCHEMA("ImageFileBatch", struct file_batch, file_batch_fields);

struct batch_outcome {
    int64_t id, status;
    struct str error;
};
static const struct field batch_outcome_fields[] = {
    FIELD(struct batch_outcome, id, .doc = "The file that this is about."),
    FIELD(struct batch_outcome, status, .doc = "The HTTP status that the file alone would have got."),
    FIELD(struct batch_outcome, error, .flags = NULLABLE, .doc = "Why it was not done."),
};
static const struct schema batch_outcome =
    SCHEMA("BatchOutcome", struct batch_outcome, batch_outcome_fields, .doc = "How one file went.");
struct batch_outcomes {
    struct list items;
};
static const struct field batch_outcomes_fields[] = {
    FIELD(struct batch_outcomes, items, .of = &batch_outcome, .doc = "How each went, in the order asked."),
};
static const struct schema batch_outcomes = SCHEMA("BatchOutcomes", struct batch_outcomes, batch_outcomes_fields);

static bool file_batch_post(struct call *c)
{
    const struct file_batch *in = c->in;
    struct batch_outcomes *out = c->out;
    struct batch_outcome *outcomes = arena_array(&c->arena, struct batch_outcome, in->ids.count);
    enum image_file_action action = (enum image_file_action)in->action;
    if (!image_file_action_allowed(c, action))
        return false;
    for (ptrdiff_t i = 0; i < in->ids.count; i++) {
        int64_t id = in->ids.items[i];
        bool ok = image_file_act(c, id, action, in->tags);
        outcomes[i] = (struct batch_outcome){ id, ok ? 200 : error_row(c->error.code)->status, STR_NULL };
        if (!ok)
            outcomes[i].error = arena_copy(&c->arena, error_told(&c->error));
        error_clear(&c->error);
    }
    out->items = (struct list){ outcomes, in->ids.count };
    return true;
}

#define FILES .tag = "image-files", .entity = "image_file"
static const struct endpoint rows[] = {
    { HTTP_POST, "/api/v1/image-files/{file_id}/archive", file_archive, &image_file_key, &image_file_schema,
      MAY_ARCHIVE_IMAGES, WORKS, FILES, .audit = "image_file.archive",
      .summary = "Moves a file's bytes to the archive store" },
    { HTTP_POST, "/api/v1/image-files/{file_id}/unarchive", file_unarchive, &image_file_key, &image_file_schema,
      MAY_ARCHIVE_IMAGES, WORKS, FILES, .audit = "image_file.unarchive",
      .summary = "Brings a file's bytes back from the archive store" },
    { HTTP_POST, "/api/v1/image-files/batch", file_batch_post, &file_batch, &batch_outcomes, MAY_READ_IMAGES, WORKS,
      BODY_JSON, 207, FILES, .audit = "image_file.batch", .summary = "Deletes, restores, archives or tags many files" },
};
ENDPOINT_TABLE(image_file_move_endpoints, rows);
