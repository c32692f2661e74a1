// The frame of a screen: its heading, what can be done on it, its content. The heading takes the focus when the screen
// is entered, so that a screen reader says where one is.
import { type ReactNode, useEffect, useRef } from 'react'

interface Props {
  title: string
  /** What stands beside the title: a count, a badge. */
  aside?: ReactNode
  actions?: ReactNode
  children: ReactNode
}

export function Page({ title, aside, actions, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Kitaru`
  }, [title])
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <div className="mx-auto flex w-full max-w-[90rem] flex-col gap-4 p-4 md:p-6">
      <header className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h1 ref={heading} tabIndex={-1} className="wrap-anywhere font-semibold text-xl outline-none">
          {title}
        </h1>
        {aside}
        <div className="ml-auto flex flex-wrap gap-2">{actions}</div>
      </header>
      {children}
    </div>
  )
}
