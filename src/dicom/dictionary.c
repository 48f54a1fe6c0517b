/* dictionary.c - look-ups in the tables that script/make-dictionary.py makes.
 *
 *   tag --x 0x9E3779B1--> bucket --> multipliers[bucket] --x tag--> slot --> slots[slot] --> entries[row]
 *
 * The multipliers are chosen so that no two tags share a slot: one comparison tells whether the tag is known. Only tags
 * that are not in the table are tried as group length, private creator and repeating group.
 *
 * VRs alone lie in pages of 256 tags, where those of neighbours share a cache line: a data set comes in the order of
 * its tags.
 */
#include "dicom/dictionary.h"

#include "dicom/reader.h"

#include <string.h>

/* A tag with (tag & bits) == value may be in the table as (tag & keep) | fill, in an entry that has a mask. */
struct pattern {
    uint32_t bits, value, keep, fill;
};

struct page {
    uint32_t key; /* tag >> 8 */
    uint8_t numbers[256];
};

#include "dictionary_table.h"

static const struct dicom_entry *exactly(uint32_t tag)
{
    uint32_t bucket = (tag * 0x9E3779B1u) >> (32 - BUCKET_BITS);
    uint32_t slot = (tag * multipliers[bucket]) >> (32 - SLOT_BITS);
    const struct dicom_entry *entry = &entries[slots[slot]];
    return entry->tag == tag ? entry : NULL;
}

const struct dicom_entry *dicom_dictionary_find(uint32_t tag)
{
    static const struct dicom_entry group_length = { 0, VR('U', 'L'), 0, "GenericGroupLength" };
    static const struct dicom_entry private_creator = { 0x00090010, VR('L', 'O'), 0, "PrivateCreator" };
    const struct dicom_entry *entry = exactly(tag);
    if (entry)
        return entry;
    uint32_t element = tag & 0xFFFF;
    if (element == 0) /* PS3.5 7.2 */
        return &group_length;
    if (tag & 0x00010000) /* PS3.5 7.8.1 */
        return element >= 0x0010 && element <= 0x00FF ? &private_creator : NULL;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        const struct pattern *p = &patterns[i];
        if ((tag & p->bits) != p->value)
            continue;
        entry = exactly((tag & p->keep) | p->fill);
        if (entry && entry->mask)
            return entry;
    }
    return NULL;
}

static uint8_t number_of(uint32_t tag)
{
    uint32_t key = tag >> 8, slot = (key * 0x9E3779B1u) >> (32 - PAGE_SLOT_BITS);
    for (; page_slots[slot]; slot = (slot + 1) & ((1u << PAGE_SLOT_BITS) - 1)) {
        const struct page *page = &pages[page_slots[slot] - 1];
        if (page->key == key)
            return page->numbers[tag & 0xFF];
    }
    return 0;
}

uint16_t dicom_dictionary_vr(uint32_t tag, bool signed_pixels)
{
    if (tag & 0x00010000) { /* private (PS3.5 7.8.1): none of them is in the table */
        uint32_t element = tag & 0xFFFF;
        return element == 0 ? VR('U', 'L') : element >= 0x0010 && element <= 0x00FF ? VR('L', 'O') : VR('U', 'N');
    }
    uint8_t number = number_of(tag);
    if (number)
        return signed_pixels && number & EITHER ? VR('S', 'S') : vr_numbers[number & ~EITHER];
    const struct dicom_entry *entry = dicom_dictionary_find(tag);
    return entry ? entry->vr : VR('U', 'N');
}

uint32_t dicom_dictionary_tag(struct str keyword)
{
    int low = 0, high = ENTRY_COUNT;
    while (low < high) {
        int middle = low + (high - low) / 2;
        const struct dicom_entry *entry = &entries[by_keyword[middle]];
        int order = str_compare(keyword, str_from(entry->keyword));
        if (order == 0)
            return entry->tag;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}
