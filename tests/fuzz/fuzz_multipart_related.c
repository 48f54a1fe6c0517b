/* fuzz_multipart_related.c - what STOW-RS reads (PS3.18 10.5.1): the header Content-Type with its parameters, the
 * body by the boundary that it names, and of the first part the UIDs.
 *
 *   input: [seed of the pieces] [value of Content-Type] LF [body] */
#include "multipart_input.h"

#include "dicom/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A parameter is a piece of the header, or a shorter one without escapes. */
static struct str parameter(struct str header, struct str name, struct arena *arena)
{
    struct str value = http_header_parameter(header, name, arena);
    assert(value.len >= 0 && value.len < (header.len ? header.len : 1));
    return value;
}

static void identify(struct str file, struct arena *arena)
{
    struct dicom_limits limits = dicom_default_limits;
    struct dicom_object *object;
    struct error error = { 0 };
    struct str uid;
    limits.stop_at = 0x00200010; /* the UIDs come before */
    limits.inflated_bytes = 1 << 20;
    bool ok = dicom_read(file, &limits, arena, &object, &error);
    assert(ok == (error.code == E_NONE));
    assert(!dicom_uid(object->root, DICOM_SOPInstanceUID, &uid) || uid.len <= 64);
    assert(!dicom_uid(object->root, 0x0020000D /* Study Instance UID */, &uid) || uid.len <= 64);
    dicom_object_release(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = { (const char *)data + 1, (ptrdiff_t)size - 1 }, header, body;
    struct record record = { .related = true };
    struct arena arena;
    if (size < 1 || !str_cut(all, '\n', &header, &body))
        return 0;
    arena_init(&arena);
    struct str media_type = http_media_type(header), type = parameter(header, S("type"), &arena);
    assert(media_type.len <= header.len);
    parameter(header, S("start"), &arena);
    if (str_equal_fold(media_type, S("multipart/related")) && str_equal_fold(type, S("application/dicom"))) {
        multipart_agrees(parameter(header, S("boundary"), &arena), body, data[0] + 1u, &record);
        if (record.first_bytes) {
            char *exact = malloc((size_t)record.first_bytes);
            memcpy(exact, record.text.at + record.first_at, (size_t)record.first_bytes);
            identify((struct str){ exact, record.first_bytes }, &arena);
            free(exact);
        }
        text_release(&record.text);
    }
    arena_release(&arena);
    return 0;
}
