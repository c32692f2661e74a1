// A titled part of a panel.
import type { ReactNode } from 'react'

export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="border-line border-t px-4 py-3 first-of-type:border-t-0">
      <div className="mb-1 flex items-center justify-between gap-2">
        <h3 className="font-medium text-soft text-xs">{title}</h3>
        {aside}
      </div>
      {children}
    </section>
  )
}

export function Traceback({ error }: { error: { type: string; message: string; traceback?: string | null } }) {
  const name = error.type.replace(/^builtins\./, '')
  return (
    <div>
      <p className="wrap-anywhere text-failed">
        <span className="font-medium">{name}</span>: {error.message}
      </p>
      {error.traceback && (
        <pre
          tabIndex={0}
          role="region"
          aria-label="Traceback"
          className="mt-2 max-h-96 overflow-auto rounded-md bg-sunk p-3 font-mono text-xs leading-5"
        >
          {error.traceback}
        </pre>
      )}
    </div>
  )
}
