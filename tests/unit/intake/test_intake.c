/* test_intake.c - the ways in of files, taken by somebody who acts without a request: what api/ and dicomweb/ say to
 * clients is asked in tests/api. Nothing of web/ or http/ is linked here. */
#include "house.h"

#include "intake/instance_store.h"
#include "intake/upload_batch.h"
#include "intake/upload_chunks.h"
#include "records/filing_again.h"
#include "records/image_file_action.h"
#include "records/image_file_move.h"

enum { CHUNK = CHUNK_BYTES_MIN, LAST = 1000, BYTES = 2 * CHUNK + LAST };

static struct house house;

static int open_house(void **state)
{
    house = (struct house){ 0 };
    if (folder_setup(state))
        return -1;
    house_open(&house, *state);
    return 0;
}

static int close_house(void **state)
{
    house_close(&house);
    return folder_teardown(state);
}

/* ---- chunks ---- */

struct beginning {
    struct chunked_plan plan;
    struct image_file file;
};

static bool begin(struct call *c, void *context)
{
    struct beginning *b = context;
    struct upload_details nothing;
    schema_clear(&upload_details_schema, &nothing);
    audit_action(c, "image_file.upload_begin", "image_file");
    return chunked_begin(c, &b->plan, &nothing, &b->file) && audit_change(c);
}

static bool send_chunk(struct call *c, const struct image_file *file, struct str bytes, int64_t n)
{
    int64_t progress;
    struct spooled *spooled = house_spool(c, "chunk", str_slice(bytes, n * CHUNK, n < 2 ? (n + 1) * CHUNK : bytes.len));
    bool kept = chunked_check_size(c, file, n, spooled->size_bytes) && chunked_keep(c, file, n, spooled, &progress);
    spool_drop(spooled);
    return kept;
}

static void an_upload_in_chunks_needs_no_request(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct integers missing;
    struct image_file file;
    struct beginning b = { .plan = { S("a.bin"), BYTES, INTEGER_NULL, CHUNK, STR_NULL } };
    char *bytes = arena_alloc(&c->arena, BYTES);
    memset(bytes, 'x', BYTES);
    must(c, db_transact(c, begin, &b));
    assert_int_equal(b.file.total_chunks, 3);
    must(c, send_chunk(c, &b.file, (struct str){ bytes, BYTES }, 2));
    assert_false(chunked_complete(c, b.file.file_uuid, &file, &missing));
    assert_int_equal(c->error.code, E_CONFLICT);
    assert_str_is(chunked_numbers_text(c, missing), "[0,1]");
    error_clear(&c->error);
    for (int64_t n = 0; n < 2; n++)
        must(c, send_chunk(c, &b.file, (struct str){ bytes, BYTES }, n));
    audit_action(c, "image_file.upload", "image_file");
    for (int times = 0; times < 2; times++) {
        must(c, chunked_complete(c, b.file.file_uuid, &file, &missing));
        assert_int_equal(missing.count, 0);
        assert_int_equal(file.status, FILE_UPLOADED);
        assert_true(blob_exists(house.app.files, file.storage_path));
    }
    assert_false(chunked_cancel(c, b.file.file_uuid));
    assert_int_equal(c->error.code, E_CONFLICT);
    assert_int_equal(house_count(c, "select count(*) from upload_chunks"), 0);
    assert_int_equal(house_count(c, "select count(*) from audit_logs where user_id = 5 and detail like '%CT1%'"), 2);
}

static void an_upload_that_is_cancelled_leaves_nothing(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct beginning b = { .plan = { S("a.bin"), BYTES, 2, INTEGER_NULL, STR_NULL } };
    must(c, db_transact(c, begin, &b));
    audit_action(c, "image_file.upload_cancel", "image_file");
    must(c, chunked_cancel(c, b.file.file_uuid));
    assert_false(chunked_cancel(c, b.file.file_uuid));
    assert_int_equal(c->error.code, E_NOT_FOUND);
    assert_int_equal(house_count(c, "select count(*) from image_files"), 0);
}

/* ---- instances ---- */

static enum instance_failure store(struct call *c, struct str bytes, const char *study, struct instance_outcome *out)
{
    struct spooled *file = house_spool(c, "instance", bytes);
    audit_action(c, "image_file.upload", "image_file");
    instance_store(c, file, str_from(study), out);
    spool_drop(file);
    assert_int_equal(c->error.code, E_NONE);
    return out->reason;
}

