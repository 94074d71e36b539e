/** A name of the database, quoted. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A table's name, quoted; `schema.table` is taken as a table of another schema. */
export function quoteTable(name: string): string {
  return name.split('.').map(quote).join('.');
}
