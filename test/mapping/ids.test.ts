import fc from 'fast-check';
import t from 'tap';
import { compareKeys } from '../../src/domain/keys.ts';
import type { KeyType } from '../../src/domain/model.ts';
import { canonicalId, idIn, idProblem, newId, translateId, type IdForms } from '../../src/mapping/ids.ts';
import { compareIds, lastIdBefore } from '../../src/mapping/id-order.ts';
import { isForeign, RecordKeys } from '../../src/mapping/record-keys.ts';
import { partsOf } from '../../src/replication/legacy-share.ts';
import type { BoundResource } from '../../src/replication/resource.ts';
import type { Checkpoint } from '../../src/state/moved.ts';

const IDS: Readonly<Record<KeyType, fc.Arbitrary<string>>> = {
  uuid: fc.uuid(),
  objectid: fc.stringMatching(/^[0-9a-f]{24}$/),
  int: fc
    .oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.bigInt({ min: -20n, max: 20n }),
      fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n),
    )
    .map(String),
  text: fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !text.includes('\u0000')),
};

/** Pairs whose first form always has one in the second. */
const HELD: readonly [KeyType, KeyType][] = [
  ['objectid', 'uuid'],
  ['int', 'uuid'],
  ['uuid', 'text'],
  ['objectid', 'text'],
  ['int', 'text'],
];

for (const [from, to] of HELD) {
  t.test(`every ${from} has a form as ${to}, and comes back from it`, (t) => {
    const property = fc.property(IDS[from], (id) => {
      const other = translateId(from, to, id);
      return other !== null && canonicalId(to, other) === other && translateId(to, from, other) === id;
    });
    fc.assert(property, { numRuns: 2_000 });
    t.pass('2,000 ids');
    t.end();
  });
}

for (const [from, to] of HELD.filter(([from, to]) => !idProblem({ public: from, legacy: from, new: to }))) {
  t.test(`ids keep their order from ${from} to ${to}`, (t) => {
    const property = fc.property(IDS[from], IDS[from], (a, b) => {
      const [x, y] = [translateId(from, to, a) as string, translateId(from, to, b) as string];
      return Math.sign(compareKeys(from, a, b)) === Math.sign(compareKeys(to, x, y));
    });
    fc.assert(property, { numRuns: 2_000 });
    t.pass('2,000 pairs');
    t.end();
  });
}

t.test('a UUID that holds nothing has no other form', (t) => {
  const property = fc.property(fc.uuid(), (id) => {
    const forms = [translateId('uuid', 'objectid', id), translateId('uuid', 'int', id)];
    return forms.every((form) => form === null);
  });
  fc.assert(property, { numRuns: 2_000 });
  t.pass('2,000 UUIDs');
  t.end();
});

t.test('an ObjectId inside a UUID is no integer, and an integer no ObjectId', (t) => {
  const objectId = translateId('objectid', 'uuid', 'ffffffffffffffffffffffff') as string;
  const integer = translateId('int', 'uuid', '9007199254740993') as string;
  t.match(
    objectId,
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    'a UUID of version 8',
  );
  t.match(
    integer,
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    'a UUID of version 8',
  );
  t.equal(translateId('uuid', 'int', objectId), null);
  t.equal(translateId('uuid', 'objectid', integer), null);
  t.equal(translateId('uuid', 'int', integer), '9007199254740993', 'to the last digit');
  t.end();
});

t.test('a text in another spelling of an id stays what it is', (t) => {
  t.equal(translateId('text', 'uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'), null, 'capital letters');
  t.equal(translateId('text', 'int', '007'), null, 'leading zeros');
  t.equal(translateId('text', 'int', '9223372036854775808'), null, 'beyond 64 bits');
  t.equal(translateId('text', 'objectid', 'customer-7'), null);
  t.end();
});

t.test('new ids have all forms that are declared', (t) => {
  const mongo: IdForms = { public: 'objectid', legacy: 'objectid', new: 'uuid' };
  const made = new Set(Array.from({ length: 1_000 }, () => newId(mongo) as string));
  t.equal(made.size, 1_000, 'each another one');
  t.ok([...made].every((id) => canonicalId('uuid', id) && translateId('uuid', 'objectid', id)));
  t.match(newId({ public: 'uuid', legacy: 'text', new: 'uuid' }), /^[0-9a-f-]{36}$/);
  t.equal(newId({ public: 'int', legacy: 'int', new: 'uuid' }), null, 'integers are drawn by a store');
  t.end();
});

t.test('forms that cannot be used together are named', (t) => {
  t.match(idProblem({ public: 'int', legacy: 'int', new: 'objectid' }), /no translation/);
  t.match(idProblem({ public: 'int', legacy: 'int', new: 'text' }), /different orders/);
  t.match(idProblem({ public: 'text', legacy: 'objectid', new: 'uuid' }), /form must be that of a side/);
  t.equal(idProblem({ public: 'objectid', legacy: 'objectid', new: 'uuid' }), null);
  t.end();
});

const mongo: IdForms = { public: 'objectid', legacy: 'objectid', new: 'uuid' };
const HEX = '65a1b2c3d4e5f60718293a4b';
const HELD_HEX = translateId('objectid', 'uuid', HEX) as string;

