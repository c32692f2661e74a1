// One question with its form, what the flow has attached to it, and the calls that led to it.
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type KeyboardEvent, useState } from 'react'
import { api, body, once } from '../../api/client'
import { execution } from '../../api/queries'
import { sayWhoGoesOn } from '../../api/said'
import type { Wait } from '../../api/schema'
import { beginning, type Draft, fieldOf, finish, type Schema, type Wrongs } from '../../model/form'
import { short } from '../../model/ids'
import type { Json } from '../../model/value'
import { Ago } from '../../ui/Ago'
import { Button } from '../../ui/Button'
import { Command } from '../../ui/Copy'
import { Trouble } from '../../ui/Notice'
import { SchemaField, wordOf } from '../../ui/SchemaField'
import { Section } from '../../ui/Section'
import { Status } from '../../ui/Status'
import { Value } from '../../ui/Value'
import { wrongsOf } from './refused'

/** Calls before the question that are shown. */
const BEFORE = 8
/** Up to so many answers are a button each, which sends it at once. */
const BUTTONS = 6

export function Question({ wait, done }: { wait: Wait; done: () => void }) {
  const client = useQueryClient()
  const schema: Schema = (wait.schema as Schema | null) ?? {}
  const [draft, setDraft] = useState<Draft>(() => beginning(schema, schema))
  const [wrongs, setWrongs] = useState<Wrongs>({})
  // Sent again after a lost connection, the same answer counts once.
  const [key] = useState(once)
  const answer = useMutation({
    mutationFn: (value: Json) => {
      const params = { path: { id: wait.execution_id }, header: key }
      return body(api.POST('/api/v1/executions/{id}/input', { params, body: { value, wait: wait.key } }))
    },
    onSuccess: async answered => {
      sayWhoGoesOn('Answered', answered.goes_on)
      await client.invalidateQueries({ queryKey: ['waits'] })
      done()
    },
    onError: error => setWrongs(wrongsOf(error) ?? {}),
  })
  const field = fieldOf(schema, schema)
  const options: [string, Json][] =
    field.kind === 'boolean'
      ? [
          ['Yes', true],
          ['No', false],
        ]
      : field.kind === 'choice' && field.options.length <= BUTTONS
        ? field.options.map(option => [wordOf(option), option])
        : field.kind === 'nothing'
          ? [['Go on', null]]
          : []
  const send = () => {
    const finished = finish(draft, schema, schema)
    setWrongs('wrongs' in finished ? finished.wrongs : {})
    if ('value' in finished) answer.mutate(finished.value)
  }
  const press = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      send()
    }
  }
  return (
    <article className="sheet">
      <header className="px-4 pt-4 pb-3">
        <p className="flex flex-wrap items-center gap-x-2 text-soft text-xs">
          <span>{wait.name}</span>·
          <Link
            to="/executions/$id"
            params={{ id: wait.execution_id }}
            search={{ call: wait.key }}
            className="font-mono text-link hover:underline"
          >
            {short(wait.execution_id)}
          </Link>
          · asked <Ago at={wait.opened_at} />
          {wait.deadline !== null && (
            <span className={wait.overdue ? 'text-failed' : 'text-waiting'}>
              · due <Ago at={wait.deadline} />
              {wait.on_timeout && `, then ${wait.on_timeout}`}
            </span>
          )}
        </p>
        <h2 className="wrap-anywhere mt-1 whitespace-pre-wrap font-semibold text-lg">{wait.question || wait.name}</h2>
      </header>
      {wait.metadata !== null && (
        <Section title="Shown with it">
          <Value name="what is shown" value={wait.metadata} />
        </Section>
      )}
      <form
        aria-label="Answer"
        className="flex flex-col gap-4 border-line border-t px-4 py-4"
        onKeyDown={press}
        onSubmit={event => {
          event.preventDefault()
          send()
        }}
      >
        {options.length > 0 ? (
          <div className="flex flex-wrap gap-2">
            {options.map(([word, value], at) => (
              <Button
                key={word}
                kind={at === 0 ? 'strong' : 'plain'}
                className="min-w-24"
                busy={answer.isPending}
                onClick={() => answer.mutate(value)}
              >
                {word}
              </Button>
            ))}
          </div>
        ) : (
          <>
            <SchemaField
              schema={schema}
              root={schema}
              label="Answer"
              required
              path=""
              draft={draft}
              wrongs={wrongs}
              change={setDraft}
            />
            <div className="flex items-center gap-3">
              <Button kind="strong" type="submit" busy={answer.isPending}>
                Send the answer
              </Button>
              <span className="text-soft text-xs">Ctrl Enter sends it</span>
            </div>
          </>
        )}
        {answer.isError && Object.keys(wrongs).length === 0 && <Trouble error={answer.error} />}
      </form>
      <Before wait={wait} />
      {wait.next && (
        <Section title="On a terminal">
          <Command text={wait.next} />
        </Section>
      )}
    </article>
  )
}

function Before({ wait }: { wait: Wait }) {
  const { data } = useQuery(execution(wait.execution_id))
  const calls = data?.calls ?? []
  const at = calls.findIndex(call => call.key === wait.key)
  const before = calls.slice(Math.max(0, at - BEFORE), Math.max(0, at))
  if (data === undefined || before.length === 0) return null
  return (
    <Section title={at > BEFORE ? `The last ${BEFORE} of ${at} calls before it` : 'The calls before it'}>
      <ol className="flex flex-col">
        {before.map(call => (
          <li key={call.key} className="flex items-center gap-2 py-1">
            <Link
              to="/executions/$id"
              params={{ id: wait.execution_id }}
              search={{ call: call.key }}
              className="wrap-anywhere min-w-0 flex-1 font-mono text-link text-xs hover:underline"
            >
              {call.key}
            </Link>
            <Status of={call.status} />
          </li>
        ))}
      </ol>
    </Section>
  )
}
