// What can be done to several executions at once. What costs money or ends something is asked about first.
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { type Act, type Outcome, useAct } from '../../api/acts'
import type { ExecutionBrief } from '../../api/schema'
import { short } from '../../model/ids'
import { hasEnded } from '../../model/status'
import { Button, buttonLook } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Trouble } from '../../ui/Notice'
import { ReplayChosen } from './ReplayChosen'

const ACTS: { what: Act; word: string; says: string; fits: (row: ExecutionBrief) => boolean }[] = [
  {
    what: 'resume',
    word: 'Resume',
    says: 'They go on where they stopped. What has finished is not run again; the rest is, and may cost money.',
    fits: row => row.status === 'paused' || row.status === 'interrupted',
  },
  {
    what: 'retry',
    word: 'Retry',
    says: 'What failed runs again, and may cost money. What finished does not.',
    fits: row => row.status === 'failed',
  },
  {
    what: 'cancel',
    word: 'Cancel',
    says: 'They stop, with all that they started. What they have finished stays on record; they cannot be resumed.',
    fits: row => !hasEnded(row.status),
  },
]

export function Chosen({ rows, clear }: { rows: ExecutionBrief[]; clear: () => void }) {
  const [asked, ask] = useState<Act | 'replay' | null>(null)
  const [outcome, tell] = useState<Outcome | null>(null)
  const act = useAct()
  const chosen = ACTS.find(one => one.what === asked)
  const fitting = chosen ? rows.filter(chosen.fits) : []
  return (
    <section
      aria-label="What to do with the chosen executions"
      className="sheet sticky bottom-4 z-10 mx-auto flex flex-wrap items-center gap-2 px-4 py-3 shadow-lg"
    >
      <span className="num mr-2 font-medium">{rows.length} chosen</span>
      {ACTS.map(one => (
        <Button key={one.what} disabled={!rows.some(one.fits)} onClick={() => ask(one.what)}>
          {one.word}
        </Button>
      ))}
      <Button icon="fork" onClick={() => ask('replay')}>
        Replay
      </Button>
      {rows.length >= 2 && rows.length <= 8 && (
        <Link to="/compare" search={{ ids: rows.map(row => row.id).join(',') }} className={buttonLook()}>
          Compare
        </Link>
      )}
      <Button kind="bare" onClick={clear}>
        Choose none
      </Button>
      {chosen && (
        <Dialog title={`${chosen.word} ${fitting.length} of ${rows.length}`} onClose={() => ask(null)}>
          <p>{chosen.says}</p>
          {outcome && <Told outcome={outcome} />}
          <div className="mt-4 flex justify-end gap-2">
            <Button onClick={() => ask(null)}>Back</Button>
            <Button
              kind={chosen.what === 'cancel' ? 'danger' : 'strong'}
              busy={act.isPending}
              onClick={async () => {
                const came = await act.mutateAsync({ what: chosen.what, ids: fitting.map(row => row.id) })
                tell(came)
                if (came.refused.length === 0) {
                  ask(null)
                  tell(null)
                  clear()
                }
              }}
            >
              {chosen.word} {fitting.length}
            </Button>
          </div>
        </Dialog>
      )}
      {asked === 'replay' && <ReplayChosen rows={rows} close={() => ask(null)} done={clear} />}
    </section>
  )
}

/** What was refused, each with its reason. */
export function Told({ outcome }: { outcome: Outcome }) {
  return (
    <div className="mt-3 flex max-h-60 flex-col gap-1 overflow-y-auto">
      <p role="status">
        Done: {outcome.done}. Refused: {outcome.refused.length}.
      </p>
      {outcome.refused.map(one => (
        <div key={one.id}>
          <code className="font-mono text-xs">{short(one.id)}</code>
          <Trouble error={one.error} />
        </div>
      ))}
    </div>
  )
}
