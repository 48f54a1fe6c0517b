/* fuzz_filing.c - what is taken of any file for its patient, study, series and instance: UTF-8, with legal UIDs or
 * the reason why not, and words about what of its header cannot be read. */
#include "site/app.h"
#include "records/filing.h"
#include "measure/header_doubts.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct filing *f)
{
    const struct str texts[] = { f->reason,
                                 f->damage,
                                 f->patient.name,
                                 f->patient.name_en,
                                 f->patient.patient_id,
                                 f->study.study_uid,
                                 f->study.description,
                                 f->series.series_uid,
                                 f->series.description,
                                 f->instance.sop_instance_uid,
                                 f->instance.modality,
                                 f->instance.character_set };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert(str_is_utf8(texts[i]));
    assert(f->reason.at || f->is_directory ||
           (f->study.study_uid.len && f->series.series_uid.len && f->instance.sop_instance_uid.len));
    assert(f->instance.remarks.count <= DICOM_REMARKS_MAX + DOUBTS_MAX);
    for (ptrdiff_t i = 0; i < f->instance.remarks.count; i++)
        assert(f->instance.remarks.items[i].len > 0 && str_is_utf8(f->instance.remarks.items[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct app app;
    static const struct filing_text as_sent = { .sender = 1 }, as_declared = { .charset = { NULL, 0 } };
    struct call c;
    struct filing filing;
    app.config.dicom_charset = size && data[size - 1] & 1 ? S("GB18030") : STR_NULL;
    call_init(&c, &app, NULL);
    if (filing_read_bytes(&c, (struct str){ (const char *)data, (ptrdiff_t)size },
                          size && data[size - 1] & 2 ? &as_sent : &as_declared, &filing))
        check(&filing);
    else
        assert(c.error.code && c.error.message[0]);
    call_release(&c);
    return 0;
}
