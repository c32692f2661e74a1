// How the dashboard talks to its server: the generated client, the token, and refusals as errors.
// Not here: what is asked (queries.ts) and what happens by itself (live.ts).
import createClient, { type Middleware } from 'openapi-fetch'
import { exact } from './exact'
import type { Problem, paths } from './schema'

/** A refusal by the server, with the project's own code: `kitaru explain CODE` says what it means. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly hint: string | null,
  ) {
    super(detail)
    this.name = 'Refused'
  }
}

const KEPT = 'kitaru.token'

/** The token of this tab; it is kept until the tab is closed, and nowhere else. */
export const token = {
  get: () => sessionStorage.getItem(KEPT),
  set: (text: string) => sessionStorage.setItem(KEPT, text),
  clear: () => sessionStorage.removeItem(KEPT),
}

/** What requests carry to say who asks. */
export function credentials(): Record<string, string> {
  const shown = token.get()
  return shown === null ? {} : { Authorization: `Bearer ${shown}` }
}

const identify: Middleware = {
  onRequest({ request }) {
    for (const [name, value] of Object.entries(credentials())) request.headers.set(name, value)
    return request
  },
  async onResponse({ response }) {
    if (!response.headers.get('content-type')?.includes('json')) return undefined
    const text = await response.clone().text()
    const whole = exact(text)
    return whole === text ? undefined : new Response(whole, response)
  },
}

export const api = createClient<paths>({ baseUrl: '' })
api.use(identify)

/** A problem document as an error; `body` may be anything that somebody between here and the server sent. */
export function refusal(status: number, body: unknown): Refused {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Partial<Problem>
  const detail = problem.detail ?? `the server answered with status ${status}`
  return new Refused(status, problem.code ?? 'server-io', detail, problem.hint ?? null)
}

/** The answer's body. Throws [`Refused`] for a refusal, and what fetch throws when there is no answer. */
export async function body<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked
  if (data === undefined) throw refusal(response.status, error)
  return data
}

/** A key for a request that must count once however often it is sent. */
export function once(): { 'Idempotency-Key': string } {
  const random = crypto.getRandomValues(new Uint8Array(16))
  return { 'Idempotency-Key': Array.from(random, one => one.toString(16).padStart(2, '0')).join('') }
}
