import type { ApiSettings } from '../../domain/configuration.ts';
import { isDocument, type Document } from '../../domain/documents.ts';
import { isExactNumber, numberText, sameValue, type Value } from '../../domain/values.ts';
import type { Channel, Reply } from './channel.ts';
import type { Parameters } from './conditions.ts';
import { at, nonsense, type Asked } from './errors.ts';

export interface ListPage {
  documents: Document[];
  /** Number of all that match, where the API says it. */
  total: number | null;
}

/** Where a page begins, in the words of the API's paging. */
interface Position {
  /** Records before it, as far as is known. */
  seen: number;
  pages: number;
  cursor: string | null;
}

/** The lists of one table, page by page. */
export class Lists {
  readonly #channel: Channel;
  readonly #api: ApiSettings;
  readonly #path: string;
  readonly #asked: Asked;

  constructor(channel: Channel, api: ApiSettings, path: string, asked: Asked) {
    this.#channel = channel;
    this.#api = api;
    this.#path = path;
    this.#asked = asked;
  }

  get hasTotal(): boolean {
    return this.#api.answers.total !== null || this.#api.answers.totalHeader !== null;
  }

  /**
   * Hands over page after page until `visit` answers false. The end is an empty page, or a total that is reached: a page
   * shorter than asked for may only be one that the API has cut. Each request may take until `until()`.
   */
  async each(
    parameters: Parameters,
    size: number,
    until: () => number,
    visit: (page: ListPage) => boolean,
  ): Promise<void> {
    const by = PAGINGS[this.#api.paging.by];
    const position: Position = { seen: 0, pages: 0, cursor: null };
    let before: readonly Document[] = [];
    for (;;) {
      const reply = await this.#request(
        [...by.ask(this.#api.paging, position, size), ...parameters],
        until(),
      );
      const page = this.#page(reply);
      before = this.#another(page.documents, before);
      position.seen += page.documents.length;
      position.pages += 1;
      const more = visit(page) && by.next(this.#api.paging, position, page, reply);
      if (!more || (page.total !== null && position.seen >= page.total)) return;
    }
  }

  /** One page of a list that the API filters and sorts as a whole. */
  async range(
    parameters: Parameters,
    { offset, limit }: { offset: number; limit: number },
    until: number,
  ): Promise<ListPage> {
    const { paging } = this.#api;
    const documents: Document[] = [];
    const page: { total: number | null } = { total: null };
    // Where the API cannot begin at any record, what lies before is read and dropped.
    const [jump, size] = paging.by === 'offset' ? [offset, Math.min(limit, paging.max)] : [0, paging.max];
    const wanted = offset - jump + limit;
    const at: Position = { seen: jump, pages: 0, cursor: null };
    const by = PAGINGS[paging.by];
    let before: readonly Document[] = [];
    for (;;) {
      const reply = await this.#request([...by.ask(paging, at, Math.max(1, size)), ...parameters], until);
      const { documents: found, total } = this.#page(reply);
      before = this.#another(found, before);
      documents.push(...found);
      page.total = total;
      at.seen += found.length;
      at.pages += 1;
      const ended = documents.length >= wanted || (total !== null && at.seen >= total);
      if (ended || !by.next(paging, at, { documents: found, total }, reply)) break;
    }
    return { documents: documents.slice(offset - jump, wanted), total: page.total };
  }

  /** Number of all that match, told by a page that is as small as can be. */
  async total(parameters: Parameters, until: number): Promise<number> {
    const { paging } = this.#api;
    const first = { seen: 0, pages: 0, cursor: null };
    const reply = await this.#request([...PAGINGS[paging.by].ask(paging, first, 1), ...parameters], until);
    return this.#page(reply).total ?? 0;
  }

  async #request(parameters: Parameters, until: number): Promise<Reply> {
    const query = new URLSearchParams(parameters).toString();
    const path = query === '' ? this.#path : `${this.#path}?${query}`;
    return await this.#channel.ask({ method: 'GET', path }, this.#asked, until);
  }

  /** An API that does not know the paging's parameters answers its first page for ever. */
  #another(documents: Document[], before: readonly Document[]): Document[] {
    if (documents.length === 0 || !sameValue(documents, [...before])) return documents;
    throw nonsense('the same page again for the next one: "paging" is not what the API knows', this.#asked);
  }

  #page({ body, headers }: Reply): ListPage {
    const { list, total, totalHeader } = this.#api.answers;
    const documents = at(body, list);
    if (!Array.isArray(documents) || !documents.every(isDocument))
      throw nonsense(`no list of records at "${list}" in the answer`, this.#asked);
    if (!this.hasTotal) return { documents, total: null };
    const said = totalHeader === null ? at(body, total ?? '') : headers[totalHeader];
    const count = Number(typeof said === 'object' && isExactNumber(said as Value) ? NaN : said);
    if (!Number.isSafeInteger(count) || count < 0) throw nonsense('no total in the answer', this.#asked);
    return { documents, total: count };
  }
}

type Paging = ApiSettings['paging'];

/** A row per way of paging: what is asked for, and whether there may be another page. */
const PAGINGS: Readonly<
  Record<
    Paging['by'],
    {
      ask: (paging: Paging, position: Position, size: number) => Parameters;
      next: (paging: Paging, position: Position, page: ListPage, reply: Reply) => boolean;
    }
  >
> = {
  none: { ask: () => [], next: () => false },
  page: {
    ask: ({ page, size: name, first }, { pages }, size) => [
      [page, String(first + pages)],
      [name, String(size)],
    ],
    next: (_paging, _position, { documents }) => documents.length > 0,
  },
  offset: {
    ask: ({ offset, size: name }, { seen }, size) => [
      [offset, String(seen)],
      [name, String(size)],
    ],
    next: (_paging, _position, { documents }) => documents.length > 0,
  },
  cursor: {
    ask: ({ cursor, size: name }, position, size) => [
      ...(position.cursor === null ? [] : ([[cursor, position.cursor]] satisfies Parameters)),
      [name, String(size)],
    ],
    next: ({ next, cursor }, position, _page, { body }) => {
      const said = at(body, next) ?? null;
      position.cursor = said === null || said === '' ? null : cursorOf(said, cursor);
      return position.cursor !== null;
    },
  },
};

/** An API says a cursor, or the URL of the next page with the cursor in it. */
function cursorOf(said: Value, parameter: string): string {
  const text = typeof said === 'number' || isExactNumber(said) ? numberText(said) : String(said);
  if (!/^(https?:\/)?\//.test(text)) return text;
  return new URL(text, 'http://next').searchParams.get(parameter) ?? text;
}
