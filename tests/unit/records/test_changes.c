/* test_changes.c - what becomes of patients and files, done by somebody who acts without a request: what api/ says to
 * clients is asked in tests/api. Nothing of web/ or http/ is linked here. */
#include "doing.h"

#include "records/image_file_change.h"
#include "records/image_file_counts.h"
#include "site/row_counts.h"
#include "base/zone.h"

/* ---- patients ---- */

static bool change_patient(struct call *c, void *context)
{
    struct patient_doing *d = context;
    return patient_change(c, &d->said, d->members, &d->out);
}

static bool merge_patient(struct call *c, void *context)
{
    struct patient_doing *d = context;
    return patient_merge(c, d->id, d->source, &d->out);
}

static void a_patient_is_registered_and_changed(void **state)
{
    (void)state;
    struct patient_doing d;
    int64_t id = a_patient("P1");
    schema_clear(&patient_schema, &d.said);
    d.said.id = id;
    d.said.name = S("李四");
    d.members = member(&patient_schema, "name");
    must(&house.call, done("patient", change_patient, &d));
    assert_str_is(d.out.name, "李四");
    assert_str_is(d.out.patient_id, "P1");
    d.said.birth_date = (struct date){ zone_today().days + 1 };
    assert_refused(done("patient", change_patient, &d), E_INVALID, "in_the_future");
    assert_refused(done("patient", register_patient, &d), E_INVALID, "in_the_future");
    d.said.id = 77;
    assert_refused(done("patient", change_patient, &d), E_NOT_FOUND, NULL);
    assert_int_equal(count_rows("select count(*) from audit_logs where entity = 'patient' and entity_id = patient_id "
                                "and user_id = 5 and detail like '%CT1%'"),
                     2);
}

static void a_deleted_patient_comes_back_unless_the_number_is_taken(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct patient out;
    int64_t id = a_patient("P1");
    assert_refused(patient_restore(c, id, &out), E_NOT_FOUND, NULL);
    must(c, done("patient", delete_patient, &id));
    assert_refused(done("patient", delete_patient, &id), E_NOT_FOUND, NULL);
    must(c, patient_restore(c, id, &out));
    assert_false(out.is_deleted);
    must(c, done("patient", delete_patient, &id));
    a_patient("P1");
    assert_refused(patient_restore(c, id, &out), E_CONFLICT, NULL);
    assert_int_equal(count_rows("select count(*) from patients where is_deleted = 1"), 1);
}

static void of_two_patients_who_were_one_one_stays(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct patient_doing d = { .id = a_patient("P1"), .source = a_patient("P2") };
    struct patient out;
    must(c, done("patient", merge_patient, &d));
    assert_int_equal(d.out.id, d.id);
    assert_refused(done("patient", merge_patient, &d), E_INVALID, "unknown_patient");
    assert_int_equal(count_rows("select merged_into from patients where patient_id = 'P2'"), d.id);
    must(c, patient_restore(c, d.source, &out)); /* it was a mistake */
    assert_int_equal(out.id, d.source);
    assert_int_equal(count_rows("select count(*) from patients where merged_into is not null"), 0);
    d.source = d.id;
    assert_refused(done("patient", merge_patient, &d), E_INVALID, "same_patient");
}

/* ---- files ---- */

static int64_t a_document(void)
{
    struct call *c = &house.call;
    struct upload_details nothing;
    struct image_file row;
    struct spooled *file = house_spool(c, "letter.txt", S("a letter"));
    schema_clear(&upload_details_schema, &nothing);
    audit_action(c, "image_file.upload", "image_file");
    must(c, upload_store(c, file, &nothing, house.who.user_id, &row));
    spool_drop(file);
    return row.id;
}

struct file_doing {
    struct image_file_change said;
    struct image_file out;
    uint64_t members;
    struct texts tags;
};

static bool change_file(struct call *c, void *context)
{
    struct file_doing *d = context;
    return image_file_change(c, &d->said, d->members, &d->out);
}

static bool tag_file(struct call *c, void *context)
{
    struct file_doing *d = context;
    return image_file_tag(c, d->said.file_id, d->tags);
}

static bool delete_file(struct call *c, void *context)
{
    const struct file_doing *d = context;
    return image_file_delete(c, d->said.file_id);
}

static bool restore_file(struct call *c, void *context)
{
    struct file_doing *d = context;
    return image_file_restore(c, d->said.file_id, &d->out);
}

static struct str tag = { "seen", 4 };

static struct file_doing with_file(int64_t id)
{
    struct file_doing d;
    schema_clear(&image_file_change_schema, &d.said);
    d.said.file_id = id;
    d.members = 0;
    d.tags = (struct texts){ &tag, 1 };
    return d;
}

