import pg from 'pg';

/** A login role. */
export interface Account {
  user: string;
  password: string;
}

/** The accounts of a new database (E8): who migrates, who reads and writes, who only reads. */
export interface Accounts {
  owner: Account;
  gateway: Account;
  reports: Account;
}

/** Runs statements on a connection of their own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // An error outside of a query (the server stops) is told by the next query.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * Makes the login roles, without any right, and the database that belongs to the owner; both only where missing. The
 * owner's migrations grant the other two what they may do.
 */
export async function makeDatabase(client: pg.Client, database: string, accounts: Accounts): Promise<void> {
  for (const account of Object.values(accounts) as Account[]) await makeLogin(client, account);
  const name = client.escapeIdentifier(database);
  const owner = client.escapeIdentifier(accounts.owner.user);
  const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [database]);
  if (found.rowCount === 0) await client.query(`CREATE DATABASE ${name} OWNER ${owner}`);
  await client.query(`REVOKE CREATE, TEMPORARY ON DATABASE ${name} FROM PUBLIC`);
}

async function makeLogin(client: pg.Client, account: Account): Promise<void> {
  const name = client.escapeIdentifier(account.user);
  const found = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [account.user]);
  const verb = found.rowCount === 0 ? 'CREATE' : 'ALTER';
  await client.query(`${verb} ROLE ${name} LOGIN PASSWORD ${client.escapeLiteral(account.password)}`);
}
