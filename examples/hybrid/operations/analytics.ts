import type { OperationContext, OperationHandler } from '../../../src/gateway/operations.ts';

/**
 * `GET /api/ecom/analytics?from=2025-01-01`: figures of the caller's workspace over orders, clients and products, wherever
 * they are: in MongoDB, in Postgres, or some here and some there. They are added up in the databases.
 */
const analytics: OperationHandler = async ({ of, query }: OperationContext) => {
  const since = typeof query.from === 'string' ? { 'createdAt[gte]': query.from } : {};
  const orders = of('orders');
  const [all, byStatus, byDay, clients, products] = await Promise.all([
    orders.statistics({ ...since, sum: 'total', avg: 'total' }),
    orders.statistics({ ...since, sum: 'total', groupBy: 'status' }),
    orders.statistics({ ...since, sum: 'total', groupBy: 'day(createdAt)' }),
    of('clients').statistics(since),
    of('products').statistics({ ...since, sum: 'stock', min: 'price', max: 'price' }),
  ]);
  return {
    orders: all[0] ?? null,
    ordersByStatus: byStatus,
    ordersByDay: byDay,
    clients: clients[0] ?? null,
    products: products[0] ?? null,
  };
};

// The same on either side: what a side reads is the gateway's affair.
export { analytics as legacy, analytics as new };