static void a_file_that_is_alone_is_given_to_a_patient(void **state)
{
    (void)state;
    struct file_doing d = with_file(a_document());
    d.said.patient_id = a_patient("P1");
    d.said.modality = S("ct");
    d.members = member(&image_file_change_schema, "patient_id") | member(&image_file_change_schema, "modality");
    must(&house.call, done("image_file", change_file, &d));
    assert_int_equal(d.out.patient_id, d.said.patient_id);
    assert_str_is(d.out.modality, "CT");
    d.said.patient_id = INTEGER_NULL;
    must(&house.call, done("image_file", change_file, &d));
    assert_int_equal(d.out.patient_id, INTEGER_NULL);
    d.said.patient_id = 77;
    assert_refused(done("image_file", change_file, &d), E_INVALID, "unknown_patient");
    d.said.modality = S("KT");
    assert_refused(done("image_file", change_file, &d), E_INVALID, "not_a_modality");
    d = with_file(an_instance()); /* it is where its study is */
    d.said.patient_id = count_rows("select id from patients where patient_id = 'P1'");
    d.members = member(&image_file_change_schema, "patient_id");
    assert_refused(done("image_file", change_file, &d), E_CONFLICT, NULL);
    assert_int_equal(count_rows("select count(*) from audit_logs a join image_files f on f.id = a.entity_id where "
                                "a.action = 'test' and a.entity = 'image_file' and a.user_id = 5"),
                     2);
}

static void a_file_is_tagged_deleted_and_brought_back(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct file_doing d = with_file(an_instance());
    must(c, done("image_file", tag_file, &d));
    assert_refused(done("image_file", restore_file, &d), E_NOT_FOUND, NULL);
    must(c, done("image_file", delete_file, &d));
    assert_refused(done("image_file", tag_file, &d), E_NOT_FOUND, NULL);
    must(c, done("image_file", restore_file, &d));
    assert_str_is(d.out.tags.items[0], "seen");
    must(c, done("image_file", delete_file, &d));
    d = with_file(an_instance()); /* the same again: the place is taken */
    d.said.file_id = count_rows("select min(id) from image_files");
    assert_refused(done("image_file", restore_file, &d), E_CONFLICT, NULL);
    house.who.permissions = 0; /* somebody else */
    house.who.user_id = 6;
    d.said.file_id = count_rows("select max(id) from image_files");
    assert_refused(done("image_file", delete_file, &d), E_NOT_FOUND, NULL);
}

static void files_are_counted_by_kind_and_owner(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct image_file_sums sums;
    struct image_file_overview overview;
    int64_t files, uploads = 0, rows[ROW_KINDS];
    an_instance();
    a_document();
    must(c, image_file_count(c, 5, &(struct counted_files){ 0 }, &files));
    assert_int_equal(files, 2);
    must(c,
         image_file_count(c, 5, &(struct counted_files){ .file_type = FILE_DICOM, .status = FILE_UPLOADED }, &files));
    assert_int_equal(files, 1);
    must(c, image_file_count(c, 6, &(struct counted_files){ 0 }, &files));
    assert_int_equal(files, 0);
    must(c, image_file_sums(c, true, &sums));
    assert_int_equal(sums.total_files, 2);
    assert_int_equal(sums.by_type.count, 2);
    assert_int_equal(sums.by_modality.count, 1);
    must(c, image_file_overview(c, &overview));
    assert_int_equal(overview.files, 2);
    assert_int_equal(overview.bytes, sums.total_size);
    for (ptrdiff_t i = 0; i < overview.uploads_by_day.count; i++)
        uploads += overview.uploads_by_day.items[i].n;
    assert_int_equal(uploads, 2);
    must(c, row_counts(c, rows));
    assert_int_equal(rows[ROWS_USERS], 1);
    for (enum row_kind kind = ROWS_PATIENTS; kind < ROW_KINDS; kind++) {
        must(c, row_count(c, kind, &files));
        assert_int_equal(files, 1);
        assert_int_equal(rows[kind], 1);
    }
    house.who.permissions = 0;
    assert_refused(image_file_sums(c, true, &sums), E_FORBIDDEN, NULL);
    db_release(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_patient_is_registered_and_changed, open_house, close_house),
        cmocka_unit_test_setup_teardown(a_deleted_patient_comes_back_unless_the_number_is_taken, open_house,
                                        close_house),
        cmocka_unit_test_setup_teardown(of_two_patients_who_were_one_one_stays, open_house, close_house),
        cmocka_unit_test_setup_teardown(a_file_that_is_alone_is_given_to_a_patient, open_house, close_house),
        cmocka_unit_test_setup_teardown(a_file_is_tagged_deleted_and_brought_back, open_house, close_house),
        cmocka_unit_test_setup_teardown(files_are_counted_by_kind_and_owner, open_house, close_house),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
