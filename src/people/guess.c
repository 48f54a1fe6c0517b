/* guess.c - the cheapest way to put a password together, by dynamic programming over its pieces. */
#include "people/guess.h"

#include <ctype.h>
#include <string.h>

extern const char common_passwords[];
extern const int common_passwords_bytes;

enum { WORD_MIN = 3, WALK_MIN = 3, RUN_MIN = 3 };

/* ---- words ---- */

/* `word` against the line that begins at `line`: "word letter\n". */
static int compare_line(struct str word, const char *line)
{
    ptrdiff_t i = 0;
    while (i < word.len && line[i] != ' ' && word.at[i] == line[i])
        i++;
    if (i == word.len)
        return line[i] == ' ' ? 0 : -1;
    return line[i] == ' ' ? 1 : (unsigned char)word.at[i] - (unsigned char)line[i];
}

/* How soon the word is tried, in bits; -1: it is none. The list is searched by halves, whose middle is moved to the
 * begin of a line. */
static int word_bits(struct str word)
{
    ptrdiff_t from = 0, to = common_passwords_bytes;
    while (from < to) {
        ptrdiff_t middle = from + (to - from) / 2;
        while (middle > from && common_passwords[middle - 1] != '\n')
            middle--;
        const char *line = common_passwords + middle, *end = strchr(line, '\n');
        int order = compare_line(word, line);
        if (order == 0)
            return end[-1] - 'a';
        if (order < 0)
            to = middle;
        else
            from = end + 1 - common_passwords;
    }
    return -1;
}

/* The letter that a digit or mark stands for in words written to look unlike words. */
static char plain(char c, char one)
{
    static const char from[] = "0345789@$!+(", to[] = "oeastbgasitc";
    const char *at = c ? strchr(from, c) : NULL;
    return c == '1' ? one : at ? to[at - from] : (char)tolower((unsigned char)c);
}

static double word_cost(struct str piece)
{
    char copy[GUESS_MAX_BYTES];
    bool capitals = false;
    for (ptrdiff_t i = 0; i < piece.len; i++) {
        capitals |= isupper((unsigned char)piece.at[i]) != 0;
        copy[i] = (char)tolower((unsigned char)piece.at[i]);
    }
    struct str word = { copy, piece.len };
    int bits = word_bits(word), extra = 1 + capitals;
    for (const char *one = "li"; bits < 0 && *one; one++) {
        bool changed = false, letters = false;
        for (ptrdiff_t i = 0; i < piece.len; i++) {
            copy[i] = plain(piece.at[i], *one);
            changed |= copy[i] != tolower((unsigned char)piece.at[i]);
            letters |= isalpha((unsigned char)piece.at[i]) != 0;
        }
        if (changed && letters && (bits = word_bits(word)) >= 0)
            extra++;
    }
    return bits < 0 ? -1 : bits + extra;
}

/* ---- keys ---- */

static bool key_place(char c, int *row, int *column)
{
    static const char *const rows[] = { "1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./" };
    static const char shifted[] = "!@#$%^&*()_+", unshifted[] = "1234567890-=";
    const char *shift = c ? strchr(shifted, c) : NULL;
    char key = shift ? unshifted[shift - shifted] : (char)tolower((unsigned char)c);
    for (*row = 0; key && *row < 4; (*row)++) {
        const char *at = strchr(rows[*row], key);
        if (at) {
            *column = (int)(at - rows[*row]);
            return true;
        }
    }
    return false;
}

/* Keys lie in rows that are each half a key further right. */
static bool are_neighbours(char a, char b)
{
    int row_a, column_a, row_b, column_b;
    if (!key_place(a, &row_a, &column_a) || !key_place(b, &row_b, &column_b))
        return false;
    int down = row_b - row_a, right = column_b - column_a;
    return (down == 0 && right >= -1 && right <= 1) || (down == 1 && (right == 0 || right == -1)) ||
           (down == -1 && (right == 0 || right == 1));
}

static bool is_walk(struct str piece)
{
    for (ptrdiff_t i = 1; i < piece.len; i++)
        if (!are_neighbours(piece.at[i - 1], piece.at[i]))
            return false;
    return piece.len >= WALK_MIN;
}

static bool is_run(struct str piece)
{
    if (piece.len < RUN_MIN)
        return false;
    int step = piece.at[1] - piece.at[0];
    for (ptrdiff_t i = 2; i < piece.len; i++)
        if (piece.at[i] - piece.at[i - 1] != step)
            return false;
    return step >= -1 && step <= 1;
}

static bool is_year(struct str piece)
{
    int64_t year;
    return piece.len == 4 && isdigit((unsigned char)piece.at[0]) && str_to_integer(piece, &year) && year >= 1900 &&
           year < 2060;
}

static double character_cost(char c)
{
    if (isdigit((unsigned char)c))
        return 3.3;
    if (isalpha((unsigned char)c))
        return 4.7;
    return (unsigned char)c < 0x80 ? 5.5 : 4; /* of two to four bytes */
}

/* ---- pieces ---- */

static void offer(double *best, double cost)
{
    if (cost >= 0 && cost < *best)
        *best = cost;
}

double guess_bits(struct str password)
{
    struct str s = str_slice(password, 0, GUESS_MAX_BYTES);
    double best[GUESS_MAX_BYTES + 1] = { 0 }; /* of the first so many bytes */
    for (ptrdiff_t end = 1; end <= s.len; end++) {
        best[end] = best[end - 1] + character_cost(s.at[end - 1]);
        for (ptrdiff_t begin = end - 2; begin >= 0; begin--) {
            struct str piece = str_slice(s, begin, end);
            double length = (double)piece.len, before = best[begin], word = -1;
            if (is_run(piece))
                offer(&best[end], before + 5 + length / 4);
            if (is_walk(piece))
                offer(&best[end], before + 6 + length / 2);
            if (is_year(piece))
                offer(&best[end], before + 6);
            if (piece.len <= begin && str_equal(piece, str_slice(s, begin - piece.len, begin)))
                offer(&best[end], before + 4);
            if (piece.len >= WORD_MIN && (word = word_cost(piece)) >= 0)
                offer(&best[end], before + word);
        }
    }
    return best[s.len > 0 ? s.len : 0];
}
