create index ix_sign_in_networks_last_at on sign_in_networks(last_at);
