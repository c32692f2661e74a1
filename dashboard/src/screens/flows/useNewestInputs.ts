// The inputs that a flow's newest execution was given, as text to begin with: its signature is in its code, which is not
// loaded here.
import { useQuery } from '@tanstack/react-query'
import { execution, flow as flowQuery, flows } from '../../api/queries'
import { asText } from '../../model/inputs'
import type { Json } from '../../model/value'

interface Beginning {
  /** Undefined while it is not known. */
  text: string | undefined
  /** Whether the flow has run here. */
  hasRun: boolean
  error: unknown
}

/** Of a flow that has not run it is an empty object. */
export function useNewestInputs(flow: string): Beginning {
  const known = useQuery(flows())
  // A flow that is not there is not asked for: that would be refused.
  const hasRun = known.data?.items.some(one => one.flow === flow) ?? false
  const shape = useQuery({ ...flowQuery(flow), enabled: hasRun })
  const newest = shape.data?.newest
  const given = useQuery({ ...execution(newest ?? ''), enabled: newest !== undefined })
  const error = known.error ?? (hasRun ? (shape.error ?? given.error) : null)
  if (known.data !== undefined && !hasRun) return { text: asText({}), hasRun, error }
  return { text: given.data === undefined ? undefined : asText(given.data.inputs as Json), hasRun, error }
}
