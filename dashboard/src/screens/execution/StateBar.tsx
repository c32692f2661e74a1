// Says in a sentence why an execution is not progressing and what to do, with the button and the command for it.
// Not here: what a paused call is given (Pending).
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { type Act, useAct } from '../../api/acts'
import type { Execution } from '../../api/schema'
import { hasEnded, LOOKS } from '../../model/status'
import { Ago } from '../../ui/Ago'
import { Button, buttonLook } from '../../ui/Button'
import { Command } from '../../ui/Copy'
import { Dialog } from '../../ui/Dialog'
import { Icon } from '../../ui/Icon'
import { Trouble } from '../../ui/Notice'
import { askedAbout, Decide } from './Decide'
import { Pending } from './Pending'

const SURE: Partial<Record<Act, string>> = {
  cancel: 'It stops, with all that it started. What has finished stays on record; it cannot be resumed.',
  delete: 'Its record is removed, with all that it started. This cannot be undone.',
}

export function StateBar({ execution }: { execution: Execution }) {
  const [asked, ask] = useState<Act | null>(null)
  const act = useAct()
  const { status, diagnosis, waits, pending } = execution
  const look = LOOKS[status]
  const decision = askedAbout(execution)
  const perform = async (what: Act) => {
    await act.mutateAsync({ what, ids: [execution.id] })
    ask(null)
  }
  const refused = act.data?.refused[0]
  return (
    <section aria-label="State" className="sheet flex flex-col gap-3 p-4">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-3">
        <div className={`mt-0.5 rounded-full p-1.5 ${look.text} ${look.fill}`}>
          <Icon name={look.icon} />
        </div>
        <div className="min-w-0 flex-1 basis-64">
          <p className="wrap-anywhere font-medium">{sentence(execution)}</p>
          {diagnosis?.wake_at && (
            <p className="text-soft">
              It wakes <Ago at={diagnosis.wake_at} />.
            </p>
          )}
        </div>
        <div className="flex flex-wrap gap-2">
          {status === 'waiting' && waits[0] && (
            <Link
              to="/inbox"
              search={{ wait: `${waits[0].execution_id}/${waits[0].key}` }}
              className={buttonLook('strong')}
            >
              Answer
            </Link>
          )}
          {status === 'failed' && (
            <Button kind="strong" icon="retry" busy={act.isPending} onClick={() => void perform('retry')}>
              Retry what failed
            </Button>
          )}
          {(status === 'interrupted' || (status === 'paused' && pending === null && decision === null)) && (
            <Button kind="strong" icon="play" busy={act.isPending} onClick={() => void perform('resume')}>
              Resume
            </Button>
          )}
          {status === 'running' && (
            <Button icon="pause" busy={act.isPending} onClick={() => void perform('pause')}>
              Pause
            </Button>
          )}
          {hasEnded(status) ? (
            <Button kind="bare" onClick={() => ask('delete')}>
              Delete
            </Button>
          ) : (
            <Button kind="danger" onClick={() => ask('cancel')}>
              Cancel
            </Button>
          )}
        </div>
      </div>
      {decision !== null && <Decide execution={execution} asked={decision} />}
      {pending !== null && <Pending execution={execution} key={JSON.stringify(pending)} />}
      {diagnosis?.next && <Command text={diagnosis.next} />}
      {refused && <Trouble error={refused.error} />}
      {asked !== null && (
        <Dialog
          title={asked === 'cancel' ? 'Cancel this execution?' : 'Delete this execution?'}
          onClose={() => ask(null)}
        >
          <p>{SURE[asked]}</p>
          <div className="mt-4 flex justify-end gap-2">
            <Button onClick={() => ask(null)}>Back</Button>
            <Button kind="danger" busy={act.isPending} onClick={() => void perform(asked)}>
              {asked === 'cancel' ? 'Cancel it' : 'Delete it'}
            </Button>
          </div>
        </Dialog>
      )}
    </section>
  )
}

/** What it is doing, or why it is doing nothing, and what for. */
export function sentence({ status, diagnosis, reason, owner, error, waits }: Execution): string {
  const why = diagnosis?.why ?? reason?.text ?? ''
  const more = why === '' ? '' : `: ${why}`
  switch (status) {
    case 'completed':
      return 'Completed.'
    case 'cancelled':
      return `Cancelled${more}.`
    case 'failed':
      return `Failed${error ? `: ${error.message}` : more}. After a fix, what failed runs again and what finished does not.`
    case 'waiting':
      return waits.length > 0 ? `Waiting for an answer: ${waits[0]?.question}` : `Waiting${more}.`
    case 'sleeping':
      return `Sleeping${more}.`
    case 'paused':
      return `Paused${more}. It goes on when somebody resumes it.`
    case 'interrupted':
      return `Interrupted${more}. Resumed, it goes on where it stopped.`
    case 'running':
      return `Running${owner ? ` in process ${owner.pid} on ${owner.host}` : ''}${more}.`
  }
}
