"""Not Redshift: PostgreSQL behind a proxy that speaks its protocol and interprets Redshift's own statements.

Any client of any process connects to it as to a cluster, with TLS and passwords. It rewrites a statement, refuses it as
Redshift does (PostgreSQL itself raises the error, which aborts the transaction), or runs it itself: COPY reads the
manifest and its objects from an S3 server and loads them in the client's own transaction; UNLOAD writes the rows of a
query to that server. A database is SERIALIZABLE or SNAPSHOT, and a conflict reaches the client as Redshift's error.

Where it is unknown what a cluster does, the emulator does what is hardest for a client: a read-only transaction refuses
temporary tables, `information_schema` leaves out what a role reaches, a repeated GRANT ROLE is an error, LOCK ignores
`statement_timeout`, and views for administrators answer nobody. `recorded` has the answers of real clusters, with
their sources.

It does not catch: IAM (any role may read), skew, encodings and sort order, WLM and queues, the real timing of 1023,
Redshift's own functions and system tables (`svv_roles`, `svv_role_grants`, `sys_load_error_detail` and `getdate`
exist), its other types, its old parser (PostgreSQL takes more), trailing blanks in computed texts, and how Redshift's
security policies treat views. `docs/explanation/unproven.md` lists what a real cluster must confirm.
"""
