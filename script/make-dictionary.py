#!/usr/bin/env python3
"""Writes the DICOM dictionary as C, from the text that Debian's DCMTK brings.

    make-dictionary.py dicom.dic OUT.h

OUT.h (included by src/dicom/dictionary.c alone) has the entries sorted by tag, a perfect hash over their tags, the
entries' order by keyword, the patterns of repeating groups, and the VRs alone in pages of 256 tags. The same input
gives the same output.
"""
import random
import re
import sys

BUCKET_BITS, SLOT_BITS, PAGE_SLOT_BITS = 10, 13, 11

# Choices, as DCMTK writes them. PS3.5 annex A.1 says what implicit VR means by them; the first of PS3.6's choice
# otherwise.
CHOICES = {"xs": "US", "ox": "OW", "px": "OW", "lt": "OW", "up": "UL"}

# Repeating elements of PS3.6 (all retired) that the text lists once, with x = 1 or 0.
REPEATING = [((0x0028, 0x0410), (0x0028, 0x0413), 0x00F0), ((0x0028, 0x0800), (0x0028, 0x0808), 0x00F0),
             ((0x1000, 0x0010), (0x1000, 0x0015), 0xFFF0), ((0x1010, 0x0004), (0x1010, 0x0004), 0xFFFF)]

LINE = re.compile(
    r"\(([0-9A-F]{4})(?:-([0-9A-F]{4}))?,([0-9A-F]{4})(?:-([0-9A-F]{4}))?\)\t(\w\w)\t(?:RETIRED_)?(\w+)\t"
)


def repeating_mask(group, element):
    for first, last, mask in REPEATING:
        if first <= (group, element) <= last:
            return mask
    return 0


def read(path):
    """tag -> (vr, mask, keyword, whether DCMTK has it as US or SS); private and illegal ranges (odd groups, written
    with -o- or -u-) don't match LINE."""
    entries = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = LINE.match(line)
            if not match:
                continue
            group, last_group, element, last_element, vr, keyword = match.groups()
            group, element = int(group, 16), int(element, 16)
            if vr == "na" or group % 2:
                continue
            mask = repeating_mask(group, element)
            if last_group:
                mask = (int(last_group, 16) - group) & 0xFFFE
            elif last_element:
                mask = int(last_element, 16) - element
            entries[group << 16 | element] = (CHOICES.get(vr, vr), mask, keyword, vr == "xs")
    if len(entries) < 3000 or len({keyword for _, _, keyword, _ in entries.values()}) != len(entries):
        sys.exit(
            f"{path} does not look like a DICOM dictionary: {len(entries)} entries, or keywords that are not unique"
        )
    return dict(sorted(entries.items()))


def patterns(entries):
    """How a tag of a repeating group becomes the tag in the table: (bits to look at, their value, bits to keep, bits to
    set)."""
    found = set()
    for tag, (_, mask, _, _) in entries.items():
        if mask == 0x00FE:  # even groups, as in 60xx
            found.add((0xFF010000, tag & 0xFF010000, 0xFF00FFFF, 0))
        elif mask:
            found.add((0xFFFF0000, tag & 0xFFFF0000, 0xFFFFFFFF ^ mask, tag & mask))
    return sorted(found)


def place(tags):
    """A multiplier for each bucket, such that every tag gets a slot of its own."""
    buckets = [[] for _ in range(1 << BUCKET_BITS)]
    for tag in tags:
        buckets[(tag * 0x9E3779B1 & 0xFFFFFFFF) >> (32 - BUCKET_BITS)].append(tag)
    numbers = random.Random(1)
    multipliers, slots = [1] * len(buckets), {}
    for bucket in sorted(range(len(buckets)), key=lambda b: -len(buckets[b])):
        while buckets[bucket]:
            multiplier = numbers.getrandbits(32) | 1
            wanted = [(tag * multiplier & 0xFFFFFFFF) >> (32 - SLOT_BITS) for tag in buckets[bucket]]
            if len(set(wanted)) == len(wanted) and not any(slot in slots for slot in wanted):
                multipliers[bucket] = multiplier
                slots.update(zip(wanted, buckets[bucket]))
                break
    return multipliers, slots


def place_pages(keys):
    """slot -> row + 1: the first free slot from where the key's hash points to."""
    slots = {}
    for i, key in enumerate(keys):
        slot = (key * 0x9E3779B1 & 0xFFFFFFFF) >> (32 - PAGE_SLOT_BITS)
        while slot in slots:
            slot = (slot + 1) % (1 << PAGE_SLOT_BITS)
        slots[slot] = i + 1
    return slots


def pages_of(entries):
    """VRs by the last byte of the tag: number of the VR + 1, with EITHER where DCMTK has it as US or SS; 0 is
    unknown."""
    vrs = sorted({vr for vr, _, _, _ in entries.values()})
    pages = {}
    for tag, (vr, _, _, us_or_ss) in entries.items():
        pages.setdefault(tag >> 8, ["0"] * 256)[tag & 0xFF] = str(vrs.index(vr) + 1) + (" + EITHER" if us_or_ss else "")
    slots = place_pages(list(pages))
    out = f"enum {{ PAGE_SLOT_BITS = {PAGE_SLOT_BITS}, EITHER = 0x80 }};\n\n"
    out += numbers_of("vr_numbers", "uint16_t", ["0"] + [f"VR('{vr[0]}', '{vr[1]}')" for vr in vrs])
    out += numbers_of("page_slots", "uint16_t", [str(slots.get(s, 0)) for s in range(1 << PAGE_SLOT_BITS)])
    out += "static const struct page pages[] = {\n"
    for key, row in pages.items():
        out += f"    {{ 0x{key:06X}, {{ {', '.join(row)} }} }},\n"
    return out + "};\n\n"


def numbers_of(name, kind, values):
    lines = [", ".join(values[i:i + 12]) for i in range(0, len(values), 12)]
    return f"static const {kind} {name}[] = {{\n" + "".join(f"    {line},\n" for line in lines) + "};\n\n"


def main():
    source, target = sys.argv[1:3]
    entries = read(source)
    tags = list(entries)
    multipliers, slots = place(tags)
    row = {tag: i for i, tag in enumerate(tags)}
    out = "/* Made by script/make-dictionary.py. */\n"
    out += f"enum {{ BUCKET_BITS = {BUCKET_BITS}, SLOT_BITS = {SLOT_BITS}, ENTRY_COUNT = {len(tags)} }};\n\n"
    out += "static const struct dicom_entry entries[] = {\n"
    for tag, (vr, mask, keyword, _) in entries.items():
        out += f"    {{ 0x{tag:08X}, VR('{vr[0]}', '{vr[1]}'), 0x{mask:04X}, \"{keyword}\" }},\n"
    out += "};\n\n"
    out += numbers_of("multipliers", "uint32_t", [f"0x{m:08X}" for m in multipliers])
    out += numbers_of("slots", "uint16_t", [str(row[slots[s]]) if s in slots else "0" for s in range(1 << SLOT_BITS)])
    out += numbers_of(
        "by_keyword", "uint16_t", [str(row[t]) for t in sorted(tags, key=lambda t: entries[t][2].encode())]
    )
    out += pages_of(entries)
    out += "static const struct pattern patterns[] = {\n"
    for row_of_numbers in patterns(entries):
        out += "    { " + ", ".join(f"0x{n:08X}" for n in row_of_numbers) + " },\n"
    out += "};\n"
    with open(target, "w", encoding="ascii") as file:
        file.write(out)


main()
