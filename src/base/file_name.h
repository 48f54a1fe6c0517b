/* file_name.h - what a file is called, whatever its sender calls it. One rule for all ways in (forms, batches, entries
 * of ZIPs, chunks, import) and for the way out (Content-Disposition).
 *
 *     file_name_of(S("C:\\fakepath\\片 1.png"), &arena)      "片 1.png"
 *     file_path_of(S("../films/./1.png"), &arena)            "films/1.png"
 *
 * - UTF-8: a byte that is none, and a control character, is U+FFFD, so that something is seen where something was.
 * - Marks that turn the direction of text ("exe.gpj" for "gpj.exe") and characters that have no width are dropped, but
 *   for those that Persian, Indian scripts and emoji are written with (U+200C, U+200D).
 * - Directories of the sender are nobody's business (RFC 7578 4.2, RFC 6266 4.3), whichever system wrote them, and so
 *   is a drive of Windows ("C:x.png" is a file of the directory that drive C is in). This is looked at last, so that
 *   nothing dropped hides one.
 * - At most 512 bytes, cut at a code point. "unnamed" when nothing is left, or only blanks.
 *
 * Both take their own output for what it is: file_name_of(file_name_of(x)) is file_name_of(x).
 */
#ifndef ROENTGEN_FILE_NAME_H
#define ROENTGEN_FILE_NAME_H

#include "base/arena.h"

enum { FILE_NAME_BYTES_MAX = 512 };

struct str file_name_of(struct str sent, struct arena *arena);
/* The same with the directories below, joined by '/': for telling people which entry of a ZIP is meant. Nothing leads
 * out of it, or to a root. */
struct str file_path_of(struct str sent, struct arena *arena);

#endif
