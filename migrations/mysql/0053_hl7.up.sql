-- Orders that studies follow from (records/study_order.h), and HL7 messages that were done (order/order.h).
create table study_orders (
    study_id bigint not null primary key,
    placer_order_number varchar(64),
    filler_order_number varchar(64),
    procedure_code varchar(64),
    procedure_text varchar(200),
    procedure_scheme varchar(64),
    updated_at bigint not null,
    constraint fk_study_orders_study foreign key (study_id) references studies(id) on delete cascade
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create table hl7_messages (
    message_key varchar(64) not null primary key,
    digest varchar(64) not null,
    sent_at varchar(64) not null,
    received_at bigint not null
) engine=InnoDB default charset=utf8mb4 collate=utf8mb4_bin;
create index ix_hl7_messages_received_at on hl7_messages(received_at);
