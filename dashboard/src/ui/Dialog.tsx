// A dialog: the platform's own element keeps the focus inside, closes on Escape and gives the focus back.
import { type ReactNode, useEffect, useRef } from 'react'
import { Button } from './Button'

interface Props {
  title: string
  onClose: () => void
  children: ReactNode
}

export function Dialog({ title, onClose, children }: Props) {
  const own = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const dialog = own.current
    dialog?.showModal()
    // Where one types, or the first way out: not on what closes it.
    dialog?.querySelector<HTMLElement>('input, textarea, select, [data-inside] button')?.focus()
    return () => dialog?.close()
  }, [])
  return (
    <dialog
      ref={own}
      aria-label={title}
      onClose={onClose}
      onCancel={onClose}
      className="sheet m-auto w-[min(40rem,calc(100vw-2rem))] p-5 text-ink shadow-xl"
    >
      <div className="mb-3 flex items-start justify-between gap-4">
        <h2 className="font-semibold text-lg">{title}</h2>
        <Button kind="bare" icon="cross" aria-label="Close" onClick={onClose} className="-mt-1 -mr-2" />
      </div>
      <div data-inside>{children}</div>
    </dialog>
  )
}
