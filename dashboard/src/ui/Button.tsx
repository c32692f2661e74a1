// Buttons, and links that look like them.
import type { ButtonHTMLAttributes } from 'react'
import { Icon, type IconName } from './Icon'

const SHAPE =
  'inline-flex items-center justify-center gap-1.5 whitespace-nowrap rounded-md border px-3 py-1.5 font-medium text-sm select-none disabled:cursor-not-allowed disabled:opacity-50'

const KINDS = {
  strong: 'border-transparent bg-strong text-on-strong hover:opacity-90',
  plain: 'border-edge/50 bg-card text-ink hover:bg-sunk',
  bare: 'border-transparent bg-transparent text-soft hover:bg-sunk hover:text-ink',
  danger: 'border-failed/50 bg-card text-failed hover:bg-failed-fill',
} as const

export type ButtonKind = keyof typeof KINDS

export const buttonLook = (kind: ButtonKind = 'plain') => `${SHAPE} ${KINDS[kind]}`

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: ButtonKind
  icon?: IconName
  busy?: boolean
}

export function Button({ kind = 'plain', icon, busy = false, children, className = '', disabled, ...rest }: Props) {
  return (
    <button
      type="button"
      className={`${buttonLook(kind)} ${className}`}
      disabled={disabled === true || busy}
      aria-busy={busy}
      {...rest}
    >
      {icon && <Icon name={icon} className="size-3.5" />}
      {children}
    </button>
  )
}
