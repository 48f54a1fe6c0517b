"""Who may see what is said in one place: every statement of the program that reads studies or files is built from
records/visibility.h, or stands here with the reason why it need not be. A new one fails this test until somebody has
thought about it."""

import re

from support import ROOT

PART = r'"(?:\\.|[^"\\\n])*"|(?:VISIBLE_\w+|IN_SIGHT|STAYS)(?:\([^)]*\))?'
LITERAL = re.compile(rf"(?:{PART})(?:\s*(?:{PART}))*")
COMMENT = re.compile(r'/\*.*?\*/|("(?:\\.|[^"\\\n])*")', re.DOTALL)
TABLES = r"(?:image_files|studies|series|study_\w*assignments)"
READS = re.compile(rf"\b(?:from|join)\s+{TABLES}\b|^\s*where (?:f|s)\.")

# Files that work for the house, not for a caller: nothing they read goes into anybody's answer.
UPKEEP = {
    "records/assignment.c": "changes who sees a study that was loaded",
    "records/invariants.c": "compares all rows with each other, for fsck",
    "records/record_lock.c": "locks; who reads what was locked asks as the caller",
    "records/trash.c": "deletes and restores what was loaded, with all that belongs to it, whoever sees it",
    "records/trash_work.c": "the same, in slices",
    "site/stored.c": "which rows name which files, for backup, restoring, fsck and starts",
    "upkeep/fsck.c": "compares every row with its file",
    "records/keeping.c": "of rows that were loaded: where their bytes are, and who shares them",
    "upkeep/purge.c": "removes what is older than the trash may be",
    "upkeep/recover.c": "mends what a crash left",
    "records/file_event.h": "tells of files that were loaded, or that go with what was; who hears of it is asked later",
    "imaging/thumbnails.c": "makes thumbnails of what is stored",
    "imaging/thumbnail_job.c": "the same",
    "records/worklist.c": "keeps what waits to be read; who sees it is asked by reports/work.c",
    "records/renewal.c": "makes the search words of every record anew, whoever sees it",
}
# (file, how the statement begins): why it asks for more than a caller may see, and where the caller's right is looked
# at.
ELSEWHERE = {
    ("program/program_take.c", "select count(*) from image_files f where f.study_id"): "has a job filed something",
    ("program/program_run.c", "select x.series_uid from series x"): "the series of a file that the asker sees",
    ("program/program_ask.c", "and f.series_id in (select x.id from series x"): "within the study that the asker sees",
    ("imaging/image_state.c", "where f.id = ? and f.status"): "the file whose status has just changed",
    ("records/image_file_move.c", "where f.sha256 = ? and f.storage_path"): "the files that have just moved",
    ("records/filing.c", "select patient_id from studies where id"): "looks again under the lock",
    ("records/filing.c", "select id, created_by from series where study_id"): "within the study that a file belongs to",
    ("records/filing_again.c", "where f.id = ? and {IN_SIGHT"): "looks again under the lock",
    ("records/filing.c", "select created_by from studies where id"): "the study ordered for the file's patient",
    ("records/study_order.c", "where s.id = ?"): "the study that a file has just been placed in",
    (
        "records/image_file_counts.c",
        "select count(*) from image_files f where {IN_SIGHT",
    ): "counts of everything, for system.read",
    ("records/filing_text.c", "where s.id = ?"): "the study of a file that was loaded to be changed",
    ("api/study_list.c", "study_modalities k cross join studies s"): "for those who see all studies",
    ("records/study_view.c", "select x.body_part from series"): "for those who see all files of the study",
    (
        "records/filing_instance.c",
        "select f.id from image_files f where f.series_id = ? and f.is_deleted = 0 and f.is_inst",
    ): "takes a place, whoever sees it",
    (
        "records/filing_instance.c",
        "where f.series_id = ? and f.sop_instance_uid = ? and f.is_instance",
    ): "asks then whether the caller sees it",
    ("records/filing_instance.c", "select id from series where study_id"): "within a study that the sender sees",
    ("records/series.c", "select study_id from series"): "whose study is then loaded as the caller sees it",
    ("records/series.c", "select number_of_instances from series"): "for those who see all files of the study",
    ("parcel/study_archive.c", "where f.study_id = ?"): "the study was loaded",
    ("parcel/study_archive.c", "select x.id, x.series_uid"): "series of a study that was loaded",
    (
        "parcel/study_archive.c",
        "f.instance_number, f.instance_number is null",
    ): "the caller's own where they do not see all",
    (
        "intake/upload.c",
        "where f.id = ?",
    ): "the row that was just inserted, or is the same instance, which filing found for the caller",
    ("intake/upload_assembly.c", "select id from image_files where id"): "locks an upload that was loaded",
    (
        "intake/upload_assembly.c",
        "select 1 from image_files where id = ? and storage_path",
    ): "did its own commit come through",
    ("intake/upload_chunks.c", "select 1 from image_files where id"): "the same, and is it still under way",
    ("intake/upload_chunks.c", "where f.file_uuid = ?"): "compared with the caller by chunked_load",
    ("intake/upload_chunks.c", "delete from image_files where id"): "an upload that was loaded",
    (
        "intake/upload_chunks.c",
        "where f.is_deleted = 0 and f.status = 'UPLOADING'",
    ): "forgotten uploads, removed by the clock",
    ("intake/upload_chunks.c", "select id from image_files where id"): "locks an upload that was loaded",
    ("diagnosis/diagnosis.c", "(select f.study_id from image_files f where f.id = d.image_file_id"): (
        "diagnosis_load and diagnosis_in_sight ask whether the caller sees the file"
    ),
    ("diagnosis/diagnosis_ask.c", "select id from image_files where id"): "locks one that is then loaded",
    ("api/diagnosis.c", "d.image_file_id in (select i.id"): "beside diagnosis_in_sight",
    ("reports/report.h", "left join studies s on s.id = r.study_id left join report"): "a report's study",
    ("reports/work.c", "left join studies s on s.id = q.study_id"): "the study of a row that work_ask has chosen",
    ("reports/turnaround.c", "left join studies s on s.id = r.study_id left join"): "with REPORT_SEEN",
    ("reports/report_act.c", "update reports set arrived_at"): "when the study of a report that was loaded came",
    ("api/report_work.c", "exists (select 1 from study_department_assignments g"): "among the rows that one sees",
    ("diagnosis/critical.c", "select coalesce(f.study_id, 0)"): "locks the study of a result that is judged",
    ("reports/report_subject.c", "select file_uuid, sop_instance_uid, sha256"): "what a signature is of: digests",
    ("reports/report_subject.c", "select id from image_files where id = ?"): "has a purge taken annotations along",
    ("reports/report_dicom_parts.h", "(o.stored_at is not null"): "is a report's own document there",
    ("reports/report_dicom.c", "select f.sop_class_uid"): "what a report that was loaded refers to: UIDs",
    ("reports/report_dicom_store.c", "select p.patient_id"): "the study of a report that was loaded to be stored",
    ("reports/report_subject.c", "select p.patient_id, p.issuer_of_patient_id"): "of a report that was loaded",
    ("reports/report_subject.c", "select study_uid, accession_number"): "the same",
    ("reports/report_sign.c", "select 1 from studies"): "is the study of a report that was loaded there",
    ("reports/report_pdf_kept.c", "select 1 from image_files where id"): "is one that is not seen there at all",
    ("reports/report_sources.c", "select count(*) from image_files"): "is what the report shows there; counted",
    ("reports/draft_standing.c", "select n.id from diagnoses d join"): "what the report goes by, compared with it",
    ("reports/draft_standing.c", "select count(*) from image_files"): "the same; counted",
    ("reports/report_verify.c", "select file_uuid, sha256 from image_files"): "compared with the signed; counted",
    ("reports/report_verify.c", "select patient_id from studies where id"): "whose it is now; compared with the signed",
    ("reports/report_choose.h", "r.study_id in (select t.id from studies t"): "beside report_scopes",
    ("reports/draft_findings.c", "select d.id from image_files i join diagnoses d"): "with diagnosis_in_sight",
    ("api/report_recommendation.c", "studies t cross join reports r"): "with recommendation_in_sight",
    ("reports/late_result.c", "left join reports r on r.id = k.report_id"): "with report_in_sight; names by its veil",
    ("reports/late_result.h", "k.status = 'OPEN' and (select count(*) from diagnoses"): "does its image still count",
    ("reports/late_result_ask.c", "select f.study_id from diagnoses d join"): "of which study a new result is",
    ("reports/recommendation.c", "left join reports r on r.id = k.report_id"): "the same; names by its veil",
    ("reports/recommendation.c", "(select t.id from studies t where t.id"): "is it there; who is told, its veil says",
    ("reports/recommendation_act.c", "select 1 from studies o join studies s"): "with VISIBLE_STUDY, if it has images",
    ("reports/recommendation_parts.h", "exists (select 1 from image_files f where"): "that",
    ("reports/recommendation_job.c", "join reports r on r.id = k.report_id"): "whoever brought what closes one",
    ("reports/recommendation_job.c", "select k.report_id, r.study_id"): "the same",
    ("reports/recommendation_job.c", "select k.id, k.remind_after from"): "is the reported study there",
    ("reports/recommendation_job.c", "exists (select 1 from series x"): "the same",
    ("reports/recommendation_job.c", "o.is_deleted = 0 and s.is_deleted = 0"): "the same; its veil says who is told",
    ("reports/recommendation_job.c", "reports r join studies o on"): "the same",
    ("reports/report.c", "exists (select 1 from reports r left join studies s"): "with REPORT_SEEN",
    ("reports/report.c", "select r.id from studies t join studies s"): "the same",
    ("reports/report.c", "join reports r on r.study_id = s.id where t.id"): "its end",
    ("diagnosis/opinions.c", "select d.id from image_files i join diagnoses d"): "with diagnosis_in_sight",
    ("diagnosis/diagnosis_ask.c", "where f.id = ? and {IN_SIGHT"): "a rule asks, whoever sees it; who reads is asked",
    ("program/program_ask.c", "select id from studies where id = ?"): "locks the study of files that were looked at",
    ("rule/rule_match.c", "coalesce(f.study_date, s.study_date) from image_files"): "the same; a trial sees less",
    ("rule/rule_match.c", "where f.id = ? and {IN_SIGHT"): "the same",
    ("rule/rule_run.c", "select count(*) from diagnosis_rules r join studies"): "has a study come whole",
    ("rule/rule_run.c", "select max(coalesce(f.uploaded_at"): "the same",
    ("diagnosis/diagnosis_run.c", "where f.id = ? and {IN_SIGHT"): "whoever asked saw it; who reads is asked again",
    ("intake/import.c", "where f.sha256 = ? and f.uploaded_by"): "has this account these bytes already",
}


