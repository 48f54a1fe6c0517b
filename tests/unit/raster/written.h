/* written.h - for tests: a data set written element by element, in explicit VR little endian or big endian, and read
 * back.
 *
 *     struct written w;
 *     written_begin(&w, false);
 *     written_us(&w, 0x00283002, 3, (const uint16_t[]){ 256, 0, 16 });
 *     written_bytes(&w, 0x00283006, "OW", data, sizeof(data));
 *     written_read(&w);                 // w.object->root
 *     written_end(&w);
 */
#ifndef ROENTGEN_TEST_WRITTEN_H
#define ROENTGEN_TEST_WRITTEN_H

#include "base/text.h"
#include "dicom/object.h"

struct written {
    struct text text;
    bool big_endian;
    struct arena arena;
    struct dicom_object *object;
};
void written_begin(struct written *w, bool big_endian);
void written_bytes(struct written *w, uint32_t tag, const char *vr, const void *at, ptrdiff_t len); /* even, as given */
void written_text(struct written *w, uint32_t tag, const char *vr, const char *text);               /* padded */
void written_us(struct written *w, uint32_t tag, int count, const uint16_t *values);
void written_words(struct written *w, uint32_t tag, const char *vr, int count, const uint16_t *values);
void written_item(struct written *w, uint32_t sequence); /* a sequence of undefined length, and its first item */
void written_next_item(struct written *w);
void written_item_end(struct written *w); /* of the item and its sequence */
void written_read(struct written *w);
void written_end(struct written *w);

#endif
