-- Programs that are told what happens (webhook/webhook.h), and how far each has been told.
create table webhooks (
    id integer primary key autoincrement,
    url text not null,
    types text,
    secret text not null,
    is_active integer not null,
    place integer not null,
    last_sent_at integer,
    failing_since integer,
    last_error text,
    created_by integer references users(id),
    created_at integer not null,
    updated_at integer not null
);
