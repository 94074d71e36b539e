import type { MessageSchemas, ResourceSettings, VersionSettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { PublicRecord, Value } from '../domain/values.ts';
import type { BodyRole, FieldProblem } from '../mapping/accept.ts';
import { PublicShape } from '../mapping/public-shape.ts';
import type { BoundResource } from '../replication/resource.ts';
import type { MessageChecks } from './message-schema.ts';

/** A resource as clients meet it at one path: its own, or that of a version. */
export interface Face {
  path: string;
  /** Null: the resource itself. */
  version: string | null;
  shape: PublicShape;
  checks: MessageChecks;
}

/** The faces of a resource, its own first. */
export async function openFaces({ settings, mapping }: BoundResource): Promise<Face[]> {
  const open = async (path: string, version: VersionSettings | null, schemas: MessageSchemas) => ({
    path,
    version: version?.name ?? null,
    shape: new PublicShape(mapping, version),
    checks: await checksOf(schemas),
  });
  const versions = settings.versions.map((version) => open(version.path, version, version.schemas));
  return await Promise.all([open(settings.path, null, settings.schemas), ...versions]);
}

/** The validator is loaded where a route has schemas. */
async function checksOf(schemas: MessageSchemas): Promise<MessageChecks> {
  if (Object.keys(schemas).length === 0) return {};
  const { openMessageChecks } = await import('./message-schema.ts');
  return await openMessageChecks(schemas);
}

/** The face without schemas that every resource has at its own path. */
export function plainFace({ settings, mapping }: Pick<BoundResource, 'settings' | 'mapping'>): Face {
  return { path: settings.path, version: null, shape: new PublicShape(mapping), checks: {} };
}

/** A message as a record of the resource: it fits the route's schema first, then the model. */
export function readMessage(face: Face, body: Value, role: BodyRole): PublicRecord {
  const misfits = face.checks[role]?.problems(body) ?? [];
  if (misfits.length > 0) throw withProblems('message-invalid', misfits);
  const accepted = face.shape.accept(body, role);
  if (!accepted.ok) throw withProblems('validation-failed', accepted.problems);
  return accepted.record;
}

export function withProblems(
  code: 'message-invalid' | 'validation-failed',
  problems: readonly FieldProblem[],
): BanyanError {
  const message = problems.map(({ field, message: text }) => (field ? `${field} ${text}` : text)).join('; ');
  return new BanyanError(code, message, { details: problems.map((problem) => ({ ...problem })) });
}

/** Every path of a resource. */
export function pathsOf(settings: ResourceSettings): string[] {
  return [settings.path, ...settings.versions.map(({ path }) => path)];
}
