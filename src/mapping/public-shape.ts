import type { VersionSettings } from '../domain/configuration.ts';
import { isExactNumber, sameValue, type PublicRecord, type Value } from '../domain/values.ts';
import { acceptRecord, type Accepted, type BodyRole, type FieldProblem } from './accept.ts';
import type { MappedField, Mapping } from './mapping.ts';

/**
 * How a resource's records look at one of its paths: as they are, or as a version shows them – some fields, under other
 * names, with constant members. Both directions are pure, and what a version shows comes back as it was
 * (test/mapping/public-shape.test.ts).
 */
export class PublicShape {
  readonly mapping: Mapping;
  /** Members that every record has, whatever is stored; by the shape's names. */
  readonly constants: PublicRecord;
  /** The shape's names of the fields that it shows, in the model's order, with what they are. */
  readonly fields: ReadonlyMap<string, MappedField>;
  private readonly names: ReadonlyMap<string, string>;
  private readonly defaults: PublicRecord;
  private readonly isWhole: boolean;

  constructor(mapping: Mapping, version: VersionSettings | null = null) {
    this.mapping = mapping;
    this.constants = (version?.constants ?? {}) as PublicRecord;
    this.defaults = (version?.defaults ?? {}) as PublicRecord;
    this.isWhole = version === null;
    const renamed = new Map(Object.entries(version?.rename ?? {}).map(([outer, inner]) => [inner, outer]));
    const shown = mapping.fields.filter(
      ({ name }) => !version?.fields || version.fields.includes(name) || mapping.isKeyField(name),
    );
    this.fields = new Map(shown.map((field) => [renamed.get(field.name) ?? field.name, field]));
    this.names = new Map([...this.fields].map(([outer, { name }]) => [name, outer]));
  }

  /** The shape's name of a field of the resource; undefined where it does not show it. */
  nameOf(field: string): string | undefined {
    return this.names.get(field);
  }

  /** A record, or a part of one, as this shape shows it. */
  toPublic(record: PublicRecord): PublicRecord {
    return this.isWhole ? record : { ...this.renamed(record), ...this.constants };
  }

  /** Its fields only, without the members that are always there. */
  renamed(record: PublicRecord): PublicRecord {
    if (this.isWhole) return record;
    const shown: PublicRecord = {};
    for (const [outer, { name }] of this.fields) {
      if (record[name] !== undefined) shown[outer] = record[name];
    }
    return shown;
  }

  /** Reads a message of this shape as a record of the resource; problems are named as the message names its fields. */
  accept(body: Value, role: BodyRole): Accepted {
    if (this.isWhole) return acceptRecord(this.mapping, body, role);
    if (typeof body !== 'object' || body === null || Array.isArray(body) || isExactNumber(body))
      return acceptRecord(this.mapping, body, role);
    const { record, problems } = this.read(body);
    const given = role === 'create' ? { ...this.defaults, ...record } : record;
    const accepted = acceptRecord(this.mapping, given, role);
    if (!accepted.ok) problems.push(...accepted.problems.flatMap((problem) => this.problem(problem, role)));
    if (problems.length > 0) return { ok: false, problems };
    return { ok: true, record: this.visible(accepted.ok ? accepted.record : record, given, role) };
  }

  private read(body: Readonly<Record<string, Value>>): { record: PublicRecord; problems: FieldProblem[] } {
    const record: PublicRecord = {};
    const problems: FieldProblem[] = [];
    for (const [outer, value] of Object.entries(body)) {
      const field = this.fields.get(outer);
      if (field) record[field.name] = value;
      else if (!Object.hasOwn(this.constants, outer))
        problems.push({ field: outer, message: this.unknown() });
      else if (!sameValue(this.constants[outer], value))
        problems.push({ field: outer, message: 'is always the same here and cannot be changed' });
    }
    return { record, problems };
  }

  private unknown(): string {
    return `is not a field; the fields are ${[...this.fields.keys()].join(', ')}`;
  }

  /** A replacement says nothing of what this shape does not show: that is neither missing nor set to null. */
  private problem({ field, message }: FieldProblem, role: BodyRole): FieldProblem[] {
    const outer = this.names.get(field);
    if (outer === undefined && role === 'replace') return [];
    return [{ field: outer ?? field, message }];
  }

  private visible(record: PublicRecord, given: PublicRecord, role: BodyRole): PublicRecord {
    if (role !== 'replace') return record;
    return Object.fromEntries(
      Object.entries(record).filter(([name]) => this.names.has(name) || given[name] !== undefined),
    );
  }
}
