// Named values to edit in place, a field each. Tells what has to be set, or that something typed is no value.
import { useState } from 'react'
import { changes, read, type Typed, typed } from '../model/edit'
import type { Json } from '../model/value'
import { Button } from './Button'

interface Props {
  values: Record<string, Json>
  /** What stands before each name in a path: `analyze.inputs.`. */
  prefix: string
  onChange: (set: Record<string, Json> | null) => void
}

/** Above so many characters a value is opened for editing, and not before. */
const LARGE = 5_000

export function EditValues({ values, prefix, onChange }: Props) {
  const [fields, setFields] = useState<Record<string, Typed>>({})
  const change = (name: string, text: string | null) => {
    const next = { ...fields }
    if (text === null) delete next[name]
    else next[name] = { ...typed(values[name] ?? null), text }
    setFields(next)
    onChange(tell(next))
  }
  const tell = (all: Record<string, Typed>) => {
    const set: Record<string, Json> = {}
    for (const [name, field] of Object.entries(all)) {
      const got = read(field)
      if ('error' in got) return null
      Object.assign(set, changes(values[name] ?? null, got.value, `${prefix}${name}`))
    }
    return set
  }
  const names = Object.keys(values)
  if (names.length === 0) return <p className="text-soft">There is nothing to change.</p>
  return (
    <div className="flex flex-col gap-3">
      {names.map(name => (
        <Field
          key={name}
          name={name}
          original={values[name] ?? null}
          field={fields[name]}
          change={text => change(name, text)}
        />
      ))}
    </div>
  )
}

interface FieldProps {
  name: string
  original: Json
  field: Typed | undefined
  change: (text: string | null) => void
}

function Field({ name, original, field, change }: FieldProps) {
  const shown = field ?? typed(original)
  const [open, setOpen] = useState(shown.text.length <= LARGE)
  const got = read(shown)
  const id = `edit-${name}`
  return (
    <div>
      <div className="flex items-center gap-2">
        <label htmlFor={id} className="font-mono text-xs">
          {name}
        </label>
        {field && (
          <Button kind="bare" className="!px-1.5 !py-0 text-xs" onClick={() => change(null)}>
            As it was
          </Button>
        )}
      </div>
      {open ? (
        <textarea
          id={id}
          className="field mt-1 max-h-96 font-mono text-xs leading-5"
          rows={Math.min(14, shown.text.split('\n').length + (shown.text.length > 80 ? 1 : 0))}
          spellCheck={false}
          value={shown.text}
          aria-invalid={'error' in got}
          aria-describedby={'error' in got ? `${id}-wrong` : undefined}
          onChange={event => change(event.target.value)}
        />
      ) : (
        <Button className="mt-1" onClick={() => setOpen(true)}>
          Edit {shown.text.length} characters
        </Button>
      )}
      {'error' in got && (
        <p id={`${id}-wrong`} className="text-failed text-xs">
          {got.error}
        </p>
      )}
    </div>
  )
}
