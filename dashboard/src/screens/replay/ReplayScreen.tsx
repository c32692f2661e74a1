// Replaying an execution: from where, with what changed, and what that will run, before anything does.
// Not here: the plan as a list (PlanView).
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useDeferredValue, useEffect, useState } from 'react'
import { api, body, once } from '../../api/client'
import { call as callQuery, execution } from '../../api/queries'
import { sayWhoGoesOn } from '../../api/said'
import type { CallInExecution, Execution } from '../../api/schema'
import { read } from '../../model/edit'
import { short } from '../../model/ids'
import type { Json } from '../../model/value'
import { Button, buttonLook } from '../../ui/Button'
import { EditValues } from '../../ui/EditValues'
import { Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { Section } from '../../ui/Section'
import { PlanView } from './PlanView'

const route = getRouteApi('/executions/$id/replay')

/** A plan is asked for when nothing was changed for so many milliseconds. */
const REST = 300
/** So many calls are offered to choose from; any other can be typed. */
const OFFERED = 500

interface Asked {
  from: string | null
  reuse: 'frontier' | 'unchanged' | null
  keep_recorded: boolean
  set: Record<string, Json>
  ask_again: string[]
  on_drift: null
  tags: string[]
}

export function ReplayScreen() {
  const { id } = route.useParams()
  const { data, error, refetch } = useQuery(execution(id))
  if (data === undefined) {
    return error === null ? <Loading what="the execution" /> : <Trouble error={error} again={() => void refetch()} />
  }
  return <Replay source={data} />
}

function Replay({ source }: { source: Execution }) {
  const search = route.useSearch()
  const navigate = useNavigate()
  const client = useQueryClient()
  const from = search.from ?? failedCall(source) ?? 'start'
  const [flowSet, setFlow] = useState<Record<string, Json> | null>({})
  const [callSet, setCall] = useState<Record<string, Json> | null>({})
  const [again, setAgain] = useState<string[]>([])
  const [reuse, setReuse] = useState<'frontier' | 'unchanged'>('frontier')
  const [keep, setKeep] = useState(false)
  const chosen = source.calls.find(one => one.key === from)
  const answered = source.calls.filter(one => one.kind === 'wait' && one.status === 'completed')
  const ready = flowSet !== null && callSet !== null
  const asked: Asked = {
    from: reuse === 'unchanged' ? null : from,
    reuse,
    keep_recorded: keep,
    set: { ...flowSet, ...callSet },
    ask_again: again,
    on_drift: null,
    tags: [],
  }
  const settled = useSettled(JSON.stringify(asked))
  const current = settled === JSON.stringify(asked)
  const plan = useQuery({
    queryKey: ['execution', source.id, 'plan', settled],
    enabled: ready,
    queryFn: ({ signal }) => {
      const params = { path: { id: source.id } }
      return body(api.POST('/api/v1/executions/{id}/plan', { params, body: JSON.parse(settled) as Asked, signal }))
    },
    placeholderData: keepPreviousData,
    retry: false,
  })
  // Sent again after a lost connection, it starts once; changed, it is another replay.
  const [key, renew] = useState(once)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another request has another key
  useEffect(() => renew(once()), [settled])
  const start = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/v1/executions/{id}/replay', { params: { path: { id: source.id }, header: key }, body: asked }),
      ),
    onSuccess: replayed => {
      sayWhoGoesOn('The replay is created', replayed.goes_on)
      void client.invalidateQueries({ queryKey: ['executions'] })
      void navigate({ to: '/compare', search: { ids: `${source.id},${replayed.id}` } })
    },
  })
  return (
    <Page
      title={`Replay ${source.flow}`}
      aside={
        <Link to="/executions/$id" params={{ id: source.id }} className="font-mono text-link text-sm hover:underline">
          {short(source.id)}
        </Link>
      }
      actions={
        <>
          <Link to="/executions/$id" params={{ id: source.id }} className={buttonLook()}>
            Back
          </Link>
          <Button
            kind="strong"
            icon="fork"
            busy={start.isPending}
            disabled={!ready || !current || !plan.isSuccess || plan.isPlaceholderData}
            onClick={() => start.mutate()}
          >
            Start the replay
          </Button>
        </>
      }
    >
      {start.isError && <Trouble error={start.error} />}
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
        <div className="sheet">
          <Section title="From where">
            <From
              calls={source.calls}
              from={from}
              set={next => {
                setCall({})
                void navigate({
                  to: '/executions/$id/replay',
                  params: { id: source.id },
                  search: { from: next },
                  replace: true,
                })
              }}
              reuse={reuse}
              setReuse={setReuse}
            />
          </Section>
          {chosen && chosen.kind !== 'wait' && (
            <Section title={`What ${chosen.key} is given`}>
              <CallChange key={chosen.key} id={source.id} call={chosen} change={setCall} />
            </Section>
          )}
          {answered.length > 0 && (
            <Section title="Questions that were answered">
              <Again waits={answered} again={again} set={setAgain} />
            </Section>
          )}
          <Section title="Inputs of the flow">
            <EditValues values={objectOf(source.inputs)} prefix="flow." onChange={setFlow} />
            {Object.keys(flowSet ?? {}).length > 0 && (
              <label className="mt-3 flex items-center gap-2 text-sm">
                <input type="checkbox" checked={keep} onChange={event => setKeep(event.target.checked)} />
                Keep what is recorded: calls that are made with the same inputs are reused
              </label>
            )}
          </Section>
        </div>
        <section aria-label="Plan" className={`sheet ${current && !plan.isPlaceholderData ? '' : 'opacity-60'}`}>
          {plan.isError ? (
            <Trouble error={plan.error} again={() => void plan.refetch()} />
          ) : plan.data === undefined ? (
            <Loading what="the plan" />
          ) : (
            <PlanView plan={plan.data} />
          )}
        </section>
      </div>
    </Page>
  )
}

