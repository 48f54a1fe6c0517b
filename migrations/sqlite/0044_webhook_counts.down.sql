alter table webhooks drop column failed_count;
alter table webhooks drop column sent_count;
