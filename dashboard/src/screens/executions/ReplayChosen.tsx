// Replays several executions from the same place. What that will run, and what it cost last time, is shown before.
import { useQueries } from '@tanstack/react-query'
import { useState } from 'react'
import { actOnAll, type Outcome } from '../../api/acts'
import { api, body, once } from '../../api/client'
import { sayWhoGoesOn } from '../../api/said'
import type { ExecutionBrief } from '../../api/schema'
import { dollars } from '../../model/money'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Loading } from '../../ui/Notice'
import { Told } from './Chosen'

interface Props {
  rows: ExecutionBrief[]
  close: () => void
  done: () => void
}

const asked = (from: string) => ({ from, keep_recorded: false, set: {}, ask_again: [] })

export function ReplayChosen({ rows, close, done }: Props) {
  const [from, setFrom] = useState(rows.every(row => row.status === 'failed') ? 'failure' : 'start')
  const [outcome, tell] = useState<Outcome | null>(null)
  const [busy, setBusy] = useState(false)
  const plans = useQueries({
    queries: rows.map(row => ({
      queryKey: ['execution', row.id, 'plan', from],
      queryFn: () =>
        body(api.POST('/api/v1/executions/{id}/plan', { params: { path: { id: row.id } }, body: asked(from) })),
      retry: false,
    })),
  })
  const good = rows.filter((_, at) => plans[at]?.isSuccess)
  const refused = rows.flatMap((row, at) => (plans[at]?.isError ? [{ id: row.id, error: plans[at]?.error }] : []))
  const sum = (of: (plan: NonNullable<(typeof plans)[number]['data']>) => number) =>
    plans.reduce((all, plan) => all + (plan.data ? of(plan.data) : 0), 0)
  const start = async () => {
    setBusy(true)
    const came = await actOnAll(
      good.map(row => row.id),
      async id => {
        const replayed = await body(
          api.POST('/api/v1/executions/{id}/replay', { params: { path: { id }, header: once() }, body: asked(from) }),
        )
        return replayed.goes_on
      },
    )
    setBusy(false)
    if (came.goesOn !== null) sayWhoGoesOn(`${came.done} created`, came.goesOn)
    tell(came)
    if (came.refused.length === 0) {
      done()
      close()
    }
  }
  return (
    <Dialog title={`Replay ${rows.length} executions`} onClose={close}>
      <label className="flex flex-col gap-1">
        From
        <select className="field" value={from} onChange={event => setFrom(event.target.value)}>
          <option value="failure">the failed call: what ended before it is reused</option>
          <option value="start">the start: everything runs again</option>
        </select>
      </label>
      {plans.some(plan => plan.isPending) ? (
        <Loading what="plans" />
      ) : (
        <p className="mt-3">
          Reused: {sum(plan => plan.reused.calls)} calls. Runs: {sum(plan => plan.runs.calls)}, may run:{' '}
          {sum(plan => plan.may_run.calls)}; last time these cost{' '}
          {dollars(sum(plan => plan.runs.usage.cost_usd + plan.may_run.usage.cost_usd))}.
        </p>
      )}
      {outcome ? (
        <Told outcome={outcome} />
      ) : (
        refused.length > 0 && <Told outcome={{ done: 0, goesOn: null, refused }} />
      )}
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={close}>Back</Button>
        <Button kind="strong" busy={busy} disabled={good.length === 0} onClick={() => void start()}>
          Start {good.length}
        </Button>
      </div>
    </Dialog>
  )
}
