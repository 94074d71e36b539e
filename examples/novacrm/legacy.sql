-- NovaCRM's MVP: hand-written SQL on SQLite, as it grew.

CREATE TABLE accounts (
  id             TEXT PRIMARY KEY NOT NULL,
  name           TEXT NOT NULL,
  vat            TEXT UNIQUE,
  country        TEXT NOT NULL,
  segment        TEXT NOT NULL DEFAULT 'smb' CHECK (segment IN ('startup', 'smb', 'enterprise')),
  annual_revenue TEXT,
  website        TEXT,
  created_at     DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  updated_at     DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);

CREATE TABLE contacts (
  contact_id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id TEXT REFERENCES accounts (id),
  email      TEXT NOT NULL UNIQUE,
  full_name  TEXT NOT NULL,
  phone      TEXT,
  consent    BOOLEAN NOT NULL DEFAULT 0 CHECK (consent IN (0, 1)),
  score      INTEGER NOT NULL DEFAULT 0,
  tags       TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
  notes      TEXT,
  created_at DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  updated_at DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE INDEX contacts_account ON contacts (account_id);

CREATE TABLE deals (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id TEXT NOT NULL REFERENCES accounts (id),
  title      TEXT NOT NULL,
  stage      TEXT NOT NULL DEFAULT 'lead' CHECK (stage IN ('lead', 'qualified', 'in negotiation', 'won', 'lost')),
  amount     DECIMAL(14, 2) NOT NULL DEFAULT 0,
  currency   TEXT NOT NULL DEFAULT 'EUR',
  closes_on  DATE,
  details    JSON,
  created_at DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  updated_at DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE INDEX deals_account ON deals (account_id);

CREATE TABLE deal_contacts (
  deal     INTEGER NOT NULL REFERENCES deals (id),
  contact  INTEGER NOT NULL REFERENCES contacts (contact_id),
  role     TEXT NOT NULL DEFAULT 'participant',
  weight   NUMERIC NOT NULL DEFAULT 1,
  added_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
  PRIMARY KEY (deal, contact)
) WITHOUT ROWID;

CREATE TABLE tasks (
  id         TEXT PRIMARY KEY NOT NULL,
  deal_id    INTEGER REFERENCES deals (id),
  title      TEXT NOT NULL,
  body       TEXT,
  due_on     DATE,
  done       BOOLEAN NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
  priority   INTEGER NOT NULL DEFAULT 0,
  owner      TEXT,
  created_at DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  updated_at DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);

CREATE VIEW pipeline AS
  SELECT stage, count(*) AS deals, round(sum(amount), 2) AS amount FROM deals GROUP BY stage;