def statements():
    for path in sorted((ROOT / "src").glob("*/*.[ch]")):
        text = COMMENT.sub(lambda m: m.group(1) or " ", path.read_text())
        for found in LITERAL.finditer(text):
            sql = re.sub(
                r"(VISIBLE_\w+|IN_SIGHT|STAYS)(\([^)]*\))?",
                lambda m: '"{' + re.sub(r'["\s]', "", m.group(0)) + '}"',
                found.group(0),
            )
            yield f"{path.parent.name}/{path.name}", "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', sql)).strip()


def is_explained(name, sql):
    return name in UPKEEP or any(name == file and sql.startswith(begin) for file, begin in ELSEWHERE)


def test_every_statement_goes_through_visibility():
    own = ("records/visibility.", "records/visibility_")
    reads = [(n, s) for n, s in statements() if READS.search(s) and not n.startswith(own)]
    assert sum("{VISIBLE_" in sql for _, sql in reads) >= 6
    loose = [(name, sql) for name, sql in reads if "{VISIBLE_" not in sql and not is_explained(name, sql)]
    assert loose == [], "build it from records/visibility.h, or say in ELSEWHERE why not"


def test_the_list_of_exceptions_is_not_older_than_the_program():
    seen = list(statements())
    assert [key for key in ELSEWHERE if not any(n == key[0] and s.startswith(key[1]) for n, s in seen)] == []


