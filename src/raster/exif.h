/* exif.h - which way up a raster file is to be seen (CIPA DC-008, Exif 2.32, 4.6.5.1.1: Orientation). Private to
 * raster/.
 *
 *     int orientation = exif_orientation(fd, offset, len);       // where the file's Exif data lie
 *     if (exif_lies(orientation)) ...                            // as it is seen, rows are columns
 *
 *   1  2  3  4     5  6  7  8          of what is stored: 1 upright, 2 mirrored, 3 turned by 180, 4 upside down;
 *   F  7  d  L     lying, columns become rows: 5 to 8
 *
 * Nothing fails: what says nothing, or cannot be read, is upright.
 */
#ifndef ROENTGEN_RASTER_EXIF_H
#define ROENTGEN_RASTER_EXIF_H

#include <stdbool.h>
#include <stdint.h>

enum { EXIF_UPRIGHT = 1, EXIF_ORIENTATION = 274, MPF_NUMBER_OF_IMAGES = 0xB001 };

/* The Orientation in the Exif data (a TIFF header and its first directory) at `offset`, `len` bytes; 1 where there is
 * none, or nothing that can be read. Uses pread, allocates nothing. */
int exif_orientation(int fd, int64_t offset, int64_t len);
/* How many pictures the Multi-Picture Format's index (CIPA DC-007, 5.2.3.2), which is laid out alike, says that the
 * file has; 1 where it says nothing. */
int64_t exif_pictures(int fd, int64_t offset, int64_t len);
/* What a directory's entry says; 1 for what is none. */
int exif_orientation_of(int64_t value);
bool exif_lies(int orientation); /* width and height are the other way round */

#endif
