import { SignJWT } from 'jose';

/** A token of the back office's sign-in: who, and in which workspace. */
export async function tokenFor(subject: string, workspaceId: string, secret: string): Promise<string> {
  return await new SignJWT({ workspaceId })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setIssuer('https://id.hybrid.example')
    .setAudience('backoffice')
    .setIssuedAt()
    .setExpirationTime('12h')
    .sign(new TextEncoder().encode(secret));
}
