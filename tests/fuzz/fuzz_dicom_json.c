/* fuzz_dicom_json.c - whatever a file holds, its JSON is JSON and its dump is text. */
#include "one_of.h"

#include "dicom/dump.h"
#include "dicom/json.h"

#include <assert.h>
#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dicom_limits limits = {
    .depth = 64, .elements = 10000, .value_bytes = 1 << 20, .inflated_bytes = 1 << 20
};
enum { OUTPUT_MAX = 1 << 22, POOL_BYTES = 1 << 22 };

/* jansson is what checks here, not what is checked: its many small pieces come from a pool, which is several times as
 * quick as the address sanitizer's allocator. */
static _Alignas(max_align_t) char pool[POOL_BYTES];
static size_t pool_used;

static void *pool_alloc(size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    if (bytes > POOL_BYTES - pool_used)
        return NULL;
    pool_used += bytes;
    return pool + pool_used - bytes;
}

static void pool_free(void *at)
{
    (void)at;
}

static void check_is_json(struct str text)
{
    json_error_t trouble;
    pool_used = 0;
    json_set_alloc_funcs(pool_alloc, pool_free);
    json_t *value = json_loadb(text.at, (size_t)text.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &trouble);
    /* What jansson refuses in valid JSON: integers past 64 bits, deep nesting; and the pool may be too small. */
    enum json_error_code why = value ? json_error_unknown : json_error_code(&trouble);
    assert(value || why == json_error_numeric_overflow || why == json_error_stack_overflow ||
           why == json_error_out_of_memory);
    json_decref(value);
}

static void check_json(struct str bytes, const struct dicom_json_options *options)
{
    struct dicom_input input;
    struct dicom_json json;
    struct dicom_file file;
    struct error error = { 0 };
    struct text out;
    text_init(&out, OUTPUT_MAX);
    dicom_input_memory(&input, bytes);
    dicom_json_begin(&json, options, &out);
    bool ok = dicom_parse(&input, &limits, &dicom_json_events, &json, &file, &error);
    assert(ok == (error.code == E_NONE));
    dicom_json_end(&json);
    if (!out.overflowed)
        check_is_json(text_str(&out));
    dicom_input_release(&input);
    text_release(&out);
}

static void check_dump(struct str bytes)
{
    const struct dicom_dump_options options = { .offsets = true };
    struct dicom_input input;
    struct dicom_dump dump;
    struct dicom_file file;
    struct error error = { 0 };
    struct text out;
    text_init(&out, OUTPUT_MAX);
    dicom_input_memory(&input, bytes);
    dicom_dump_begin(&dump, &options, &out);
    dicom_parse(&input, &limits, &dicom_dump_events, &dump, &file, &error);
    dicom_dump_end(&dump);
    assert(out.overflowed || str_is_utf8(text_str(&out)));
    assert(out.overflowed || str_find(text_str(&out), S("\x1b")) < 0);
    dicom_input_release(&input);
    text_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = { (const char *)data, (ptrdiff_t)size };
    int which = ONE_OF(3, data, size);
    if (which & 1)
        check_json(bytes, &(struct dicom_json_options){ .include_meta = true });
    if (which & 2)
        check_json(bytes, &(struct dicom_json_options){
                              .bulk_threshold_bytes = 16, .bulk_uri_prefix = S("b/\"\n"), .skip_pixel_data = true });
    if (which & 4)
        check_dump(bytes);
    return 0;
}
