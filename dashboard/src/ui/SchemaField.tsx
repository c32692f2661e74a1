// The field of a form that a JSON Schema asks for, and the fields inside it.
import { useId, useState } from 'react'
import {
  beginning,
  type Draft,
  type Field,
  fieldOf,
  isDraftObject,
  resolved,
  type Schema,
  Unfinished,
  type Wrongs,
} from '../model/form'
import type { Json } from '../model/value'
import { Button } from './Button'

interface Props {
  schema: Schema
  root: Schema
  label: string
  says?: string | undefined
  required: boolean
  path: string
  draft: Draft
  wrongs: Wrongs
  change: (draft: Draft) => void
}

/** Up to so many options stand beside each other as buttons. */
const BUTTONS = 6

export function SchemaField(props: Props) {
  const field = fieldOf(props.schema, props.root)
  if (field.kind === 'object') return <ObjectFields {...props} field={field} />
  if (field.kind === 'list') return <ListFields {...props} field={field} />
  if (field.kind === 'boolean') return <Choices {...props} options={[true, false]} words={['Yes', 'No']} />
  if (field.kind === 'choice' && field.options.length <= BUTTONS) return <Choices {...props} options={field.options} />
  return <Single {...props} field={field} />
}

function Wrong({ id, text }: { id: string; text: string | undefined }) {
  return text === undefined ? null : (
    <p id={id} className="text-failed text-xs" role="alert">
      {text}
    </p>
  )
}

function Label({ label, required }: { label: string; required: boolean }) {
  return (
    <>
      {label}
      {!required && <span className="text-soft text-xs"> (optional)</span>}
    </>
  )
}

export const wordOf = (option: Json) => (typeof option === 'string' ? option : JSON.stringify(option))

function Choices({
  label,
  says,
  required,
  path,
  draft,
  wrongs,
  change,
  options,
  words,
}: Props & { options: Json[]; words?: string[] }) {
  const id = useId()
  const wrong = wrongs[path]
  return (
    <fieldset aria-describedby={wrong === undefined ? undefined : `${id}-wrong`}>
      <legend className="mb-1 text-sm">
        <Label label={label} required={required} />
      </legend>
      {says && <p className="mb-1 text-soft text-xs">{says}</p>}
      <div className="flex flex-wrap gap-1.5">
        {options.map((option, at) => (
          <label
            key={wordOf(option)}
            className="cursor-pointer rounded-md border border-edge/50 px-3 py-1 text-sm has-checked:border-transparent has-checked:bg-strong has-checked:text-on-strong has-focus-visible:outline-2 has-focus-visible:outline-focus has-focus-visible:outline-offset-1"
          >
            <input
              type="radio"
              name={id}
              className="sr-only"
              checked={draft === option}
              onChange={() => change(option)}
              onClick={() => !required && draft === option && change(undefined)}
            />
            {words?.[at] ?? wordOf(option)}
          </label>
        ))}
      </div>
      <Wrong id={`${id}-wrong`} text={wrong} />
    </fieldset>
  )
}

function ObjectFields({
  schema,
  root,
  label,
  path,
  draft,
  wrongs,
  change,
  field,
}: Props & { field: Field & { kind: 'object' } }) {
  const values = isDraftObject(draft) ? draft : {}
  const inner = (
    <div className="flex flex-col gap-4">
      {field.fields.map(one => (
        <SchemaField
          key={one.name}
          schema={one.schema}
          root={root}
          label={one.label}
          says={one.says}
          required={one.required}
          path={`${path}/${one.name}`}
          draft={values[one.name]}
          wrongs={wrongs}
          change={inside => change({ ...values, [one.name]: inside })}
        />
      ))}
      {wrongs[path] && <Wrong id={`${path}-wrong`} text={wrongs[path]} />}
    </div>
  )
  if (path === '') return inner
  const { description } = resolved(schema, root)
  return (
    <fieldset className="rounded-md border border-line p-3">
      <legend className="px-1 text-sm">{label}</legend>
      {typeof description === 'string' && <p className="mb-2 text-soft text-xs">{description}</p>}
      {inner}
    </fieldset>
  )
}

