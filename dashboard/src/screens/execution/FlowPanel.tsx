// What the flow itself was given and came to, where no call is looked at.
import { useQuery } from '@tanstack/react-query'
import { artifacts } from '../../api/queries'
import type { Execution } from '../../api/schema'
import { Section, Traceback } from '../../ui/Section'
import { Value } from '../../ui/Value'
import { Artifacts } from './Artifacts'
import { Logs } from './Logs'

export function FlowPanel({ execution }: { execution: Execution }) {
  const kept = useQuery(artifacts(execution.id))
  return (
    <div className="sheet">
      <h2 className="sr-only">The flow</h2>
      <Section title="Inputs">
        <Value name="inputs" value={execution.inputs} />
      </Section>
      {execution.replay !== null && execution.replay.overrides.length > 0 && (
        <Section title="Changed for this replay">
          <Value name="overrides" value={execution.replay.overrides} />
        </Section>
      )}
      {execution.error !== null ? (
        <Section title="Error">
          <Traceback error={execution.error} />
        </Section>
      ) : (
        execution.status === 'completed' && (
          <Section title="Result">
            <Value name="result" value={execution.result} />
          </Section>
        )
      )}
      {(kept.data?.items.length ?? 0) > 0 && (
        <Section title="Artifacts">
          <Artifacts id={execution.id} items={kept.data?.items ?? []} />
        </Section>
      )}
      <Section title="Logs">
        <Logs id={execution.id} call={null} />
      </Section>
      {execution.code && (
        <Section title="Code digest">
          <code className="wrap-anywhere font-mono text-xs">{execution.code}</code>
        </Section>
      )}
    </div>
  )
}
