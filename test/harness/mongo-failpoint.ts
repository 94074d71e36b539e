import { MongoClient, type Document } from 'mongodb';
import type { MongoServer } from './mongo.ts';

/** Makes commands fail in the server; answers what ends it, or null where the server has no such test command. */
export async function failCommands(
  of: MongoServer,
  data: Document,
  times: number,
): Promise<(() => Promise<void>) | null> {
  const client = new MongoClient(of.url);
  const set = async (mode: unknown) =>
    await client.db('admin').command({ configureFailPoint: 'failCommand', mode, data });
  try {
    await set({ times });
  } catch {
    await client.close();
    return null;
  }
  return async () => {
    await set('off');
    await client.close();
  };
}
