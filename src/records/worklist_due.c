/* worklist_due.c - REPORT_DUE: "EMERGENCY:CT,MR=1h EMERGENCY=30m *=24h"; the first entry that fits counts. */
#include "records/worklist.h"

#include "records/modality.h"
#include "records/study.h"

struct due_entry {
    struct str care_setting, modalities; /* "*": any; null: any */
    int64_t after_s;
};

static int64_t unit_s(char unit)
{
    return unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 0;
}

/* "30m", "1h", "2d": up to a year. */
static bool read_duration(struct str text, int64_t *out)
{
    int64_t n, unit = text.len ? unit_s(text.at[text.len - 1]) : 0;
    if (!unit || !str_to_integer(str_slice(text, 0, text.len - 1), &n) || n < 1 || n > 365 * 86400 / unit)
        return false;
    *out = n * unit;
    return true;
}

/* The next entry of the list; false: there is none. *reads: it is one. */
static bool next_entry(struct str *list, struct due_entry *out, struct str *entry, bool *reads)
{
    struct str where, duration;
    do {
        if (!str_next(list, ' ', entry))
            return false;
        *entry = str_trim(*entry);
    } while (!entry->len);
    bool has_time = str_cut(*entry, '=', &where, &duration);
    *out = (struct due_entry){ .care_setting = where, .modalities = STR_NULL };
    bool has_modalities = str_cut(where, ':', &out->care_setting, &out->modalities);
    *reads = has_time && read_duration(duration, &out->after_s) && (!has_modalities || out->modalities.len) &&
             (str_equal(out->care_setting, S("*")) || choice_of(care_settings, out->care_setting));
    if (!has_modalities)
        out->modalities = STR_NULL;
    return true;
}

static bool lists(struct str modalities, struct str modality)
{
    if (!modalities.len)
        return true;
    for (struct str one; str_next(&modalities, ',', &one);)
        if (modality_suits(modality, str_trim(one)))
            return true;
    return false;
}

static bool lists_all(struct str modalities, struct str of)
{
    if (!modalities.len || !of.len)
        return !modalities.len;
    for (struct str one; str_next(&of, ',', &one);)
        if (!lists(modalities, str_trim(one)))
            return false;
    return true;
}

/* What one of the entries before it takes it never gets. */
static bool is_covered(struct str list, const struct due_entry *last, struct str last_entry)
{
    struct str entry;
    struct due_entry due;
    bool reads;
    while (next_entry(&list, &due, &entry, &reads) && entry.at != last_entry.at)
        if ((str_equal(due.care_setting, S("*")) || str_equal(due.care_setting, last->care_setting)) &&
            lists_all(due.modalities, last->modalities))
            return true;
    return false;
}

bool worklist_check_due(const struct config *config, struct error *error)
{
    struct str list = config->report_due, entry;
    struct due_entry due;
    bool reads, has_rest = false;
    while (next_entry(&list, &due, &entry, &reads)) {
        if (!reads)
            return error_set(error, E_INVALID, "REPORT_DUE: %.*s is not SETTING=TIME or SETTING:MODALITY,MODALITY=TIME",
                             STR_FMT(entry));
        if (is_covered(config->report_due, &due, entry))
            return error_set(error, E_INVALID,
                             "REPORT_DUE: %.*s would never count, for an entry before it takes all of "
                             "that: the first that fits counts",
                             STR_FMT(entry));
        has_rest = has_rest || (str_equal(due.care_setting, S("*")) && !due.modalities.len);
    }
    return has_rest || error_set(error, E_INVALID, "REPORT_DUE has to end with *=TIME, for all others");
}

struct instant worklist_due(const struct config *config, unsigned care_setting, struct str modality,
                            struct instant clock)
{
    struct str list = config->report_due, entry, setting = choice_text(care_settings, care_setting);
    struct due_entry due;
    bool reads;
    while (next_entry(&list, &due, &entry, &reads))
        if (reads && (str_equal(due.care_setting, S("*")) || str_equal(due.care_setting, setting)) &&
            lists(due.modalities, modality))
            return (struct instant){ clock.us + due.after_s * 1000000 };
    return (struct instant){ clock.us + INT64_C(86400) * 1000000 };
}
