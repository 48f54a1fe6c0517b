/* model.h - the models of this house: uploaded, tried, switched on, retired.
 *
 *     struct model model;
 *     model_upload(c, file, card, &model)                     // an ONNX file and its card: DRAFT
 *     model_activate(c, id, MODEL_ACTIVE, &model)             // tried on a grey picture first
 *
 *   DRAFT --shadow--> SHADOW --activate--> ACTIVE --retire--> RETIRED, and back to SHADOW or ACTIVE
 *
 *   DRAFT    nobody asks it anything
 *   SHADOW   asked by those who manage the system, who alone see what it says; also later, whatever becomes of it
 *   ACTIVE   anybody with ai.run may ask it
 *   RETIRED  asked nothing more; what it said stays
 *
 * An upload is read as an ONNX file (onnx_file.h: no external data), its card completed from the file's own properties
 * and checked (card.h), the file loaded by the runtime, and the card compared with its real inputs and outputs; what
 * does not do is refused in words, and nothing is kept. It leaves DRAFT only after a trial run that gave what the card
 * says, all of it finite.
 *
 * A model that another server or a Celery worker runs (`remote` of its card; model_ask.h) has no file: what that says
 * of it is stored (`metadata`), the card compared with it, and every answer. `digest` is then the SHA-256 of
 * `metadata`: what weights there are under that name no protocol says.
 *
 * The file lies in the store below models/, and its SHA-256, `digest`, stands in every result. Name and version name a
 * model once. A model that has been asked anything is never removed, only retired.
 */
#ifndef ROENTGEN_DIAGNOSIS_MODEL_H
#define ROENTGEN_DIAGNOSIS_MODEL_H

#include "diagnosis/card.h"
#include "diagnosis/gate.h"
#include "intake/spool.h"

enum model_state { MODEL_DRAFT = 1, MODEL_SHADOW, MODEL_ACTIVE, MODEL_RETIRED };
extern const char *const model_states[]; /* names of enum model_state */

enum { MODEL_BYTES_MAX = 1 << 30 };

struct model {
    int64_t id;
    struct str model_uuid, name, version, title;
    unsigned state;
    int64_t preference; /* of those whose card admits an image the one with the highest is asked, then the newest */
    struct str task, digest, storage_path;
    int64_t size_bytes;
    struct json metadata; /* null: it has a file */
    bool remote_binary;   /* its server takes tensors as bytes */
    struct json card;
    bool research_only;
    struct json trial; /* {"at", "ok", "load_ms", "run_ms", "runtime", "words"}; null: none yet */
    int64_t created_by;
    struct instant created_at, updated_at, activated_at, retired_at;
};
extern const struct schema model_schema;

/* On a worker, outside of transactions. The bytes of `file`, which is finished, are taken where it succeeds; NULL:
 * the card says which server runs it, which is asked. What `card` leaves out comes from `bundle`, the metadata.json
 * of a MONAI bundle, and then from the file's properties; either may be null. E_INVALID with problems of "body",
 * E_CONFLICT: name and version are taken. */
bool model_upload(struct call *c, struct spooled *file, struct str card, struct str bundle, struct model *out);
bool model_load(struct call *c, int64_t id, struct model *out); /* E_NOT_FOUND */
bool model_is_remote(const struct model *model);
/* Inside a transaction: its title or preference. */
bool model_change(struct call *c, const struct model *change, uint64_t given);
/* Outside of transactions. E_CONFLICT: it has been asked something, or is in use. */
bool model_remove(struct call *c, int64_t id);
/* On a worker, outside of transactions: SHADOW or ACTIVE, after a trial whose outcome is kept. E_CONFLICT: the trial
 * failed, in its words; or it came to another state while the trial ran, in which it stays. */
bool model_activate(struct call *c, int64_t id, enum model_state to, struct model *out);
/* Inside a transaction. E_CONFLICT: not from this state. */
bool model_retire(struct call *c, int64_t id, struct model *out);

/* The ACTIVE model that was switched on last among those whose card lets this image in. E_CONFLICT: there is none. */
bool model_default(struct call *c, const struct gate_subject *subject, struct model *out);
/* The ACTIVE one of this name and version; of the name the one that was switched on last, where version is null.
 * E_NOT_FOUND. */
bool model_active(struct call *c, struct str name, struct str version, struct model *out);
/* Versions of the name that are ACTIVE, at most `most`, what was switched on last first. */
bool model_active_versions(struct call *c, struct str name, int most, struct str *out, int *count);
/* Opens its bytes: out->fd is the caller's. E_UNREADABLE: they are gone, or not as many as were stored. Whether they
 * are those that were stored is asked before a process loads them (model_pool.h). */
bool model_open(struct call *c, const struct model *model, struct model_file *out);

#endif
