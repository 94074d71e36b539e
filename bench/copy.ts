import { pipeline } from 'node:stream/promises';
import postgres from 'postgres';

/** COPY from one database straight into another, without a look at the rows: as fast as rows can travel. */
export async function copyRows(from: string, query: string, to: string, target: string): Promise<void> {
  const [source, destination] = [from, to].map((url) => postgres(url, { max: 1, onnotice: () => undefined }));
  if (!source || !destination) return;
  try {
    const rows = await source.unsafe(`COPY (${query}) TO STDOUT`).readable();
    await pipeline(rows, await destination.unsafe(`COPY ${target} FROM STDIN`).writable());
  } finally {
    await Promise.all([source.end(), destination.end()]);
  }
}
