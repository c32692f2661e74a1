// Deployments: the versions of each flow's code that the store has, and the tags that name them. Tags are moved and rolled
// back here, and a version is started. Not here: deploying, which reads a project (`kitaru deploy`).
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { deployments } from '../../api/queries'
import { byFlow, type Of } from '../../model/deployed'
import { Command } from '../../ui/Copy'
import { Empty, Loading, Trouble } from '../../ui/Notice'
import { Page } from '../../ui/Page'
import { Start } from '../flows/Start'
import { FlowVersions } from './FlowVersions'
import { MoveTag } from './MoveTag'
import { RollBack } from './RollBack'

const route = getRouteApi('/deployments')

export type Asked =
  | { what: 'start'; of: Of; at: string }
  | { what: 'tag'; of: Of; version: string }
  | { what: 'back'; of: Of; tag: string; version: string }

export function DeploymentsScreen() {
  const { flow } = route.useSearch()
  const query = useQuery(deployments(flow))
  const flows = useMemo(() => byFlow(query.data?.items ?? []), [query.data])
  const [asked, ask] = useState<Asked | null>(null)
  const close = () => ask(null)
  return (
    <Page
      title="Deployments"
      aside={
        flow !== undefined && (
          <span className="wrap-anywhere text-soft text-sm">
            of <span>{flow}</span>{' '}
            <Link to="/deployments" className="text-link underline">
              All flows
            </Link>
          </span>
        )
      }
    >
      {query.isPending && <Loading what="deployments" />}
      {query.isError && <Trouble error={query.error} again={() => void query.refetch()} />}
      {query.data && flows.length === 0 && (
        <div className="sheet">
          <Empty title={flow === undefined ? 'Nothing was deployed.' : `No version of ${flow} was deployed.`}>
            <p className="mx-auto mt-1 mb-4 max-w-prose">
              A deployment keeps a project as it is now under a name that never means anything else. Workers run it
              wherever they are, and each execution stays on the version that it began with.
            </p>
            <div className="mx-auto w-fit max-w-full text-left">
              <Command text="kitaru deploy FILE.py:FLOW --tag prod" />
            </div>
          </Empty>
        </div>
      )}
      {flows.map(of => (
        <FlowVersions key={of.flow} of={of} ask={ask} />
      ))}
      {asked?.what === 'start' && <Start flow={asked.of.flow} at={asked.at} close={close} />}
      {asked?.what === 'tag' && <MoveTag of={asked.of} version={asked.version} close={close} />}
      {asked?.what === 'back' && <RollBack {...asked} close={close} />}
    </Page>
  )
}
