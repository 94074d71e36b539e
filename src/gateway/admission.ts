import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TokenVerifier } from '../callers/tokens.ts';
import { NOBODY, type Caller } from '../domain/callers.ts';
import type { BanyanError } from '../domain/errors.ts';
import { decideAccess, decideRun, PERMISSION_OF } from './access.ts';
import type { Match } from './match.ts';
import { verbOf } from './plan.ts';

export interface AdmissionContext {
  matchOf: (request: FastifyRequest) => Match;
  /** Of the snapshot that the request began with; null where tokens are not looked at. */
  tokensOf: (request: FastifyRequest) => TokenVerifier | null;
}

const CALLER = Symbol('caller');
type AdmittedRequest = FastifyRequest & { [CALLER]?: Caller };

/** Who sent a request that was admitted. */
export function callerIn(request: FastifyRequest): Caller {
  return (request as AdmittedRequest)[CALLER] ?? NOBODY;
}

/** Before any body is read: who asks, and whether he may. What is refused goes to the route's error handler. */
export function admitCallers(app: FastifyInstance, context: AdmissionContext): void {
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const tokens = context.tokensOf(request);
    if (!tokens) return;
    const token = bearerOf(request);
    const caller = token === null ? NOBODY : await tokens.verify(token);
    (request as AdmittedRequest)[CALLER] = caller;
    const refused = judge(context.matchOf(request), request.method, caller);
    if (refused) throw refused;
    // Answers that depend on the caller are not a shared cache's to keep.
    const vary = reply.getHeader('vary');
    void reply.header('vary', vary ? `${String(vary)}, authorization` : 'authorization');
  });
}

function bearerOf({ headers }: FastifyRequest): string | null {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}

type Judge<Kind extends Match['kind']> = (
  match: Extract<Match, { kind: Kind }>,
  method: string,
  caller: Caller,
) => BanyanError | null;

/** One row for each kind of request, so that none is forgotten. */
const JUDGES: { readonly [Kind in Match['kind']]: Judge<Kind> } = {
  resource: ({ resource, key }, method, caller) => {
    const verb = verbOf(method, key !== null);
    // A method that the path does not take is answered as such.
    return verb && decideAccess(PERMISSION_OF[verb], caller, resource.settings.access);
  },
  batch: ({ resource }, _method, caller) => decideAccess('create', caller, resource.settings.access),
  operation: ({ operation }, _method, caller) => decideRun(caller, operation),
  // Of the gateway itself; and what is the upstream's to judge.
  own: () => null,
  forward: () => null,
};

function judge(match: Match, method: string, caller: Caller): BanyanError | null {
  return (JUDGES[match.kind] as Judge<Match['kind']>)(match, method, caller);
}