def test_lists_of_studies_and_files_take_their_scopes_from_visibility():
    """A list has no WHERE of its own to look at: the file that shows rows of these tables asks for their scopes."""
    for path in sorted((ROOT / "src").glob("*/*.c")):
        text = path.read_text()
        if re.search(r"\.row = &(?:image_file|study)_schema", text):
            assert re.search(r"visibility_(?:file|study|instance)_scopes|visibility_own_files", text), path.name


def test_nobody_else_asks_who_a_study_is_assigned_to():
    loose = [
        (name, sql)
        for name, sql in statements()
        if re.search(r"\b(?:from|join) study_\w*assignments", sql)
        and not name.startswith(("records/visibility.", "records/visibility_"))
        and not is_explained(name, sql)
    ]
    assert loose == []


def test_rights_to_everything_are_asked_for_in_one_place():
    asked = [p.name for p in sorted((ROOT / "src").glob("*/*.c")) if "MAY_READ_ALL_IMAGES" in p.read_text()]
    assert set(asked) <= {"visibility.c", "permission.c", "principal.c", "image_file_counts.c"}, asked


# Statements about files of a study, a series or a patient that was found in sight: these are marked before any of their
# files.
WITHIN = {
    "records/filing_instance.c": "the series that a file is filed in",
    "parcel/study_archive.c": "the study was loaded",
    "records/image_file.c": "a column of a file that was found",
    "intake/upload_chunks.c": "forgotten uploads, removed by the clock",
    "reports/report_dicom_store.c": "the study of a report that was loaded: whose files are in it",
}


def test_files_that_follow_something_deleted_are_out_of_sight():
    """Between the deletion of a patient and the mark on the last of its files (src/records/trash_work.h) a file's own
    row is not to be asked alone."""
    alone = [
        (name, sql)
        for name, sql in statements()
        if re.search(r"\bf\.(is_deleted = 0|deleted_at is null)", sql)
        and name not in UPKEEP
        and name not in WITHIN
        and not name.startswith(("records/visibility.", "records/visibility_"))
    ]
    assert alone == []
