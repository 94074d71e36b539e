import { createHash } from 'node:crypto';
import { Decimal128, MongoClient, ObjectId, type Db, type Document } from 'mongodb';

export const WORKSPACES = ['ws-north', 'ws-south'] as const;

export interface DataOptions {
  /** Orders; there are half as many clients and products, and as many transactions. */
  orders: number;
  seed: number;
  /** Which collections; left out: all. */
  only?: readonly Kind[];
}

const NAMES = ['Ada', 'Élodie', 'Zoë', 'Łukasz', 'Noor', 'Íñigo', 'Bo', 'Chloé', 'Søren', 'Yuki'];
const CITIES = ['Graz', 'Lyon', 'Gdańsk', 'Porto', 'Malmö'];
const THINGS = ['Oak table', 'Beech chair', 'Ash shelf', 'Walnut bowl', 'Pine bench'];
const STATUSES = ['pending', 'paid', 'shipped', 'cancelled'];
const METHODS = ['card', 'transfer', 'cash'];
const MINUTE = 60_000;
const BEGIN = Date.UTC(2025, 0, 1);

type Kind = 'clients' | 'products' | 'orders' | 'transactions' | 'reports' | 'decisions' | 'goals';

/** Documents of the back office by collection, in the order of their ids; the same seed gives the same ones. */
export function makeData({ orders: count, seed, only }: DataOptions): Record<Kind, Document[]> {
  const random = generator(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]) => items[below(items.length)] as T;
  const half = Math.max(2, Math.floor(count / 2));
  const owned = (kind: Kind, index: number) => ({
    _id: idOf(kind, index),
    workspaceId: WORKSPACES[index % WORKSPACES.length] as string,
    createdAt: new Date(BEGIN + index * MINUTE + below(1_000)),
    createdById: `user-${index % 5}`,
  });
  const many = (length: number, make: (index: number) => Document) =>
    Array.from({ length }, (_, index) => make(index));
  const wanted = (kind: Kind, length: number) => (!only || only.includes(kind) ? length : 0);
  const money = (cents: number) => Decimal128.fromString((cents / 100).toFixed(2));
  const clients = many(wanted('clients', half), (index) => ({
    ...owned('clients', index),
    name: `${pick(NAMES)} ${index}`,
    email: `client${index}@example.com`,
    ...(index % 3 ? { phone: `+43 ${1_000 + index}` } : {}),
    ...(index % 4
      ? { address: { street: `Hauptstraße ${index}`, city: pick(CITIES), zip: String(8_000 + index) } }
      : {}),
    tags: index % 2 ? [pick(['vip', 'b2b'])] : [],
    // A field that nothing is mapped to: what old programs left behind stays.
    ...(index % 5 ? {} : { legacyScore: index }),
  }));
  const products = many(wanted('products', half), (index) => ({
    ...owned('products', index),
    name: `${pick(THINGS)} ${index}`,
    sku: `SKU-${index}`,
    price: money(100 + below(90_000)),
    stock: below(50),
    ...(index % 2 ? { attributes: { colour: 'natural', checkedAt: new Date(BEGIN + index) } } : {}),
  }));
  const orders = many(wanted('orders', count), (index) => {
    const base = owned('orders', index);
    const mine = <T extends Document>(all: T[]) =>
      pick(all.filter(({ workspaceId }) => workspaceId === base.workspaceId));
    const items = many(1 + below(3), () => {
      const { _id: productId, price } = mine(products);
      return { productId: productId as ObjectId, quantity: 1 + below(4), price: price as Decimal128 };
    });
    const cents = items.reduce(
      (sum, { price, quantity }) => sum + Math.round(Number(String(price)) * 100) * Number(quantity),
      0,
    );
    return {
      ...base,
      clientId: mine(clients)._id as ObjectId,
      status: pick(STATUSES),
      total: money(cents),
      items,
      ...(index % 6 ? {} : { note: 'leave at the door' }),
    };
  });
  const transactions = many(wanted('transactions', count), (index) => ({
    ...owned('transactions', index),
    orderId: orders[index]?._id as ObjectId,
    amount: orders[index]?.total as Decimal128,
    method: pick(METHODS),
  }));
  const few = Math.max(4, Math.floor(count / 50));
  return {
    clients,
    products,
    orders,
    transactions,
    reports: many(few, (index) => ({
      ...owned('reports', index),
      title: `Month ${index + 1}`,
      figures: { orders: below(900) },
    })),
    decisions: many(few, (index) => ({
      ...owned('decisions', index),
      title: `Decision ${index}`,
      reason: 'margin',
    })),
    goals: many(few, (index) => ({
      ...owned('goals', index),
      title: `Goal ${index}`,
      target: money(below(10_000_000)),
      reached: index % 2 === 0,
    })),
  };
}

/** Ids as MongoDB makes them: a moment, a machine, a counter; here all from the kind and the index. */
function idOf(kind: Kind, index: number): ObjectId {
  const machine = createHash('sha256').update(kind).digest('hex').slice(0, 10);
  const seconds = Math.floor((BEGIN + index * MINUTE) / 1_000)
    .toString(16)
    .padStart(8, '0');
  return ObjectId.createFromHexString(seconds + machine + index.toString(16).padStart(6, '0'));
}

/** Puts the data into an empty database, with the indexes that the back office has. */
export async function fill(db: Db, options: DataOptions): Promise<void> {
  for (const [name, documents] of Object.entries(makeData(options))) {
    const collection = db.collection(name);
    for (let at = 0; at < documents.length; at += 1_000)
      await collection.insertMany(documents.slice(at, at + 1_000));
    await collection.createIndex({ createdAt: -1, _id: -1 });
    await collection.createIndex({ workspaceId: 1, createdAt: -1, _id: -1 });
  }
}

export async function fillAt(url: string, database: string, options: DataOptions): Promise<void> {
  const client = new MongoClient(url);
  try {
    const db = client.db(database);
    if ((await db.collection('orders').findOne({})) === null) await fill(db, options);
  } finally {
    await client.close();
  }
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
