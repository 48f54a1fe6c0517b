/* fuzz_dicom_reader.c - from memory and from a stream that comes in odd pieces, the parser tells the same events and
 * the same error. */
#include "dicom/reader.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A digest of all that was told, in order. */
struct witness {
    uint64_t digest;
    int64_t events;
    int depth;
};

static void note(struct witness *w, const void *bytes, size_t len)
{
    const struct str s = { bytes, (ptrdiff_t)len };
    w->digest = (w->digest ^ (len ? str_hash(s) : 1)) * 0x100000001B3u + len;
}

static void note_number(struct witness *w, int64_t n)
{
    w->digest = (w->digest ^ (uint64_t)n) * 0x100000001B3u + 8;
}

static void note_element(struct witness *w, char kind, const struct dicom_element *e)
{
    assert(e->depth == w->depth);
    w->events++;
    note(w, &kind, 1);
    note_number(w, e->tag);
    note_number(w, e->vr << 2 | e->big_endian << 1 | e->implicit);
    note_number(w, e->length);
    note_number(w, e->depth);
    note_number(w, e->offset);
    note_number(w, e->value_offset);
    note(w, e->value.at, (size_t)e->value.len);
}

static bool on_element(void *context, const struct dicom_element *e)
{
    assert(e->value.len == (ptrdiff_t)e->length);
    note_element(context, 'e', e);
    return true;
}

static bool on_sequence(void *context, const struct dicom_element *e)
{
    note_element(context, 's', e);
    return true;
}

static bool on_item(void *context, int64_t offset)
{
    struct witness *w = context;
    w->depth++;
    note_number(w, offset);
    return true;
}

static bool on_item_end(void *context)
{
    struct witness *w = context;
    w->depth--;
    assert(w->depth >= 0);
    note_number(w, -1);
    return true;
}

static bool on_sequence_end(void *context)
{
    note_number(context, -2);
    return true;
}

static bool on_fragments(void *context, const struct dicom_element *e)
{
    note_element(context, 'f', e);
    return true;
}

static bool on_fragment(void *context, int64_t offset, struct str bytes)
{
    note_number(context, offset);
    note(context, bytes.at, (size_t)bytes.len);
    return true;
}

struct dribble {
    const uint8_t *at, *end;
    ptrdiff_t step;
};

static ptrdiff_t read_dribble(void *context, void *into, ptrdiff_t room)
{
    struct dribble *d = context;
    ptrdiff_t len = d->end - d->at;
    d->step = d->step % 23 + 1; /* 1 to 23 bytes, going round */
    len = len < d->step ? len : d->step;
    len = len < room ? len : room;
    if (len)
        memcpy(into, d->at, (size_t)len);
    d->at += len;
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct dicom_events events = { on_element,      on_sequence,  on_item,    on_item_end,
                                                on_sequence_end, on_fragments, on_fragment };
    struct dicom_limits limits = dicom_default_limits;
    struct witness first = { 0 }, second = { 0 };
    struct error first_error = { 0 }, second_error = { 0 };
    struct dicom_file first_file, second_file;
    struct dicom_input input;
    struct dribble dribble = { data, data + size, size ? data[size - 1] : 0 };
    if (size > 1 << 16)
        return 0;
    limits.value_bytes = limits.inflated_bytes = 1 << 20;
    dicom_input_memory(&input, (struct str){ (const char *)data, (ptrdiff_t)size });
    bool first_ok = dicom_parse(&input, &limits, &events, &first, &first_file, &first_error);
    dicom_input_release(&input);
    dicom_input_stream(&input, read_dribble, &dribble, 1 << 22);
    bool second_ok = dicom_parse(&input, &limits, &events, &second, &second_file, &second_error);
    dicom_input_release(&input);
    assert(first_ok == second_ok && first.events == second.events && first.digest == second.digest);
    assert(first_ok == (first_error.code == E_NONE) && second_ok == (second_error.code == E_NONE));
    assert(first_ok ? first.depth == 0 : first_error.message[0] != '\0');
    assert(!strcmp(first_file.syntax_uid, second_file.syntax_uid) && first_file.data_offset == second_file.data_offset);
    return 0;
}
