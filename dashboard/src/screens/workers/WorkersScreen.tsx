// Workers: who takes up what waits its turn, and which process runs which executions.
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { workers } from '../../api/queries'
import type { LocalWorker, Worker, Workers } from '../../api/schema'
import { short } from '../../model/ids'
import { Icon } from '../../ui/Icon'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'

export function WorkersScreen() {
  const { data, error, isPending, refetch } = useQuery(workers())
  return (
    <Page title="Workers">
      {isPending && <Loading what="workers" />}
      {error && <Trouble error={error} again={() => void refetch()} />}
      {data && (
        <>
          {data.local === null && (
            <p className="text-soft">This server only serves: it has no worker of its own (kitaru up has one).</p>
          )}
          <All of={data} />
          <Processes of={data} />
        </>
      )}
    </Page>
  )
}

const KINDS: Record<string, string> = { up: 'kitaru up', worker: 'kitaru worker', embedded: 'in an application' }

function All({ of }: { of: Workers }) {
  // This server's own knows best what it does.
  const local = of.local
  const others = of.workers.filter(worker => local === null || worker.pid !== local.pid)
  if (local === null && others.length === 0) {
    return (
      <div className="sheet">
        <Empty title="No worker is there.">
          <p className="mt-1">
            What is answered or due is then carried on by whoever answers. Start one with{' '}
            <code className="font-mono text-xs">kitaru worker</code>.
          </p>
        </Empty>
      </div>
    )
  }
  return (
    <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
      {local && <One of={local} name="This server" />}
      {others.map(worker => (
        <One
          key={`${worker.host} ${worker.pid}`}
          of={worker}
          name={worker.host}
          kind={KINDS[worker.kind] ?? worker.kind}
        />
      ))}
    </ul>
  )
}

function One({ of, name, kind }: { of: LocalWorker | Worker; name: string; kind?: string }) {
  const full = of.running >= of.at_once
  return (
    <li className="sheet flex flex-col gap-3 p-4">
      <div className="flex items-center gap-2">
        <Icon name="worker" className="size-4 text-soft" />
        <span className="wrap-anywhere font-medium">{name}</span>
        <span className="num ml-auto text-soft text-xs">
          {kind !== undefined && `${kind} · `}process {of.pid}
        </span>
      </div>
      <div>
        <div className="num flex text-sm">
          <span>
            {of.running} of {of.at_once} at once
          </span>
          <span className={`ml-auto ${of.queued > 0 ? 'text-waiting' : 'text-soft'}`}>
            {of.queued === 0 ? 'nobody waits' : `${of.queued} ${of.queued === 1 ? 'waits its' : 'wait their'} turn`}
          </span>
        </div>
        <div aria-hidden="true" className="mt-1.5 flex gap-1">
          {Array.from({ length: Math.min(of.at_once, 32) }, (_, place) => (
            <span
              // biome-ignore lint/suspicious/noArrayIndexKey: places never change
              key={place}
              className={`h-1.5 flex-1 rounded-full ${place < of.running ? (full ? 'bg-waiting' : 'bg-running') : 'bg-sunk'}`}
            />
          ))}
        </div>
      </div>
      <Serves of={of} />
    </li>
  )
}

/** Which executions are for it. */
function Serves({ of: { pools, flows } }: { of: LocalWorker | Worker }) {
  return (
    <dl className="grid grid-cols-[3rem_minmax(0,1fr)] gap-x-2 text-xs [&_dd]:wrap-anywhere [&_dt]:text-soft">
      <dt>{pools.length === 1 ? 'Pool' : 'Pools'}</dt>
      <dd>
        <Names of={pools} />
      </dd>
      <dt>Flows</dt>
      <dd>{flows.length === 0 ? 'whichever' : <Names of={flows} />}</dd>
    </dl>
  )
}

function Names({ of }: { of: string[] }) {
  return of.map((one, at) => (
    <span key={one}>
      {at > 0 && ', '}
      <span>{one}</span>
    </span>
  ))
}

function Processes({ of }: { of: Workers }) {
  return (
    <section aria-label="Processes" className="sheet">
      <h2 className="px-4 pt-3 pb-2 font-medium text-sm">Processes that have executions now</h2>
      {of.items.length === 0 && <p className="px-4 pb-4 text-soft">None: nothing runs.</p>}
      <ul>
        {of.items.map(one => (
          <li
            key={`${one.host} ${one.pid}`}
            className="grid gap-x-4 gap-y-1 border-line border-t px-4 py-2.5 sm:grid-cols-[14rem_minmax(0,1fr)]"
          >
            <span className="wrap-anywhere">
              {one.host} <span className="num text-soft text-xs">process {one.pid}</span>
            </span>
            <span className="flex flex-wrap gap-x-4 gap-y-1">
              {one.executions.map(execution => (
                <Link
                  key={execution.id}
                  to="/executions/$id"
                  params={{ id: execution.id }}
                  className="text-link hover:underline"
                >
                  {execution.flow} <code className="font-mono text-xs">{short(execution.id)}</code>
                </Link>
              ))}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
