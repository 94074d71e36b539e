import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Records of the shop by file, as JSON has them. */
export type ShopData = Record<(typeof FILES)[number], Record<string, unknown>[]>;

export const FILES = [
  'users',
  'products',
  'carts',
  'cart_items',
  'orders',
  'order_items',
  'leads',
  'analytics_events',
] as const;

export interface DataOptions {
  /** Users; there are as many products, and more of everything else. */
  users: number;
  seed: number;
  /** Adds records that a relational database refuses (S9). */
  dirty?: boolean;
}

const NAMES = ['Ada', 'Élodie', 'Zoë', 'Łukasz', 'Noor', 'Íñigo', 'Bo', 'Chloé', 'Søren', 'Yuki'];
const THINGS = [
  'Oak table',
  'Beech chair',
  'Ash shelf',
  'Walnut bowl',
  'Pine bench',
  'Elm stool',
  'Birch lamp',
];
const DAY = 86_400_000;
const BEGIN = Date.UTC(2025, 0, 1);

/** The same seed gives the same shop. */
export function makeData({ users: count, seed, dirty = false }: DataOptions): ShopData {
  const random = generator(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(items: readonly T[]) => items[below(items.length)] as T;
  const id = () => uuid(random);
  const moment = () => new Date(BEGIN + below(500) * DAY + below(DAY)).toISOString();
  const users = Array.from({ length: count }, (_, index) => ({
    id: id(),
    email: `user${index}@example.com`,
    name: `${pick(NAMES)} ${index}`,
    role: index % 20 === 0 ? 'admin' : 'customer',
    createdAt: moment(),
  }));
  const products = Array.from({ length: count }, (_, index) => ({
    id: id(),
    name: `${pick(THINGS)} ${index}`,
    ...(index % 3 === 0 ? {} : { description: 'Made by hand.' }),
    price: Number((below(50_000) / 100 + 1).toFixed(2)),
    stock: 5 + below(50),
    active: index % 10 !== 9,
    createdAt: moment(),
  }));
  const carts = users
    .filter((_, index) => index % 2 === 0)
    .map((user) => ({ id: id(), userId: user.id, createdAt: moment() }));
  const some = () => [...new Set([pick(products), pick(products), pick(products)])];
  const cartItems = carts.flatMap((cart) =>
    some()
      .filter(({ active }) => active)
      .map((product) => ({ id: id(), cartId: cart.id, productId: product.id, quantity: 1 + below(3) })),
  );
  const orders = Array.from({ length: count * 2 }, () => ({ id: id(), order: some(), user: pick(users) }));
  const orderItems = orders.flatMap(({ id: orderId, order }) =>
    order.map((product) => ({
      id: id(),
      orderId,
      productId: product.id,
      quantity: 1 + below(3),
      price: product.price,
    })),
  );
  const data: ShopData = {
    users,
    products,
    carts,
    cart_items: cartItems,
    orders: orders.map(({ id: orderId, user }, index) => ({
      id: orderId,
      userId: user.id,
      status: pick(['pending', 'paid', 'shipped', 'cancelled']),
      total: cents(orderItems.filter((item) => item.orderId === orderId)),
      paymentIntentId: index % 4 === 0 ? null : `pi_${index}`,
      createdAt: moment(),
    })),
    order_items: orderItems,
    leads: Array.from({ length: count }, (_, index) => ({
      id: id(),
      email: `lead${below(count)}@example.com`,
      ...(index % 2 ? { name: pick(NAMES) } : {}),
      message: 'How tall is it?',
      createdAt: moment(),
    })),
    analytics_events: Array.from({ length: count * 4 }, () => ({
      id: id(),
      eventType: pick(['view', 'add', 'checkout']),
      userId: random() < 0.3 ? null : pick(users).id,
      payload: { page: `/p/${below(100)}`, ab: { variant: pick(['a', 'b']) } },
      createdAt: moment(),
    })),
  };
  return dirty ? withDirt(data, id) : data;
}

/** What years without a schema leave behind; each record can be told by what is wrong with it. */
function withDirt(data: ShopData, id: () => string): ShopData {
  const [user, other] = data.users as [Record<string, unknown>, Record<string, unknown>];
  const [product] = data.products as [Record<string, unknown>];
  const [order] = data.orders as [Record<string, unknown>];
  const createdAt = '2026-01-01T00:00:00.000Z';
  const gone = id();
  return {
    ...data,
    users: [
      ...data.users,
      { id: id(), email: user.email, name: 'The same email', role: 'customer', createdAt },
      { id: id(), email: 'role@example.com', name: 'No such role', role: 'owner', createdAt },
      { id: id(), name: 'No email', role: 'customer', createdAt },
    ],
    products: [
      ...data.products,
      { id: id(), name: 'Negative stock', price: 10, stock: -3, active: true, createdAt },
      {
        id: id(),
        name: 'A price in words',
        price: 'ten',
        stock: 1,
        active: true,
        createdAt,
      },
      { id: id(), name: 'Half a piece', price: 10, stock: 1.5, active: true, createdAt },
    ],
    carts: [...data.carts, { id: id(), userId: user.id, createdAt }],
    cart_items: [...data.cart_items, { id: id(), cartId: gone, productId: product.id, quantity: 1 }],
    orders: [
      ...data.orders,
      { id: id(), userId: other.id, status: 'lost', total: 5, paymentIntentId: null, createdAt },
      {
        id: id(),
        userId: other.id,
        status: 'paid',
        total: 5,
        paymentIntentId: 'pi_1',
        createdAt: 'yesterday',
      },
    ],
    order_items: [
      ...data.order_items,
      { id: id(), orderId: order.id, productId: gone, quantity: 1, price: 3 },
    ],
    leads: [...data.leads, { id: id(), email: null, message: 'Nobody', createdAt }],
    analytics_events: [
      ...data.analytics_events,
      { id: id(), eventType: 'view', userId: gone, payload: {}, createdAt },
    ],
  };
}

/** Writes a file per table, as the shop's old program did. */
export async function writeData(folder: string, data: ShopData): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of FILES)
    await writeFile(join(folder, `${name}.json`), `${JSON.stringify(data[name], null, 2)}\n`);
}

function cents(items: readonly { quantity: number; price: number }[]): number {
  return items.reduce((sum, { quantity, price }) => sum + quantity * Math.round(price * 100), 0) / 100;
}

/** mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}
