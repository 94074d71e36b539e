import { SignJWT } from 'jose';

export type Role = 'viewer' | 'sales' | 'admin';

/** A token as the company's sign-in gives it. */
export async function tokenFor(role: Role, secret: string): Promise<string> {
  return await new SignJWT({ roles: [role] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(`${role}@novacrm.example`)
    .setIssuer('https://id.novacrm.example')
    .setAudience('novacrm-api')
    .setIssuedAt()
    .setExpirationTime('12h')
    .sign(new TextEncoder().encode(secret));
}