static void an_instance_is_stored_or_refused_with_its_reason(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct instance_outcome outcome;
    struct str bytes = house_sample(c, "dicom/petct-ct.dcm");
    assert_int_equal(store(c, bytes, "1.2.3", &outcome), REASON_WRONG_STUDY);
    assert_true(outcome.instance_uid.len > 0);
    assert_int_equal(store(c, S("no DICOM file"), "", &outcome), REASON_NOT_UNDERSTOOD);
    assert_true(str_is_null(outcome.instance_uid));
    assert_int_equal(store(c, S(""), "", &outcome), REASON_NOT_UNDERSTOOD);
    assert_int_equal(house_count(c, "select count(*) from image_files where is_instance = 1"), 0);
    for (int times = 0; times < 2; times++) /* again is known, not twice */
        assert_int_equal(store(c, bytes, "", &outcome), REASON_NONE);
    assert_int_equal(house_count(c, "select count(*) from image_files where is_instance = 1"), 1);
    assert_int_equal(house.thumbnails, 2); /* of the instance, and of what was no DICOM file */
}

/* ---- many ---- */

struct told {
    struct call *call;
    int stored, refused;
    struct str names[8];
};

static void tell(void *context, struct str name, struct image_file *stored)
{
    struct told *told = context;
    told->names[told->stored + told->refused] = name;
    if (stored)
        told->stored++;
    else
        told->refused++;
    assert_true(stored || told->call->error.code == E_INVALID);
}

static void each_file_of_many_is_told_of_in_order(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct upload_details nothing;
    struct told told = { .call = c };
    struct spooled *files = house_spool(c, "one.bin", S("1"));
    files->next = house_spool(c, "empty.bin", S(""));
    files->next->next = house_spool(c, "folder/two.bin", S("2"));
    schema_clear(&upload_details_schema, &nothing);
    audit_action(c, "image_file.upload_batch", "image_file");
    upload_batch_store(c, files, &nothing, tell, &told);
    assert_int_equal(c->error.code, E_NONE);
    assert_int_equal(told.stored, 2);
    assert_int_equal(told.refused, 1);
    assert_str_is(told.names[0], "one.bin");
    assert_str_is(told.names[1], "empty.bin");
    assert_str_is(told.names[2], "two.bin");
}

/* ---- what is stored ---- */

static int decoded;

static bool decode(struct call *c, const struct image_file *file)
{
    (void)c;
    assert_int_equal(file->status, FILE_FAILED);
    decoded++;
    return true;
}

static bool fail_picture(struct call *c, void *context)
{
    (void)context;
    return db_execute(c, "update image_files set status = 'FAILED', status_reason = 'no picture'");
}

static void a_stored_file_moves_and_is_filed_again(void **state)
{
    (void)state;
    struct call *c = &house.call;
    struct instance_outcome outcome;
    struct image_file file;
    struct texts tags = { (struct str[]){ S("seen") }, 1 };
    assert_int_equal(store(c, house_sample(c, "dicom/petct-ct.dcm"), "", &outcome), REASON_NONE);
    int64_t id = house_count(c, "select id from image_files");
    audit_action(c, "image_file.archive", "image_file");
    must(c, image_file_archive(c, id, &file));
    assert_int_equal(file.status, FILE_ARCHIVED);
    assert_true(blob_exists(house.app.archive, file.storage_path) && !blob_exists(house.app.files, file.storage_path));
    assert_false(filing_again(c, id, decode, &file));
    assert_int_equal(c->error.code, E_CONFLICT);
    error_clear(&c->error);
    must(c, image_file_unarchive(c, id, &file));
    assert_true(blob_exists(house.app.files, file.storage_path) && !blob_exists(house.app.archive, file.storage_path));
    must(c, image_file_act(c, id, ACTION_TAG, tags));
    must(c, db_transact(c, fail_picture, NULL));
    must(c, filing_again(c, id, decode, &file));
    assert_int_equal(decoded, 1);
    must(c, image_file_act(c, id, ACTION_DELETE, tags));
    assert_false(image_file_act(c, id, ACTION_TAG, tags));
    assert_int_equal(c->error.code, E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_upload_in_chunks_needs_no_request, open_house, close_house),
        cmocka_unit_test_setup_teardown(an_upload_that_is_cancelled_leaves_nothing, open_house, close_house),
        cmocka_unit_test_setup_teardown(an_instance_is_stored_or_refused_with_its_reason, open_house, close_house),
        cmocka_unit_test_setup_teardown(each_file_of_many_is_told_of_in_order, open_house, close_house),
        cmocka_unit_test_setup_teardown(a_stored_file_moves_and_is_filed_again, open_house, close_house),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
