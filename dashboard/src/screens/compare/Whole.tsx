// What differs of two executions as a whole: their inputs, result and error. All of them is read when it is asked for.
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useState } from 'react'
import { execution } from '../../api/queries'
import type { Diff, Difference } from '../../api/schema'
import type { Json } from '../../model/value'
import { Button } from '../../ui/Button'
import { Loading, Trouble } from '../../ui/Notice'
import { Section } from '../../ui/Section'

const ValueDiff = lazy(() => import('../../ui/ValueDiff'))

export function Whole({ diff }: { diff: Diff }) {
  const [all, setAll] = useState(false)
  const [first, second] = diff.error ?? []
  return (
    <section aria-label="The executions as a whole" className="sheet">
      <header className="flex items-center gap-2 px-4 py-2">
        <h2 className="flex-1 font-medium text-sm">As a whole</h2>
        {!all && <Button onClick={() => setAll(true)}>Show the values</Button>}
      </header>
      {all ? (
        <Values diff={diff} />
      ) : (
        <>
          <Section title="Inputs">
            <Places of={diff.inputs ?? []} />
          </Section>
          <Section title="Result">
            <Places of={diff.result ?? []} />
          </Section>
        </>
      )}
      {diff.error && (
        <Section title="Error">
          <p className="wrap-anywhere">
            <span className="text-soft">First: </span>
            {first ?? 'none'}
          </p>
          <p className="wrap-anywhere">
            <span className="text-soft">Second: </span>
            {second ?? 'none'}
          </p>
        </Section>
      )}
      <p className="border-line border-t px-4 py-3 text-soft text-xs">Choose a call to see what of it differs.</p>
    </section>
  )
}

function Values({ diff }: { diff: Diff }) {
  const first = useQuery(execution(diff.executions[0]?.id ?? ''))
  const second = useQuery(execution(diff.executions[1]?.id ?? ''))
  const error = first.error ?? second.error
  if (error) return <Trouble error={error} />
  if (first.data === undefined || second.data === undefined) return <Loading what="values" />
  return (
    <Suspense fallback={<Loading what="values" />}>
      <Section title="Inputs">
        <ValueDiff before={first.data.inputs as Json} after={second.data.inputs as Json} />
      </Section>
      <Section title="Result">
        <ValueDiff before={first.data.result as Json} after={second.data.result as Json} />
      </Section>
    </Suspense>
  )
}

/** The places where two values differ, as the server names them. */
export function Places({ of }: { of: Difference[] }) {
  if (of.length === 0) return <p className="text-soft">The same.</p>
  return (
    <ul className="flex flex-col gap-1 font-mono text-xs leading-5">
      {of.map(one => (
        <li key={one.path} className="wrap-anywhere">
          <span className="text-soft">{one.path}: </span>
          <del className="bg-failed-fill text-failed line-through">{one.before ?? 'nothing'}</del>{' '}
          <ins className="bg-completed-fill text-completed no-underline">{one.after ?? 'nothing'}</ins>
        </li>
      ))}
    </ul>
  )
}
