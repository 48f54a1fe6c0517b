-- How much each webhook has taken, and how often it did not, whichever process told it (webhook/webhook.h).
alter table webhooks add column sent_count integer not null default 0;
alter table webhooks add column failed_count integer not null default 0;
