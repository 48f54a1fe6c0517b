/* fuzz_multipart.c - multipart bodies of any kind.
 *
 *   input: [seed of the pieces] [boundary length] [boundary] [body] */
#include "multipart_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct record record = { 0 };
    struct str rest = { (const char *)data + 2, (ptrdiff_t)size - 2 };
    struct str boundary = str_slice(rest, 0, data[1] % 80), body = str_slice(rest, boundary.len, rest.len);
    multipart_agrees(boundary, body, data[0] + 1u, &record);
    text_release(&record.text);
    return 0;
}
