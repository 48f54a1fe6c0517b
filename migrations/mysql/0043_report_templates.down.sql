drop table report_macros;
drop table report_template_versions;
drop table report_templates;