function ListFields({
  root,
  label,
  says,
  required,
  path,
  draft,
  wrongs,
  change,
  field,
}: Props & { field: Field & { kind: 'list' } }) {
  const items: Draft[] = Array.isArray(draft) ? draft : []
  const put = (at: number, inside: Draft) => change(items.map((one, place) => (place === at ? inside : one)))
  return (
    <fieldset className="rounded-md border border-line p-3">
      <legend className="px-1 text-sm">
        <Label label={label} required={required} />
      </legend>
      {says && <p className="mb-2 text-soft text-xs">{says}</p>}
      <ol className="flex flex-col gap-2">
        {items.map((item, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: an item is known by its place alone
          <li key={at} className="flex items-end gap-2">
            <div className="flex-1">
              <SchemaField
                schema={field.item}
                root={root}
                label={`${label} ${at + 1}`}
                required
                path={`${path}/${at}`}
                draft={item}
                wrongs={wrongs}
                change={inside => put(at, inside)}
              />
            </div>
            <Button
              kind="bare"
              icon="cross"
              aria-label={`Remove ${label} ${at + 1}`}
              onClick={() => change(items.filter((_, place) => place !== at))}
            />
          </li>
        ))}
      </ol>
      <Button
        className="mt-2"
        disabled={field.most !== undefined && items.length >= field.most}
        onClick={() => change([...items, beginning(field.item, root)])}
      >
        Add
      </Button>
      <Wrong id={`${path}-wrong`} text={wrongs[path]} />
    </fieldset>
  )
}

type SingleField = Exclude<Field, { kind: 'object' | 'list' | 'boolean' }>

function Single({ label, says, required, path, draft, wrongs, change, field }: Props & { field: SingleField }) {
  const id = useId()
  const wrong = wrongs[path]
  const [text, setText] = useState(() => textOf(draft, field))
  const set = (typed: string) => {
    setText(typed)
    change(draftOf(typed, field))
  }
  const shared = {
    id,
    'aria-invalid': wrong !== undefined,
    'aria-describedby': `${id}-says${wrong === undefined ? '' : ` ${id}-wrong`}`,
    'aria-required': required,
  }
  return (
    <div className="flex flex-col gap-1">
      <label htmlFor={id} className="text-sm">
        <Label label={label} required={required} />
      </label>
      {input(field, shared, text, set)}
      <p id={`${id}-says`} className="text-soft text-xs empty:hidden">
        {[says, boundsOf(field)].filter(Boolean).join(' ')}
      </p>
      <Wrong id={`${id}-wrong`} text={wrong} />
    </div>
  )
}

type Shared = { id: string; 'aria-invalid': boolean; 'aria-describedby': string; 'aria-required': boolean }

function input(field: SingleField, shared: Shared, text: string, set: (text: string) => void) {
  if (field.kind === 'choice') {
    return (
      <select {...shared} className="field" value={text} onChange={event => set(event.target.value)}>
        <option value="">Choose</option>
        {field.options.map(option => (
          <option key={wordOf(option)} value={JSON.stringify(option)}>
            {wordOf(option)}
          </option>
        ))}
      </select>
    )
  }
  if (field.kind === 'json' || (field.kind === 'text' && field.long)) {
    return (
      <textarea
        {...shared}
        className={`field ${field.kind === 'json' ? 'font-mono text-xs' : ''}`}
        rows={Math.min(12, Math.max(field.kind === 'json' ? 2 : 3, text.split('\n').length))}
        spellCheck={field.kind === 'text'}
        value={text}
        onChange={event => set(event.target.value)}
      />
    )
  }
  const kinds: Record<string, string> = { date: 'date', email: 'email', uri: 'url', time: 'time' }
  const type = field.kind === 'text' ? (kinds[field.format ?? ''] ?? 'text') : 'text'
  return (
    <input
      {...shared}
      type={type}
      inputMode={field.kind === 'number' ? (field.whole ? 'numeric' : 'decimal') : undefined}
      className="field"
      value={text}
      onChange={event => set(event.target.value)}
    />
  )
}

function textOf(draft: Draft, field: SingleField): string {
  if (draft === undefined) return ''
  if (draft instanceof Unfinished) return draft.text
  return field.kind === 'text' && typeof draft === 'string' ? draft : JSON.stringify(draft, null, 2)
}

function draftOf(text: string, field: SingleField): Draft {
  if (field.kind === 'text') return text
  if (text.trim() === '') return undefined
  if (field.kind === 'number') {
    const number = Number(text)
    const fits = Number.isFinite(number) && (!field.whole || Number.isInteger(number))
    if (!fits) return new Unfinished(text, field.whole ? 'This is not a whole number.' : 'This is not a number.')
    if (field.whole && !Number.isSafeInteger(number)) {
      return new Unfinished(text, 'A browser cannot keep so many digits exactly: answer with the command.')
    }
    const { min, max } = field
    if ((min !== undefined && number < min) || (max !== undefined && number > max))
      return new Unfinished(text, boundsOf(field))
    return number
  }
  try {
    return JSON.parse(text) as Json
  } catch {
    return new Unfinished(text, 'This is not JSON. A text stands in double quotes.')
  }
}

function boundsOf(field: SingleField): string {
  if (field.kind === 'json') return 'As JSON.'
  if (field.kind === 'text' && field.most !== undefined && !field.long) return `At most ${field.most} characters.`
  if (field.kind !== 'number') return ''
  const { min, max } = field
  if (min !== undefined && max !== undefined) return `From ${min} to ${max}.`
  if (min !== undefined) return `${min} or more.`
  return max === undefined ? '' : `At most ${max}.`
}
