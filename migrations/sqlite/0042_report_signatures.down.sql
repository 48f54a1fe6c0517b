drop table report_signatures;
drop table signing_keys;
drop table signing_authority;
drop table signing_authority_lock;
