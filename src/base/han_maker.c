/* han_maker.c - a program of the build: asks libicu's transliterators for each Chinese character, and writes the table
 * that han.c reads. Opening them costs 0.3 s and asking 1 s, which nobody should wait for who searches. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

enum { FIRST = 0x3400, END = 0xA000, PIECE = 64, UNITS_MAX = 64 * PIECE, SYLLABLE_MAX = 7, SYLLABLES_MAX = 1024 };

static char syllables[SYLLABLES_MAX][SYLLABLE_MAX]; /* the first is none */
static int syllable_count = 1;
static int readings[END - FIRST], simplified[END - FIRST];

static void stop(const char *what)
{
    fprintf(stderr, "han_maker: %s\n", what);
    exit(1);
}

static UTransliterator *open_rules(const char *name)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar id[64];
    UTransliterator *rules = utrans_openU(u_uastrcpy(id, name), -1, UTRANS_FORWARD, NULL, 0, NULL, &status);
    if (U_FAILURE(status))
        stop(name);
    return rules;
}

static int syllable_at(const char *text)
{
    for (int i = 0; i < syllable_count; i++)
        if (!strcmp(syllables[i], text))
            return i;
    if (syllable_count == SYLLABLES_MAX)
        stop("more syllables than there are");
    snprintf(syllables[syllable_count], SYLLABLE_MAX, "%s", text);
    return syllable_count++;
}

/* Letters without tones, u with two dots as v, as it is typed; anything else is no reading. */
static void take_reading(int at, const UChar *text, int32_t len)
{
    enum { TWO_DOTS = 0x308 };
    char out[SYLLABLE_MAX] = "";
    int n = 0;
    for (int32_t i = 0; i < len; i++) {
        if (text[i] == TWO_DOTS && n && out[n - 1] == 'u')
            out[n - 1] = 'v';
        else if (text[i] >= 'a' && text[i] <= 'z' && n < SYLLABLE_MAX - 1)
            out[n++] = (char)text[i];
        else if (text[i] < 0x300 || text[i] > 0x36F)
            return;
    }
    out[n] = '\0';
    readings[at] = syllable_at(out);
}

static void take_simplified(int at, const UChar *text, int32_t len)
{
    if (len == 1 && text[0] >= FIRST && text[0] < END && text[0] != FIRST + at)
        simplified[at] = text[0];
}

/* Characters that stand beside each other may be read otherwise than each alone: each has a line. */
static void ask(UTransliterator *rules, int first, void (*take)(int at, const UChar *text, int32_t len))
{
    UErrorCode status = U_ZERO_ERROR;
    static UChar text[UNITS_MAX], apart[UNITS_MAX];
    int32_t len = 0, begin = 0;
    for (int i = 0; i < PIECE; i++) {
        text[len++] = (UChar)(first + i);
        text[len++] = '\n';
    }
    int32_t limit = len;
    utrans_transUChars(rules, text, &len, UNITS_MAX, 0, &limit, &status);
    len = unorm2_normalize(unorm2_getNFDInstance(&status), text, len, apart, UNITS_MAX, &status);
    if (U_FAILURE(status))
        stop(u_errorName(status));
    for (int i = 0, at = first - FIRST; i < len; i++) {
        if (apart[i] != '\n')
            continue;
        take(at++, apart + begin, i - begin);
        begin = i + 1;
    }
}

static int simpler(int point)
{
    return simplified[point - FIRST] ? simplified[point - FIRST] : point;
}

/* Simplified again nothing changes: 薴 is what 苧 is, and of 苎 and 苧, each of which is said to be the other, the first
 * stands for both. */
static void settle(void)
{
    for (int point = FIRST; point < END; point++)
        if (simpler(point) > point && simpler(simpler(point)) == point)
            simplified[point - FIRST] = 0;
    for (int point = FIRST; point < END; point++)
        while (simpler(simpler(point)) != simpler(point))
            simplified[point - FIRST] = simpler(simpler(point));
}

static void write_numbers(FILE *out, const char *name, const int *numbers)
{
    fprintf(out, "static const uint16_t %s[] = {", name);
    for (int i = 0; i < END - FIRST; i++)
        fprintf(out, "%s%d,", i % 16 ? " " : "\n    ", numbers[i]);
    fprintf(out, "\n};\n");
}

int main(int argc, char **argv)
{
    UTransliterator *latin = open_rules("Han-Latin"), *simple = open_rules("Traditional-Simplified");
    FILE *out = argc == 2 ? fopen(argv[1], "w") : NULL;
    if (!out)
        stop("usage: han_maker FILE");
    for (int first = FIRST; first < END; first += PIECE) {
        ask(latin, first, take_reading);
        ask(simple, first, take_simplified);
    }
    settle();
    fprintf(out, "/* Made by han_maker.c of libicu %s: readings, and simplified characters where they differ. */\n",
            U_ICU_VERSION);
    fprintf(out, "enum { HAN_FIRST = 0x%X, HAN_END = 0x%X };\n", FIRST, END);
    fprintf(out, "static const char syllables[][%d] = {", SYLLABLE_MAX);
    for (int i = 0; i < syllable_count; i++)
        fprintf(out, "%s\"%s\",", i % 12 ? " " : "\n    ", syllables[i]);
    fprintf(out, "\n};\n");
    write_numbers(out, "readings", readings);
    write_numbers(out, "simplified", simplified);
    utrans_close(latin);
    utrans_close(simple);
    return fclose(out) != 0;
}
