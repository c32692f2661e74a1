// One execution: what it is doing, its calls in time, and the call that is looked at.
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { execution } from '../../api/queries'
import { short } from '../../model/ids'
import { count, dollars, tokens } from '../../model/money'
import { hasEnded } from '../../model/status'
import { Ago, Took } from '../../ui/Ago'
import { buttonLook } from '../../ui/Button'
import { Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { Status } from '../../ui/Status'
import { CallPanel } from './CallPanel'
import { FlowPanel } from './FlowPanel'
import { StateBar } from './StateBar'
import { Waterfall } from './Waterfall'

const route = getRouteApi('/executions/$id')

export function ExecutionScreen() {
  const { id } = route.useParams()
  const { call } = route.useSearch()
  const { data, error, refetch } = useQuery(execution(id))
  if (error !== null && data === undefined) {
    return (
      <Page title={short(id)}>
        <Trouble error={error} again={() => void refetch()} />
      </Page>
    )
  }
  if (data === undefined) return <Loading what="the execution" />
  const used = tokens(data.usage)
  return (
    <Page
      title={data.flow}
      aside={
        <>
          <code className="font-mono text-soft text-sm">{short(data.id)}</code>
          <Status of={data.status} />
        </>
      }
      actions={
        <>
          <Link to="/executions/$id/replay" params={{ id: data.id }} className={buttonLook()}>
            Replay
          </Link>
          <Link to="/fleet" search={{ of: data.id }} className={buttonLook()}>
            Family
          </Link>
          {data.forked_from !== null && (
            <Link to="/compare" search={{ ids: `${data.forked_from},${data.id}` }} className={buttonLook()}>
              Compare with source
            </Link>
          )}
        </>
      }
    >
      <StateBar execution={data} />
      <dl className="flex flex-wrap gap-x-8 gap-y-2 text-sm [&_dt]:text-soft [&_dt]:text-xs">
        <Fact name="Begun">
          <Ago at={data.created_at} />
        </Fact>
        <Fact name={hasEnded(data.status) ? 'Took' : 'So far'}>
          <Took from={data.created_at} to={data.status === 'running' ? null : data.updated_at} />
        </Fact>
        <Fact name="Calls">{data.calls.length}</Fact>
        <Fact name="Tokens">
          {used === 0 ? '0' : `${count(data.usage.input_tokens)} in, ${count(data.usage.output_tokens)} out`}
        </Fact>
        <Fact name="Cost">{dollars(data.usage.cost_usd)}</Fact>
        {data.deployment !== null && (
          <Fact name="Deployment">
            <Link
              to="/deployments"
              search={{ flow: data.deployment.replace(/@[^@]*$/, '') }}
              className="wrap-anywhere text-link hover:underline"
            >
              {data.deployment}
            </Link>
          </Fact>
        )}
        {data.key !== null && <Fact name="Key">{data.key}</Fact>}
        {data.tags.length > 0 && (
          <Fact name="Tags">
            {data.tags.map((tag, at) => (
              <span key={tag}>
                {at > 0 && ', '}
                <Link to="/executions" search={{ tag }} className="text-link hover:underline">
                  {tag}
                </Link>
              </span>
            ))}
          </Fact>
        )}
        {data.parent !== null && (
          <Fact name="Started by">
            <Link
              to="/executions/$id"
              params={{ id: data.parent.id }}
              search={{ call: data.parent.key }}
              className="font-mono text-link hover:underline"
            >
              {short(data.parent.id)}
            </Link>
          </Fact>
        )}
        {data.forked_from !== null && (
          <Fact name="Replay of">
            <Link
              to="/executions/$id"
              params={{ id: data.forked_from }}
              className="font-mono text-link hover:underline"
            >
              {short(data.forked_from)}
            </Link>
          </Fact>
        )}
      </dl>
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <Waterfall execution={data} chosen={call} />
        <div className="lg:sticky lg:top-4 lg:max-h-[calc(100dvh-2rem)] lg:overflow-y-auto">
          {call === undefined ? <FlowPanel execution={data} /> : <CallPanel execution={data} name={call} />}
        </div>
      </div>
    </Page>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="num">{children}</dd>
    </div>
  )
}
