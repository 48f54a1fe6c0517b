/* endpoints.c - every table of endpoints, by hand. */
#include "server/endpoints.h"

#include "diagnosis/diagnosis.h"
#include "records/record_lock.h"
#include "reports/critical.h"
#include "reports/late_result.h"
#include "reports/recommendation.h"
#include "reports/report_export.h"

#include <string.h>

/* In the order of the documentation. */
#define TABLES(X) \
    X(auth_endpoints) \
    X(session_endpoints) \
    X(api_key_endpoints) \
    X(user_endpoints) \
    X(patient_endpoints) \
    X(patient_history_endpoints) \
    X(study_list_endpoints) \
    X(study_endpoints) \
    X(assignment_endpoints) \
    X(series_endpoints) \
    X(instance_endpoints) \
    X(study_archive_endpoints) \
    X(upload_endpoints) \
    X(upload_batch_endpoints) \
    X(upload_chunked_endpoints) \
    X(stow_endpoints) \
    X(image_file_list_endpoints) \
    X(image_file_endpoints) \
    X(image_file_move_endpoints) \
    X(filing_endpoints) \
    X(image_endpoints) \
    X(thumbnail_endpoints) \
    X(annotation_endpoints) \
    X(measurement_endpoints) \
    X(model_endpoints) \
    X(served_model_endpoints) \
    X(diagnosis_endpoints) \
    X(diagnosis_dicom_endpoints) \
    X(diagnosis_figures_endpoints) \
    X(diagnosis_mask_endpoints) \
    X(diagnosis_measure_endpoints) \
    X(diagnosis_rule_endpoints) \
    X(study_findings_endpoints) \
    X(program_endpoints) \
    X(report_endpoints) \
    X(report_list_endpoints) \
    X(report_act_endpoints) \
    X(report_sign_endpoints) \
    X(report_out_endpoints) \
    X(report_export_endpoints) \
    X(report_public_endpoints) \
    X(report_template_endpoints) \
    X(report_critical_endpoints) \
    X(report_recommendation_endpoints) \
    X(report_late_result_endpoints) \
    X(report_macro_endpoints) \
    X(report_work_endpoints) \
    X(report_stats_endpoints) \
    X(report_peer_endpoints) \
    X(system_endpoints) \
    X(backup_endpoints) \
    X(job_endpoints) \
    X(import_endpoints) \
    X(event_endpoints) \
    X(webhook_endpoints) \
    X(health_endpoints) \
    X(document_endpoints)

#define DECLARE(name) extern const struct endpoint_table name;
TABLES(DECLARE)

#define ADDRESS(name) &name,
static const struct endpoint_table *const tables[] = { TABLES(ADDRESS) };

/* What belongs to a study is locked after it, as by whoever acts on it; of the rest record_lock.h has the rule. */
static bool lock(struct call *c, const char *table, int64_t id)
{
    static const struct {
        const char *table;
        bool (*lock)(struct call *c, int64_t id);
    } own[] = { { "reports", report_hold_with_study },
                { "recommendations", recommendation_hold_with_study },
                { "late_results", late_result_hold_with_study },
                { "critical_results", critical_lock },
                { "report_exports", report_export_hold_with_job },
                { "diagnoses", diagnosis_hold_with_study } };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (!strcmp(own[i].table, table))
            return own[i].lock(c, id);
    return lock_record(c, table, id);
}

const struct service endpoints_served = { .tables = tables,
                                          .count = (int)(sizeof(tables) / sizeof(tables[0])),
                                          .lock = lock };
