/* stored.c - see stored.h. */
#include "site/stored.h"

/* Models that another server runs have no file, and a storage_path that only keeps the column's values apart. */
const struct stored_kind stored_kinds[STORED_KINDS] = {
    [STORED_IMAGE_FILES] = { "image file", "completed/", true, 1,
                             "select id, storage_path, file_size, sha256, is_archived from image_files where id < ? "
                             "and storage_path is not null order by id desc limit 1000",
                             "select 1 from image_files where id = ? and storage_path = ?",
                             "select count(*) from image_files where storage_path is not null",
                             "select storage_path, is_archived from image_files where storage_path is not null",
                             "select 1 from image_files where storage_path = ? limit 1",
                             "select id from image_files where storage_path = ?" },
    [STORED_MODELS] = { "model", "models/", false, 31,
                        "select id, storage_path, size_bytes, digest, 0 from models where id < ? and storage_path like "
                        "'models/%' order by id desc limit 1000",
                        "select 1 from models where id = ? and storage_path = ?",
                        "select count(*) from models where storage_path like 'models/%'",
                        "select storage_path, 0 from models where storage_path like 'models/%'",
                        "select 1 from models where storage_path = ?", "select id from models where storage_path = ?" },
    [STORED_REPORT_PDFS] = { "PDF of a report", "reports/", true, 45,
                             "select id, storage_path, size_bytes, sha256, 0 from report_pdfs where id < ? order by id "
                             "desc limit 1000",
                             "select 1 from report_pdfs where id = ? and storage_path = ?",
                             "select count(*) from report_pdfs", "select storage_path, 0 from report_pdfs",
                             "select 1 from report_pdfs where storage_path = ?",
                             "select id from report_pdfs where storage_path = ?" },
    [STORED_REPORT_EXPORTS] = { "export of reports", "exports/", true, 58,
                                "select id, storage_path, size_bytes, sha256, 0 from report_exports where id < ? and "
                                "storage_path is not null order by id desc limit 1000",
                                "select 1 from report_exports where id = ? and storage_path = ?",
                                "select count(*) from report_exports where storage_path is not null",
                                "select storage_path, 0 from report_exports where storage_path is not null",
                                "select 1 from report_exports where storage_path = ?",
                                "select id from report_exports where storage_path = ?",
                                .forget = "delete from report_exports" },
};

const struct stored_kind *stored_kind_of(struct str key)
{
    for (int i = 0; i < STORED_KINDS; i++)
        if (str_starts(key, str_from(stored_kinds[i].prefix)))
            return &stored_kinds[i];
    return NULL;
}
