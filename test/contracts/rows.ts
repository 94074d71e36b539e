import type { Row, Value } from '../../src/domain/values.ts';
import type { Table } from '../../src/stores/contract.ts';

/** A whole row: the given columns, and null in all others. */
export function rowOf(table: Table, given: Row): Row {
  return Object.fromEntries(table.spec.columns.map(({ name }) => [name, given[name] ?? null]));
}

/** A row with null in the columns that it lacks: where a record need not have every member, a missing one is no value. */
export function filled(table: Table, row: Row | null | undefined): Row {
  return rowOf(table, row ?? {});
}

/** Whole rows of `things` with the keys uuid(1), uuid(2), … */
export function thingsOf(table: Table, given: Row[]): Row[] {
  return given.map((row, index) => rowOf(table, { id: uuid(index + 1), name: `thing ${index + 1}`, ...row }));
}

/** The same row with timestamps that a store of milliseconds can hold. */
export function withoutMicroseconds(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.replace(/(T[\d:]+\.\d{3})\d{3}Z$/, '$1Z') : value,
    ]),
  );
}

export function countersOf(ids: readonly number[]): Row[] {
  return ids.map((id) => ({ id, label: `counter ${id}`, value: id % 7 }));
}

/** 0 … length - 1 in an order that is mixed and always the same. */
export function mixed(length: number): number[] {
  // 7919 is prime, so that every number is met once unless it divides the length.
  return Array.from({ length }, (_, index) => (index * 7919) % length);
}

/** The columns that were given, of a row that was answered. */
export function pick(row: Row | null | undefined, columns: Row): Record<string, Value | undefined> {
  return Object.fromEntries(Object.keys(columns).map((name) => [name, row?.[name]]));
}

/** A UUID made of a number: greater numbers are greater UUIDs. */
export function uuid(number: number): string {
  const hex = number.toString(16).padStart(8, '0');
  return `${hex}-0000-4000-8000-000000000000`;
}
