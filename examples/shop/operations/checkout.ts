import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Decimal } from 'decimal.js';
import { BanyanError, isBanyanError } from '../../../src/domain/errors.ts';
import type { Sql } from '../../../src/domain/sql.ts';
import { exactNumber, numberText, type ExactNumber, type Value } from '../../../src/domain/values.ts';
import type { OperationContext, OperationHandler } from '../../../src/gateway/operations.ts';

/**
 * `POST /api/checkout { userId, paymentIntentId }`: the user's cart becomes an order, with the prices of this moment.
 * Answers `{ order, items }`; the same payment sent again makes nothing and gets the same answer (S5).
 */
interface Order {
  id: string;
  userId: string;
  status: 'pending' | 'paid' | 'shipped' | 'cancelled';
  total: number | ExactNumber;
  paymentIntentId: string | null;
}

interface Product {
  id: string;
  name: string;
  price: number | ExactNumber;
  stock: number;
  active: boolean;
}

interface Line {
  id: string;
  productId: string;
  quantity: number;
}

type Shapes = {
  orders: Order;
  'order-items': {
    id: string;
    orderId: string;
    productId: string;
    quantity: number;
    price: number | ExactNumber;
  };
  products: Product;
  carts: { id: string; userId: string };
  'cart-items': Line & { cartId: string };
};
type Shop = Pick<OperationContext<Shapes>, 'of'>;

/** One transaction, READ COMMITTED: what is read is locked first, so that the next buyer sees what this one has left. */
const onNew = async ({ body, of, sql }: OperationContext<Shapes>): Promise<Value> => {
  const { userId, paymentIntentId } = payment(body);
  const locked = sql as Sql;
  // The same payment twice at once: the second waits here, and finds the order of the first.
  await locked.query(`SELECT pg_advisory_xact_lock(hashtextextended('checkout ' || $1, 0))`, [
    paymentIntentId,
  ]);
  const before = await orderOf({ of }, paymentIntentId);
  if (before) return before;
  await locked.query('SELECT FROM carts WHERE user_id = $1::uuid FOR UPDATE', [userId]);
  await locked.query(
    `SELECT FROM products WHERE id IN (
       SELECT product_id FROM cart_items JOIN carts ON carts.id = cart_id WHERE user_id = $1::uuid
     ) ORDER BY id FOR UPDATE`,
    [userId],
  );
  return await buy({ of }, userId, paymentIntentId);
};

/**
 * The files have no transaction: everything is checked before the first write, as the shop has always done it. The order's
 * id comes from the payment, so that of the same payment twice at once only one can create it.
 */
const onLegacy = async ({ body, of }: OperationContext<Shapes>): Promise<Value> => {
  const { userId, paymentIntentId } = payment(body);
  const before = await wholeOrderOf({ of }, paymentIntentId);
  if (before) return before;
  try {
    return await buy({ of }, userId, paymentIntentId, idFrom(paymentIntentId));
  } catch (error) {
    // The other one may have created it, or may have emptied the cart already.
    const made = isBanyanError(error) ? await wholeOrderOf({ of }, paymentIntentId) : null;
    if (made) return made;
    throw error;
  }
};

function idFrom(paymentIntentId: string): string {
  const hex = createHash('sha256').update(`order of ${paymentIntentId}`).digest('hex');
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, '$1-$2-8$3-8$4-$5');
}

/** How often an order is looked at that somebody may be writing, and the pause between; ms. */
const LOOKS = 30;
const PAUSE = 100;

/** An order with all its lines: somebody else may still be writing them, one by one. */
async function wholeOrderOf(shop: Shop, paymentIntentId: string): Promise<Value | null> {
  for (let look = 1; ; look++) {
    const found = await orderOf(shop, paymentIntentId);
    if (!found || isWhole(found) || look === LOOKS) return found;
    await sleep(PAUSE);
  }
}

function isWhole(answer: Value): boolean {
  const { order, items } = answer as unknown as { order: Order; items: Shapes['order-items'][] };
  const total = items.reduce(
    (sum, { price, quantity }) => sum.plus(new Decimal(numberText(price)).times(quantity)),
    new Decimal(0),
  );
  return total.equals(numberText(order.total));
}

function payment(body: Value): { userId: string; paymentIntentId: string } {
  const { userId, paymentIntentId } = (body ?? {}) as Record<string, Value | undefined>;
  if (typeof userId === 'string' && typeof paymentIntentId === 'string' && paymentIntentId !== '')
    return { userId, paymentIntentId };
  throw new BanyanError('validation-failed', 'the body must be { "userId": "…", "paymentIntentId": "…" }');
}

async function orderOf({ of }: Shop, paymentIntentId: string): Promise<Value | null> {
  const [order] = (await of('orders').list({ paymentIntentId })).records;
  return order ? await answer({ of }, order) : null;
}

async function answer({ of }: Shop, order: Order): Promise<Value> {
  const items = (await of('order-items').list({ orderId: order.id, sort: 'productId', limit: '500' }))
    .records;
  return { order, items } as unknown as Value;
}

/** `id`: of the order; left out, it is a new one. */
async function buy({ of }: Shop, userId: string, paymentIntentId: string, id?: string): Promise<Value> {
  const lines = await cartOf({ of }, userId);
  const bought = await Promise.all(
    lines.map(async (line) => ({ line, product: await sellable({ of }, line) })),
  );
  const total = bought.reduce(
    (sum, { line, product }) => sum.plus(new Decimal(numberText(product.price)).times(line.quantity)),
    new Decimal(0),
  );
  const order = await of('orders').create({
    ...(id === undefined ? {} : { id }),
    userId,
    paymentIntentId,
    status: 'paid',
    total: exactNumber(total.toFixed(2)),
  });
  for (const { line, product } of bought) {
    const { productId, quantity } = line;
    await of('order-items').create({ orderId: order.id, productId, quantity, price: product.price });
    await of('products').change(productId, { stock: product.stock - quantity });
    await of('cart-items').remove(line.id);
  }
  return await answer({ of }, order);
}

async function cartOf({ of }: Shop, userId: string): Promise<Line[]> {
  const [cart] = (await of('carts').list({ userId })).records;
  const lines = cart ? (await of('cart-items').list({ cartId: cart.id, limit: '500' })).records : [];
  if (lines.length > 0) return lines;
  throw new BanyanError('constraint-violated', `the cart of user ${userId} is empty`, {
    details: { field: 'cart' },
  });
}

async function sellable({ of }: Shop, { productId, quantity }: Line): Promise<Product> {
  const product = await of('products').get(productId);
  const reason = !product?.active
    ? 'is not sold any more'
    : product.stock < quantity
      ? `is there ${product.stock} times, not ${quantity} times`
      : null;
  if (product && reason === null) return product;
  throw new BanyanError('constraint-violated', `product ${product?.name ?? productId} ${reason}`, {
    details: { field: 'stock', product: productId },
  });
}

export const legacy = onLegacy as unknown as OperationHandler;
const next = onNew as unknown as OperationHandler;
export { next as new };
