// A command to paste into a terminal, with a button that copies it.
import { useState } from 'react'
import { Button } from './Button'

export function Command({ text }: { text: string }) {
  const [said, say] = useState('')
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => say('Copied'),
      () => say('Not copied: select it by hand'),
    )
  }
  return (
    <div className="flex max-w-full items-center gap-1 rounded-md bg-sunk pl-2.5">
      {/* What is scrolled can be scrolled by the keyboard too. */}
      <code
        tabIndex={0}
        className="min-w-0 flex-1 select-all overflow-x-auto whitespace-nowrap py-1.5 font-mono text-xs"
      >
        {text}
      </code>
      <span aria-live="polite" className="text-soft text-xs">
        {said}
      </span>
      <Button kind="bare" icon="copy" onClick={copy} aria-label={`Copy: ${text}`} className="!px-2" />
    </div>
  )
}
