/* pinyin.h - Latin letters by which a Chinese name is found, as they are typed in every hospital of China.
 *
 *     王小明    wangxiaoming  wangxming  wxiaoming  wxming    xiaoming  xming    ming
 *
 * Who types writes syllables whole or by their first letter, as they like, begins at any of them and stops anywhere:
 * wangxiaoming, wangxm, wxm, xiaom, xm. So the words of a name are, from each syllable on, every mixture of whole and
 * abbreviated syllables whose last is whole; what is typed finds the name when it begins one of them. An "an" finds 安,
 * and none of the 王.
 *
 * Of more than four syllables the mixtures are few: all whole, all abbreviated, the first or the first two whole.
 * Where a character is read in several ways (han.h) each makes words of its own.
 */
#ifndef ROENTGEN_PINYIN_H
#define ROENTGEN_PINYIN_H

#include "base/arena.h"

enum { PINYIN_WORDS_MAX = 96, PINYIN_WORD_MAX = 60 /* letters; what follows is not looked at */ };
struct pinyin_words {
    struct str at[PINYIN_WORDS_MAX];
    int count;
};

/* Adds those of the text, which is folded for search (folding.h), each once, as many as there is room for. Letters and
 * digits end a name, and another begins behind them; of each the first twelve characters count. */
void pinyin_add(struct str folded, struct arena *arena, struct pinyin_words *words);

/* What is typed, as the beginning of such a word: small letters without tones, and without what stands between
 * syllables and names (spaces, apostrophes, hyphens, commas, ^). Null where there is anything else in it. */
struct str pinyin_wanted(struct str typed, struct arena *arena);

#endif
