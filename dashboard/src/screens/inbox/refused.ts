// Beside which fields a refused answer is explained. Pure.
import { Refused } from '../../api/client'
import type { Wrongs } from '../../model/form'

/** What the server found wrong, by the path of the field (`/sources/0`); none where the refusal is about no field. */
export function wrongsOf(error: unknown): Wrongs | null {
  if (!(error instanceof Refused) || error.code !== 'bad-answer') return null
  const [, said] = /^the answer does not fit [^:]+: ([\s\S]*)$/.exec(error.message) ?? []
  if (said === undefined) return null
  const wrongs: Wrongs = {}
  for (const one of said.split(/; (?=\/)/)) {
    const [, path = '', why = one] = /^(\/\S*?): ([\s\S]*)$/.exec(one) ?? []
    wrongs[path] = why
  }
  return wrongs
}