t.test('a key is the text of the new side, whatever form it was given in', (t) => {
  const keys = new RecordKeys([{ field: 'id', forms: mongo }]);
  t.equal(keys.of({ id: HEX }), HELD_HEX);
  t.equal(keys.of({ id: HELD_HEX }), HELD_HEX);
  t.equal(keys.fromPath(HEX.toUpperCase()), HELD_HEX, 'of a path too, in capital letters');
  t.equal(keys.fromPath(HELD_HEX), HELD_HEX);
  t.equal(keys.fromPath('nothing'), null);
  t.equal(keys.onSide('legacy', HELD_HEX), HEX);
  t.equal(keys.onSide('new', HELD_HEX), HELD_HEX);
  t.equal(keys.fromSide('legacy', HEX), HELD_HEX);
  t.same(keys.publicValues(HELD_HEX), { id: HEX }, 'answers carry the public form');
  t.end();
});

t.test('an id that one side cannot have is kept as it is, and is the key of no record there', (t) => {
  const foreign = '0190a1b2-0000-7000-8000-000000000001';
  const keys = new RecordKeys([{ field: 'id', forms: mongo }]);
  t.equal(keys.fromPath(foreign), foreign, 'made on the new side by somebody else');
  t.same(keys.publicValues(foreign), { id: foreign });
  t.equal(keys.onSide('legacy', foreign), null);
  const texts = new RecordKeys([{ field: 'id', forms: { public: 'text', legacy: 'text', new: 'uuid' } }]);
  const old = texts.fromSide('legacy', 'customer-7');
  t.ok(isForeign(old), 'made in legacy before');
  t.equal(texts.of({ id: 'customer-7' }), old);
  t.equal(texts.fromPath('customer-7'), old);
  t.equal(texts.onSide('legacy', old), 'customer-7');
  t.equal(texts.onSide('new', old), null);
  t.same(texts.publicValues(old), { id: 'customer-7' });
  t.equal(texts.publicText(old), 'customer-7', 'messages name it as clients do');
  t.end();
});

t.test('composite keys are translated part by part', (t) => {
  const keys = new RecordKeys([
    { field: 'orderId', forms: mongo },
    { field: 'line', forms: { public: 'int', legacy: 'int', new: 'int' } },
  ]);
  const key = keys.of({ orderId: HEX, line: 7 });
  t.equal(key, `${HELD_HEX}~7`);
  t.equal(keys.onSide('legacy', key), `${HEX}~7`);
  t.equal(keys.fromSide('legacy', `${HEX}~7`), key);
  t.equal(keys.fromPath(`${HEX}~7`), key);
  t.same(keys.publicValues(key), { orderId: HEX, line: 7 });
  t.equal(keys.fromPath(HEX), null, 'a part is no key');
  t.end();
});

t.test('an id of any form is found in every form that it has', (t) => {
  const property = fc.property(IDS.objectid, (hex) => {
    const uuid = translateId('objectid', 'uuid', hex) as string;
    const everywhere = (given: string) =>
      idIn('public', mongo, given) === hex &&
      idIn('legacy', mongo, given) === hex &&
      idIn('new', mongo, given) === uuid;
    return everywhere(hex) && everywhere(uuid);
  });
  fc.assert(property, { numRuns: 1_000 });
  t.pass('1,000 ids');
  t.end();
});

const sign = (order: number) => Math.sign(order);

for (const [narrow, wide] of HELD.filter(([from, to]) => !(from === 'int' && to === 'text'))) {
  t.test(`ids of ${narrow} and of ${wide} are in one order, also those with no form as ${narrow}`, (t) => {
    const forms: IdForms = { public: narrow, legacy: narrow, new: wide };
    // Near the translated ones too: one character of them is another.
    const near = fc
      .tuple(IDS[narrow], fc.nat(35), fc.constantFrom('0', '7', '9', 'f'))
      .map(([id, at, to]) => {
        const held = translateId(narrow, wide, id) as string;
        return held[at] === '-' ? held : held.slice(0, at) + to + held.slice(at + 1);
      });
    const property = fc.property(IDS[narrow], IDS[narrow], fc.oneof(IDS[wide], near), (a, b, other) => {
      const own = sign(compareIds(forms, a, b)) === sign(compareKeys(narrow, a, b));
      if (canonicalId(wide, other) !== other || translateId(wide, narrow, other) !== null) return own;
      const last = lastIdBefore('legacy', forms, other);
      const isBefore = (id: string) => compareIds(forms, id, other) < 0;
      const agrees = (id: string) => isBefore(id) === (last !== null && compareKeys(narrow, id, last) <= 0);
      return own && agrees(a) && agrees(b) && (last === null || isBefore(last));
    });
    fc.assert(property, { numRuns: 300 });
    t.pass('300 times');
    t.end();
  });
}

t.test('M3: what is behind the mover goes by legacy’s order, also for ids that only legacy can have', (t) => {
  const ids = new RecordKeys([{ field: 'id', forms: { public: 'text', legacy: 'text', new: 'uuid' } }]);
  const mapping = {
    ids,
    keys: [{ name: 'id', type: 'text' }],
    keyValues: (key: string) => ids.publicValues(key),
  };
  const uuid = 'c0000000-0000-4000-8000-000000000001';
  const [before, after] = ['aardvark', 'zebra'].map((id) => ids.ofId([id])) as [string, string];
  const parts = (checkpoint: Partial<Checkpoint>) =>
    partsOf({ mapping } as unknown as BoundResource, {
      done: false,
      lastKey: null,
      ahead: [],
      refused: [],
      ...checkpoint,
    });
  const one = (sign: 1 | -1, id: string) => ({ sign, where: { field: 'id', op: 'in', value: [id] } });
  t.match(parts({ lastKey: uuid, ahead: [before, after], refused: [before, after] }), [
    { sign: 1 },
    one(-1, 'zebra'),
    one(1, 'aardvark'),
  ]);
  t.match(parts({ lastKey: after, ahead: [before], refused: [uuid] }), [{ sign: 1 }, one(1, uuid)]);
  t.end();
});
