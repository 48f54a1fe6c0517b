-- Orders that studies follow from (records/study_order.h), and HL7 messages that were done (order/order.h).
create table study_orders (
    study_id integer primary key references studies(id) on delete cascade,
    placer_order_number text,
    filler_order_number text,
    procedure_code text,
    procedure_text text,
    procedure_scheme text,
    updated_at integer not null
);
create table hl7_messages (
    message_key text not null primary key,
    digest text not null,
    sent_at text not null,
    received_at integer not null
);
create index ix_hl7_messages_received_at on hl7_messages(received_at);
