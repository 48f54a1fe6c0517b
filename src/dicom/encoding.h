/* encoding.h - the character set that the text of a file is really in, when the file names none or its bytes contradict
 * the name.
 *
 *     struct str used;
 *     dicom_settle_encoding(object, S("GB18030"), &arena, &used);        // null fallback: nothing is assumed
 *     // getters of object.h read its text so; `used` is null when that is as declared
 *
 * Files of one hospital often name no character set, or ISO_IR 100 because a setting said so once, and hold what the
 * machine's system wrote. Decided once for all text of a file, from its bytes:
 *
 *   declares        and the bytes                                               are read as
 *   anything        are ASCII                                                   declared
 *   a known set     fit it                                                      declared, but for the next two
 *   one of 8 bits   are valid UTF-8 (not Latin: and could not be letters)       ISO_IR 192
 *   one of 8 bits   fit a fallback of many bytes, and make no words in 8 bits   the fallback
 *   none, or        are UTF-8 whose characters have three bytes and more        ISO_IR 192
 *   one that        fit the second value of (0008,0005) without its escapes     that one
 *   the bytes do    fit the fallback                                            the fallback
 *   not fit         are valid UTF-8                                             ISO_IR 192
 *                   fit none of these                                           where the least is lost
 *
 * Valid UTF-8 of two bytes each may be GB18030 (and is, where that is the fallback); of three bytes it hardly ever is
 * anything else. Items that name a character set of their own, other than the file's, are left as they are. What was
 * decided is a remark of the object.
 */
#ifndef ROENTGEN_DICOM_ENCODING_H
#define ROENTGEN_DICOM_ENCODING_H

#include "dicom/object.h"

/* Is any text of the file in other characters than ASCII? Else there is nothing to settle. */
bool dicom_has_foreign_text(const struct dicom_object *object);
/* *used: the name of the character set, as (0008,0005) would say it, when it is not the declared one; in the arena. */
void dicom_settle_encoding(struct dicom_object *object, struct str fallback, struct arena *arena, struct str *used);
/* All text of the file is in `name`, whatever it declares; a null name: as it declares. */
void dicom_set_encoding(struct dicom_object *object, struct str name);

#endif
