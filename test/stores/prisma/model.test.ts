import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { FieldSpec } from '../../../src/domain/model.ts';
import { isBanyanError } from '../../../src/domain/errors.ts';
import { readModels } from '../../../src/stores/prisma/model.ts';

const SCHEMA = `
datasource db {
  provider = "postgresql"
}
enum Status {
  ACTIVE @map("active")
  OLD
}
model Client {
  id        String    @id @default(uuid()) @db.Uuid
  name      String    @default("nobody")
  tel       String?   @map("phone") @db.VarChar(20)
  revenue   Decimal?  @db.Decimal(20, 10)
  weight    Decimal
  big       BigInt
  ratio     Float
  active    Boolean   @default(true)
  status    Status    @default(ACTIVE)
  tags      String[]  @default([])
  address   Json?
  photo     Bytes?
  born      DateTime? @db.Date
  opens     DateTime? @db.Time
  code      String    @default(dbgenerated("gen_random_uuid()")) @db.Uuid
  ticket    String    @default(cuid())
  createdAt DateTime  @default(now()) @map("created_at") @db.Timestamptz(6)
  updatedAt DateTime  @updatedAt @map("updated_at")
  orders    Order[]

  @@map("clients")
}
model Order {
  id       BigInt @id @default(autoincrement())
  clientId String @map("client_id") @db.Uuid
  client   Client @relation(fields: [clientId], references: [id])
}
model Tag {
  slug String @id
}
model Pair {
  a Int    @default(autoincrement())
  b String
  @@id([b, a])
}
model Measure {
  device String
  at     DateTime
  @@id([device, at])
}
model Loose {
  code String @unique
}
`;

t.test('a model becomes the table and the key that Prisma made of it', async (t) => {
  const models = await readModels(SCHEMA);
  t.match(models.get('Client'), {
    name: 'Client',
    table: 'clients',
    key: 'id',
    keyType: 'uuid',
    keyFromSequence: false,
    references: [],
  });
  t.match(models.get('Order'), {
    table: 'Order',
    keyType: 'int',
    keyFromSequence: true,
    references: [{ fields: ['clientId'], model: 'Client' }],
  });
  t.equal(models.get('Tag')?.keyType, 'text');
});

t.test('each field has the column, type, limits and default that the database knows', async (t) => {
  const fields = (await readModels(SCHEMA, ['Client'])).get('Client')?.fields ?? [];
  const expected: Record<string, Partial<FieldSpec>> = {
    id: { type: 'uuid', hasDefault: false, nullable: false },
    name: { type: 'text', hasDefault: true, maxLength: null },
    tel: { column: 'phone', type: 'text', nullable: true, maxLength: 20 },
    revenue: { type: 'decimal', precision: { digits: 20, scale: 10 } },
    weight: { type: 'decimal', precision: { digits: 65, scale: 30 } },
    big: { type: 'bigint', precision: null },
    ratio: { type: 'float' },
    active: { type: 'boolean', hasDefault: true },
    status: { type: 'enum', values: ['active', 'OLD'], hasDefault: true },
    tags: { type: 'text', list: true, hasDefault: true, nullable: false },
    address: { type: 'json', nullable: true },
    photo: { type: 'bytes' },
    born: { type: 'date' },
    opens: { type: 'time' },
    code: { type: 'uuid', hasDefault: true },
    ticket: { type: 'text', hasDefault: false },
    createdAt: { column: 'created_at', type: 'timestamp', hasDefault: true, touched: false },
    updatedAt: { column: 'updated_at', type: 'timestamp', hasDefault: false, touched: true },
  };
  t.same(fields.map((field) => field.name).sort(), Object.keys(expected).sort());
  for (const field of fields) t.match(field, expected[field.name] as object, field.name);
});

t.test('an id of several fields is a key of as many parts, in the order of @@id', async (t) => {
  t.match((await readModels(SCHEMA)).get('Pair'), {
    keys: [
      { name: 'b', type: 'text' },
      { name: 'a', type: 'int' },
    ],
    key: 'b',
    keyType: 'text',
    keyFromSequence: true,
  });
});

t.test(
  'a model that no record can be found in is refused by name, and left out when nobody asks',
  async (t) => {
    t.notOk((await readModels(SCHEMA)).has('Measure'));
    await t.rejects(readModels(SCHEMA, ['Measure']), {
      code: 'config-invalid',
      message: /its id "at" is of type DateTime; it must be a String, Int or BigInt/,
    });
    await t.rejects(readModels(SCHEMA, ['Loose']), {
      code: 'config-invalid',
      message: /neither a field marked @id nor @@id/,
    });
    await t.rejects(readModels(SCHEMA, ['Clients']), {
      code: 'config-invalid',
      message: /no model "Clients"; it has Client, /,
    });
  },
);

t.test('a schema that does not parse is refused in words of Prisma, with file and line', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-model-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'base.prisma'), 'datasource db {\n  provider = "postgresql"\n}\n');
  await writeFile(join(folder, 'client.prisma'), 'model Client {\n  id String @id\n  x  Nothing\n}\n');
  const error = await readModels(folder).catch((error: unknown) => error);
  t.ok(isBanyanError(error, 'config-invalid'));
  t.match((error as Error).message, /client\.prisma:3: Type "Nothing" is neither/);
  await t.rejects(readModels(join(folder, 'none.prisma')), {
    code: 'config-invalid',
    message: /cannot be read/,
  });
});

t.test('a schema in several files is read as one', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-model-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'base.prisma'), 'datasource db {\n  provider = "postgresql"\n}\n');
  await writeFile(
    join(folder, 'a.prisma'),
    'model A {\n  id Int @id\n  bId Int\n  b B @relation(fields: [bId], references: [id])\n}\n',
  );
  await writeFile(join(folder, 'b.prisma'), 'model B {\n  id Int @id\n  as A[]\n}\n');
  t.same((await readModels(folder)).get('A')?.references, [{ fields: ['bId'], model: 'B' }]);
});
