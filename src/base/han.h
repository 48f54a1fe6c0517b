/* han.h - what is known of a Chinese character by itself: its simplified form, and how it is read.
 *
 *     han_simplified(U'張')                               U'张'
 *     struct han_readings r;
 *     han_readings(U'单', &r)                             "dan", "shan", "chan"
 *
 * By libicu's rules Traditional-Simplified and Han-Latin, of U+3400 to U+9FFF, in a table that is made when the program
 * is built (han_maker.c): a look-up costs nanoseconds and needs no start. What the rules make of a character depends on
 * no other here; so where a traditional text has one character for two simplified ones (乾), it is the commoner.
 *
 * The rules know one reading, that of words. Names have others: surnames are read as they always were (单 shan, 仇 qiu,
 * 查 zha, 尉迟 yuchi, 万俟 moqi), and some characters of given names are read in two ways (乐 le or yue). Those stand in
 * a table of our own, beside the rules' reading: whoever types either finds the name.
 *
 * Readings are syllables in small letters without tones. ü is v, as it is typed, u, and yu, as passports have it.
 */
#ifndef ROENTGEN_HAN_H
#define ROENTGEN_HAN_H

#include <stdint.h>

/* The character itself where it has no simpler form, and of anything else. */
uint32_t han_simplified(uint32_t point);

enum { HAN_READINGS_MAX = 8, HAN_SYLLABLE_MAX = 8 };
struct han_readings {
    char at[HAN_READINGS_MAX][HAN_SYLLABLE_MAX]; /* the commonest first */
    int count;                                   /* 0: it is no Chinese character, or nobody says how it is read */
};
/* Of a simplified character. */
void han_readings(uint32_t point, struct han_readings *out);

#endif