/** The call that the execution failed by. */
function failedCall({ status, reason, calls }: Execution): string | undefined {
  if (status !== 'failed') return undefined
  const sources = (reason as { sources?: number[] } | null)?.sources ?? []
  return calls.find(call => sources.includes(call.record))?.key ?? 'failure'
}

const objectOf = (value: unknown): Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, Json>) : {}

/** A text, when it has not changed for a while. */
function useSettled(text: string): string {
  const deferred = useDeferredValue(text)
  const [settled, settle] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => settle(deferred), REST)
    return () => clearTimeout(timer)
  }, [deferred])
  return settled
}

interface FromProps {
  calls: CallInExecution[]
  from: string
  set: (from: string) => void
  reuse: 'frontier' | 'unchanged'
  setReuse: (reuse: 'frontier' | 'unchanged') => void
}

function From({ calls, from, set, reuse, setReuse }: FromProps) {
  const failed = calls.some(call => call.status === 'failed')
  const offered = calls.slice(0, OFFERED)
  const known = from === 'start' || from === 'failure' || offered.some(call => call.key === from)
  return (
    <div className="flex flex-col gap-2">
      <label className="flex items-center gap-2">
        <input type="radio" name="reuse" checked={reuse === 'frontier'} onChange={() => setReuse('frontier')} />
        From a call on; what ended before it is reused
      </label>
      {reuse === 'frontier' && (
        <select
          aria-label="The call to begin at"
          className="field ml-6 !w-auto font-mono"
          value={from}
          onChange={event => set(event.target.value)}
        >
          <option value="start">start</option>
          {(failed || from === 'failure') && <option value="failure">failure: the call that failed</option>}
          {!known && <option value={from}>{from}</option>}
          {offered.map(call => (
            <option key={call.key} value={call.key}>
              {call.step}. {call.key}
            </option>
          ))}
        </select>
      )}
      <label className="flex items-center gap-2">
        <input type="radio" name="reuse" checked={reuse === 'unchanged'} onChange={() => setReuse('unchanged')} />
        All that has the same inputs and the same code is reused, wherever it stands
      </label>
    </div>
  )
}

interface CallChangeProps {
  id: string
  call: CallInExecution
  change: (set: Record<string, Json> | null) => void
}

/** Changes what a call is given, or supplies what it comes to. */
function CallChange({ id, call, change }: CallChangeProps) {
  const { data, error } = useQuery(callQuery(id, call.key))
  const [output, setOutput] = useState<string | null>(null)
  if (error !== null) return <Trouble error={error} />
  if (data === undefined) return <Loading what="its inputs" />
  const got = output === null ? null : read({ text: output, isText: false })
  const supply = (text: string | null) => {
    setOutput(text)
    if (text === null) return change({})
    const next = read({ text, isText: false })
    change('value' in next ? { [`${call.key}.output`]: next.value } : null)
  }
  return (
    <div className="flex flex-col gap-3">
      {output === null ? (
        <EditValues values={objectOf(data.inputs)} prefix={`${call.key}.inputs.`} onChange={change} />
      ) : (
        <label className="flex flex-col gap-1">
          Its output, as JSON; the call does not run
          <textarea
            className="field font-mono text-xs leading-5"
            rows={6}
            spellCheck={false}
            value={output}
            aria-invalid={got !== null && 'error' in got}
            onChange={event => supply(event.target.value)}
          />
          {got !== null && 'error' in got && <span className="text-failed text-xs">{got.error}</span>}
        </label>
      )}
      <Button
        className="self-start"
        onClick={() => supply(output === null ? JSON.stringify(data.output ?? null, null, 2) : null)}
      >
        {output === null ? 'Set its output instead' : 'Change its inputs instead'}
      </Button>
    </div>
  )
}

function Again({ waits, again, set }: { waits: CallInExecution[]; again: string[]; set: (again: string[]) => void }) {
  return (
    <ul className="flex flex-col gap-1">
      {waits.map(wait => (
        <li key={wait.key}>
          <label className="flex items-center gap-2">
            <input
              type="checkbox"
              checked={again.includes(wait.key)}
              onChange={event =>
                set(event.target.checked ? [...again, wait.key] : again.filter(one => one !== wait.key))
              }
            />
            Ask <code className="font-mono text-xs">{wait.key}</code> again
          </label>
        </li>
      ))}
    </ul>
  )
}
