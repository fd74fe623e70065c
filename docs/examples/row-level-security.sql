-- One state's office sees the arrivals that gave an address in that state, and no others. Run it as an administrator,
-- after `i94 create-tables`, with NY and the names replaced by the office's own.
--
-- With row-level security on, whoever no policy is attached to sees no row at all. So everyone else who reads the fact
-- gets a policy that lets every row pass, and the loader is exempt: it deletes and counts what it replaces.

CREATE ROLE i94_office_ny;

GRANT ROLE i94_reader TO ROLE i94_office_ny;

CREATE RLS POLICY i94_of_ny WITH (i94addr VARCHAR(2)) USING (i94addr = 'NY');

CREATE RLS POLICY i94_every_row USING (true);

ATTACH RLS POLICY i94_of_ny ON i94.immigration TO ROLE i94_office_ny;

ATTACH RLS POLICY i94_every_row ON i94.immigration TO ROLE i94_reader;

ATTACH RLS POLICY i94_every_row ON i94.immigration TO ROLE i94_analyst;

GRANT IGNORE RLS TO ROLE i94_loader;

ALTER TABLE i94.immigration ROW LEVEL SECURITY ON;

-- The office reads the fact itself, of its state, personal columns included.
GRANT SELECT ON i94.immigration TO ROLE i94_office_ny;
