"""Not Redshift: PostgreSQL behind a proxy that speaks its protocol and interprets Redshift's own statements.

Any client of any process connects to it as to a cluster, with TLS and passwords. It rewrites a statement, refuses it as
Redshift does (PostgreSQL itself raises the error, which aborts the transaction), or runs it itself: COPY reads the
manifest and its objects from an S3 server and loads them in the client's own transaction; UNLOAD writes the rows of a
query to that server. Everything runs at PostgreSQL's serializable level, and a conflict reaches the client as error
1023.

It does not catch: IAM (any role may read), skew, encodings and sort order, WLM and queues, the real timing of 1023,
Redshift's own functions and system tables (`svv_roles`, `sys_load_error_detail` and `getdate` exist), its other types,
its old parser (PostgreSQL takes more), lengths in bytes outside COPY, and how Redshift's security policies treat views.
`warehouse/redshift/test_cluster.py` lists what a real cluster must confirm.
"""
