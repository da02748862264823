-- What was done with one object, newest first: the history that a finding shows.

CREATE INDEX audit_object ON audit (object, id);
