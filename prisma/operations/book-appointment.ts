import type { OperationContext, OperationHandler } from '../../src/gateway/operations.ts';
import { BanyanError } from '../../src/domain/errors.ts';
import type { PublicRecord, Value } from '../../src/domain/values.ts';

/**
 * `POST /api/appointments { engagement: {…} }`: an appointment and its side effects. The engagement is created, and its
 * client remembers when the last one was and how many there have been. On the new side that is one transaction; on
 * legacy, which has none, it is two writes, as the product has always done it.
 */
const book: OperationHandler = async ({ body, of }: OperationContext): Promise<Value> => {
  const engagement = (body as { engagement?: PublicRecord } | null)?.engagement;
  if (!engagement) throw new BanyanError('validation-failed', 'the body must be { "engagement": { … } }');
  const made = await of('engagements').create(engagement);
  const clientId = String(made.clientId);
  // The first change locks the client until the transaction ends: the count that it answers is nobody else's.
  const { engagementCount } = await of('clients').change(clientId, {
    lastEngagementAt: made.createdAt ?? null,
  });
  const client = await of('clients').change(clientId, { engagementCount: Number(engagementCount) + 1 });
  return { engagement: made, client };
};

export const legacy = book;
const onNew = book;
export { onNew as new };
