/* chunk.c - takes one chunk of an upload: its bytes as they come, and the digests that the request's headers say they
 * have. */
#include "api/chunk.h"

#include "intake/upload_chunks.h"

struct chunk_key {
    struct str upload_id;
    int64_t number;
};
static const struct field chunk_key_fields[] = {
    FIELD(struct chunk_key, upload_id, .flags = READ_ONLY, .min = 36, .max = 36,
          .doc = "The upload that the chunk belongs to."),
    FIELD(struct chunk_key, number, .flags = READ_ONLY, .min = 0, .max = CHUNKS_MAX - 1,
          .doc = "The chunk's number; the first is 0."),
};
const struct schema chunk_key_schema = SCHEMA("ChunkKey", struct chunk_key, chunk_key_fields);

struct chunk_stored {
    int64_t number, size, upload_progress;
};
static const struct field chunk_stored_fields[] = {
    FIELD(struct chunk_stored, number, .doc = "The chunk's number."),
    FIELD(struct chunk_stored, size, .doc = "How many bytes the chunk has."),
    FIELD(struct chunk_stored, upload_progress, .doc = "How much of the file is here, in percent."),
};
const struct schema chunk_stored_schema = SCHEMA("ChunkStored", struct chunk_stored, chunk_stored_fields);

struct arriving {
    struct spooled *spooled;
};

static bool arriving_write(void *self, struct str bytes, struct error *error)
{
    struct arriving *arriving = self;
    return spool_write(arriving->spooled, bytes, error);
}

static void arriving_release(void *self)
{
    struct arriving *arriving = self;
    if (arriving->spooled)
        spool_drop(arriving->spooled);
}

bool chunk_receive(struct call *c, struct body_sink *sink)
{
    struct arriving *arriving = arena_new(&c->arena, struct arriving);
    arriving->spooled = spool_begin(c, c->app->files, S("chunk"), CHUNK_BYTES_MAX, &c->error);
    if (!arriving->spooled)
        return false;
    exchange_of(c)->upload = arriving;
    exchange_of(c)->upload_release = arriving_release;
    *sink = (struct body_sink){ .write = arriving_write, .self = arriving, .late = true };
    return true;
}

static bool digest_is(struct call *c, struct str base64, const char *hex, ptrdiff_t len)
{
    struct str bytes;
    unsigned char ours[SHA256_BYTES];
    return crypto_unbase64(base64, &c->arena, &bytes) && bytes.len == len && crypto_unhex(str_from(hex), ours, len) &&
           memcmp(bytes.at, ours, (size_t)len) == 0;
}

static bool refuse_digest(struct call *c, const char *header)
{
    return error_add_problem(&c->error, &c->arena, "header", str_from(header), "hash_mismatch",
                             "the bytes received do not have this hash");
}

/* Digest (RFC 3230: `sha-256=BASE64`) and Content-Digest, Repr-Digest (RFC 9530: `sha-256=:BASE64:`). Algorithms we
 * do not know are passed over. */
static bool check_digest_header(struct call *c, const struct spooled *s, const char *header)
{
    struct str list = http_header(c->request, header);
    for (struct str one, name, value; str_next(&list, ',', &one);) {
        if (!str_cut(str_trim(one), '=', &name, &value))
            continue;
        if (str_starts(value, S(":")) && str_ends(value, S(":")) && value.len >= 2)
            value = str_slice(value, 1, value.len - 1);
        bool is_md5 = str_equal_fold(name, S("md5"));
        if (!is_md5 && !str_equal_fold(name, S("sha-256")))
            continue;
        if (!digest_is(c, value, is_md5 ? s->md5 : s->sha256, is_md5 ? MD5_BYTES : SHA256_BYTES))
            return refuse_digest(c, header);
    }
    return true;
}

static bool check_digests(struct call *c, const struct spooled *s)
{
    struct str md5 = http_header(c->request, "Content-MD5");
    if (md5.at && !digest_is(c, str_trim(md5), s->md5, MD5_BYTES))
        return refuse_digest(c, "Content-MD5");
    return check_digest_header(c, s, "Digest") && check_digest_header(c, s, "Content-Digest") &&
           check_digest_header(c, s, "Repr-Digest");
}

bool chunk_put(struct call *c)
{
    const struct chunk_key *key = c->in;
    struct chunk_stored *out = c->out;
    struct arriving *arriving = exchange_of(c)->upload;
    struct spooled *spooled = arriving->spooled;
    struct image_file file;
    spool_finish(spooled);
    if (!chunked_load(c, key->upload_id, &file))
        return false;
    if (file.status != FILE_UPLOADING)
        return fail(c, E_CONFLICT, "the upload is complete");
    db_release(c);
    out->number = key->number;
    out->size = spooled->size_bytes;
    return chunked_check_size(c, &file, key->number, spooled->size_bytes) && check_digests(c, spooled) &&
           chunked_keep(c, &file, key->number, spooled, &out->upload_progress);
}
