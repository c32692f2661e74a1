// A list that is loaded page by page, brought up to date: only the pages that may have changed are read again, what is
// between and behind them stays, and no row is left out or shown twice. Pure: what reads a page is an argument.
//
// A page has the rows below the number of its cursor, newest first, down to the number that it gives as `next`.

export interface Row {
  id: string
  status: string
}

export interface Page<R extends Row> {
  items: R[]
  next: string | null
}

export interface Loaded<R extends Row> {
  pages: Page<R>[]
  pageParams: (string | undefined)[]
}

/** What has happened since the list was read. */
export interface News {
  /** Executions with the status that they have now, where that was told. */
  touched: Map<string, string | null>
  created: boolean
}

/** What a list is narrowed by that an execution can come to fit later than at its creation. */
export interface Narrowed {
  status?: string | undefined
  min_cost?: string | undefined
}

/** How many rows a page has, and how many rows that were kept are put together as one. */
export const PAGE = 100

/** What is to be read again. */
export interface Stale {
  /** Rows may have come above the first. */
  top: boolean
  /** Pages whose rows may be others now. */
  pages: Set<number>
}

/** Which pages may be other ones now. */
export function stale<R extends Row>({ pages }: Loaded<R>, news: News, narrowed: Narrowed): Stale {
  const found = new Set<number>()
  const places = new Map(pages.flatMap((page, at) => page.items.map((row): [string, number] => [row.id, at])))
  const statuses = narrowed.status?.split(',').filter(Boolean) ?? []
  for (const [id, status] of news.touched) {
    const at = places.get(id)
    const fits = statuses.length === 0 || status === null || statuses.includes(status)
    if (at !== undefined) found.add(at)
    // It comes into the list, and nothing tells where.
    else if (fits && (statuses.length > 0 || narrowed.min_cost)) for (const each of pages.keys()) found.add(each)
  }
  return { top: news.created, pages: found }
}

interface Part<R extends Row> {
  cursor: string | undefined
  page: Page<R>
  stale: boolean
}

/** The list with that read again. It reaches as far down as before, or to its end. */
export async function brought<R extends Row>(
  { pages, pageParams }: Loaded<R>,
  { top, pages: again }: Stale,
  read: (cursor: string | undefined) => Promise<Page<R>>,
): Promise<Loaded<R>> {
  const old = pages.map((page, at): Part<R> => ({ cursor: pageParams[at], page, stale: again.has(at) }))
  const fresh: Part<R>[] = []
  let cursor: string | undefined
  let first = top
  let next: Part<R> | undefined = old.shift()
  while (next !== undefined) {
    if (next.cursor === cursor && !next.stale && !first) {
      put(fresh, next)
      if (next.page.next === null) break
      cursor = next.page.next
      next = old.shift()
      continue
    }
    first = false
    const page = await read(cursor)
    fresh.push({ cursor, page, stale: true })
    if (page.next === null) break
    const reached = page.next
    cursor = reached
    // What has been read again is not kept too.
    while (next !== undefined && number(next.page.next) >= number(reached)) next = old.shift()
    if (next !== undefined && next.cursor !== reached) {
      next = behind(next, reached, page.items.at(-1)?.id)
    }
  }
  return { pages: fresh.map(part => part.page), pageParams: fresh.map(part => part.cursor) }
}

/** The part of a page behind a row, which begins there. Of a page that lacks the row that is not known. */
function behind<R extends Row>(part: Part<R>, cursor: string, id: string | undefined): Part<R> {
  const at = part.page.items.findIndex(row => row.id === id)
  if (at < 0) return part
  return { ...part, cursor, page: { ...part.page, items: part.page.items.slice(at + 1) } }
}

/** Adds a page that is kept; small ones that follow each other become one. */
function put<R extends Row>(to: Part<R>[], part: Part<R>) {
  const last = to.at(-1)
  if (last === undefined || last.stale || last.page.items.length + part.page.items.length > PAGE) {
    to.push(part)
    return
  }
  const items = [...last.page.items, ...part.page.items]
  to[to.length - 1] = { ...last, page: { items, next: part.page.next } }
}

/** The number in a cursor; the end of the list is below all. */
const number = (cursor: string | null) => (cursor === null ? -1 : Number(cursor.slice(1)))
