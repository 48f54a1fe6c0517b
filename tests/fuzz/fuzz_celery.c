/* fuzz_celery.c - messages, results and broadcasts of strangers: each reader takes any bytes, and what a reader gives
 * out is within its bounds. */
#include "celery/wire.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { IDS = 4 };
    struct str text = { (const char *)data, (ptrdiff_t)size }, ids[IDS], exchange, key;
    struct celery_request request;
    struct celery_result result;
    bool terminate;
    int64_t priority = 0;
    struct arena arena;
    arena_init(&arena);
    if (!celery_request_read(text, &arena, &request)) {
        assert(request.id.len > 0 && request.id.len <= CELERY_ID_MAX && request.name.len <= CELERY_NAME_MAX);
        assert(request.delivery_tag.len > 0 && request.kwargs.len >= 2 && request.kwargs.at[0] == '{');
        assert(request.priority >= 0 && request.priority <= 9);
    }
    if (!celery_result_read(text, &arena, &result))
        assert(result.id.len > 0 && result.words.len <= 800 && str_is_utf8(result.words));
    assert(celery_revoked(text, &arena, ids, IDS, &terminate) <= IDS);
    struct str again = celery_redelivered(text, &arena, &exchange, &key, &priority);
    assert(str_is_null(again) || (again.at[0] == '{' && priority >= 0 && priority <= 9));
    arena_release(&arena);
    return 0;
}
