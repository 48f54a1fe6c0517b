-- Programs that are told what happens (webhook/webhook.h), and how far each has been told.
create table webhooks (
    id bigint not null auto_increment primary key,
    url varchar(2000) not null,
    types text,
    secret text not null,
    is_active tinyint not null,
    place bigint not null,
    last_sent_at bigint,
    failing_since bigint,
    last_error text,
    created_by bigint,
    created_at bigint not null,
    updated_at bigint not null,
    constraint fk_webhooks_created_by foreign key (created_by) references users(id)
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
