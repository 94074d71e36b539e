import { createClient } from '@supabase/supabase-js';
import Fastify from 'fastify';
import ws from 'ws';
import { listen, setting } from './listen.ts';

/** What a product's own server would be on its legacy store: supabase-js, names mapped by hand, no validation. */
interface Row extends Record<string, unknown> {
  tel: unknown;
}

const supabase = createClient(setting('LEGACY_URL'), setting('LEGACY_KEY'), {
  auth: { persistSession: false },
  // Node 20 has no WebSocket of its own, without which the client throws.
  realtime: { transport: ws as never },
});
const app = Fastify();

app.get<{ Params: { id: string } }>('/api/clients/:id', async (request, reply) => {
  const { data, error } = await supabase
    .from('clients')
    .select('*')
    .eq('id', request.params.id)
    .single<Row>();
  if (error) return await reply.code(404).send({ success: false, error: { message: error.message } });
  return { success: true, data: toPublic(data) };
});

app.post<{ Body: Record<string, unknown> }>('/api/clients', async (request, reply) => {
  const { data, error } = await supabase.from('clients').insert(toRow(request.body)).select().single<Row>();
  if (error) return await reply.code(400).send({ success: false, error: { message: error.message } });
  return await reply.code(201).send({ success: true, data: toPublic(data) });
});

function toPublic(row: Row) {
  return {
    id: row.id,
    name: row.name,
    email: row.email,
    phone: row.tel,
    siret: row.siret,
    status: row.status,
    address: row.address,
    tags: row.tags,
    metadata: row.metadata,
    revenue: row.revenue,
    loyaltyPoints: row.loyalty_points,
    newsletter: row.newsletter,
    notes: row.notes,
    firstContactOn: row.first_contact_on,
    engagementCount: row.engagement_count,
    lastEngagementAt: row.last_engagement_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function toRow({ phone, loyaltyPoints, ...rest }: Record<string, unknown>) {
  return { ...rest, tel: phone, loyalty_points: loyaltyPoints };
}

await listen(app);
