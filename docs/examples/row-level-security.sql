-- One state's office sees only the arrivals with an address in that state. Replace NY and the names by those of the
-- office, and run this as an administrator after `i94 create-tables`.
--
-- With row-level security on, a user without a policy sees no row. Everyone else who reads the fact therefore gets a
-- policy that passes every row. The loader is exempt, because it deletes and counts the rows that it replaces.

CREATE ROLE i94_office_ny;

GRANT ROLE i94_reader TO ROLE i94_office_ny;

CREATE RLS POLICY i94_of_ny WITH (i94addr VARCHAR(2)) USING (i94addr = 'NY');

CREATE RLS POLICY i94_every_row USING (true);

ATTACH RLS POLICY i94_of_ny ON i94.immigration TO ROLE i94_office_ny;

ATTACH RLS POLICY i94_every_row ON i94.immigration TO ROLE i94_reader;

ATTACH RLS POLICY i94_every_row ON i94.immigration TO ROLE i94_analyst;

GRANT IGNORE RLS TO ROLE i94_loader;

ALTER TABLE i94.immigration ROW LEVEL SECURITY ON;

-- The office reads the fact itself for its state, with the personal columns.
GRANT SELECT ON i94.immigration TO ROLE i94_office_ny;
