import type { Collection, Db, Document } from 'mongodb';
import { partText } from '../../domain/keys.ts';
import type { KeyType } from '../../domain/model.ts';
import type { ActualColumn, ActualTable, TableSpec } from '../contract.ts';
import type { Within } from './channel.ts';
import { bsonTypeOf, plain } from './plain.ts';

/** Documents that are looked at from either end of a collection, to see what fields there are. */
const SAMPLE = 200;

/** What is known of a collection: its rules, its indexes, and the fields that a sample of its documents has. */
export async function describeCollection(
  db: Db,
  spec: TableSpec,
  within: Within,
): Promise<ActualTable | null> {
  const [info] = await db.listCollections({ name: spec.name }, within).toArray();
  if (!info) return null;
  const collection = db.collection(spec.name);
  const fields = new Fields(spec);
  fields.seeRules((info as { options?: Document }).options?.validator as Document | undefined);
  for (const direction of [1, -1] as const)
    for (const document of await collection.find({}, within).sort({ _id: direction }).limit(SAMPLE).toArray())
      fields.see(document);
  const empty = !fields.seenDocuments;
  for (const name of fields.unseen())
    if ((empty && !fields.hasRules) || (await isAnywhere(collection, name, within))) fields.add(name);
  const indexes = info.type === 'view' ? [] : await collection.indexes(within);
  const unique = indexes.some(
    ({ key, unique: isUnique, partialFilterExpression: partial }) =>
      isUnique === true && !partial && Object.keys(key).join() === spec.key,
  );
  const problem = await foreignKeys(collection, spec, within);
  return {
    columns: fields.columns(),
    readOnly: info.type === 'view',
    keyIsUnique: spec.key === '_id' || unique,
    indexes: indexes.map(({ key }) => Object.keys(key)),
    problems: problem === null ? [] : [problem],
  };
}

/** A field may be rare; only a look at every document says that none has it. */
async function isAnywhere(collection: Collection, name: string, within: Within): Promise<boolean> {
  return (
    (await collection.findOne({ [name]: { $exists: true } }, { projection: { _id: 1 }, ...within })) !== null
  );
}

/** The paths that documents have, as deep as the mapping goes, with the BSON types found there. */
class Fields {
  readonly #spec: TableSpec;
  readonly #types = new Map<string, Set<string>>();
  readonly #required = new Set<string>();
  /** Documents whose parts are columns of their own. */
  readonly #opened: ReadonlySet<string>;
  seenDocuments = false;
  hasRules = false;

  constructor(spec: TableSpec) {
    this.#spec = spec;
    this.#opened = new Set(
      spec.columns.flatMap(({ name }) => {
        const parts = name.split('.');
        return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'));
      }),
    );
  }

  seeRules(validator: Document | undefined): void {
    const schema = validator?.$jsonSchema as
      { properties?: Record<string, { bsonType?: string | string[] }>; required?: string[] } | undefined;
    for (const [name, { bsonType }] of Object.entries(schema?.properties ?? {})) {
      if (this.#isOwn(name)) continue;
      this.hasRules = true;
      for (const type of [bsonType ?? 'any'].flat()) this.#note(name, type);
      if (schema?.required?.includes(name) && ![bsonType].flat().includes('null')) this.#required.add(name);
    }
  }

  see(document: Document, prefix = ''): void {
    this.seenDocuments = true;
    for (const [name, native] of Object.entries(document)) {
      const path = prefix + name;
      if (this.#isOwn(path)) continue;
      const type = bsonTypeOf(native);
      if (this.#opened.has(path) && type === 'object') this.see(native as Document, `${path}.`);
      else this.#note(path, type);
    }
  }

  /** Where another field is the key, the _id is MongoDB's own affair, which it makes by itself. */
  #isOwn(path: string): boolean {
    return path === '_id' && !this.#spec.columns.some(({ name }) => name === path);
  }

  add(name: string): void {
    this.#note(name, 'unknown');
  }

  /** Mapped columns that nothing was seen of. */
  unseen(): string[] {
    return this.#spec.columns.map(({ name }) => name).filter((name) => !this.#types.has(name));
  }

  columns(): ActualColumn[] {
    return [...this.#types].map(([name, types]) => ({
      name,
      nativeType: [...types].join(' | '),
      nullable: !this.#required.has(name),
      // A document has an _id whether it is given or not.
      hasDefault: name === '_id',
    }));
  }

  #note(name: string, type: string): void {
    const types = this.#types.get(name) ?? new Set();
    this.#types.set(name, types.add(type));
  }
}

const KEY_TYPES: Readonly<Record<KeyType, readonly string[]>> = {
  objectid: ['objectId'],
  uuid: ['string'],
  text: ['string'],
  int: ['int', 'long', 'double', 'decimal'],
};

/**
 * Documents whose key is of another type than the mapping says, in words; null: there are none. Types have an order
 * among themselves, so that such keys are at one end of the index or at the other.
 */
export async function foreignKeys(
  collection: Collection,
  { key, keyType }: TableSpec,
  within: Within,
): Promise<string | null> {
  for (const direction of [1, -1] as const) {
    const options = { projection: { [key]: 1 }, sort: { [key]: direction }, ...within };
    const document = await collection.findOne({}, options);
    if (!document) return null;
    const native = (document as Record<string, unknown>)[key];
    const type = bsonTypeOf(native);
    if (KEY_TYPES[keyType].includes(type)) continue;
    const found = `"${partText(plain(native)) || JSON.stringify(plain(native))}"`;
    return `a document has a "${key}" of type ${type} (${found}), not ${keyType}; the mapping has no key for it`;
  }
  return null;
}
