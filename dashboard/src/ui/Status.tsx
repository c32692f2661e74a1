// A state as a badge: sign, word and colour.
import { lookOf } from '../model/status'
import { Icon } from './Icon'

export function Status({ of }: { of: string }) {
  const look = lookOf(of)
  return (
    <span
      className={`inline-flex items-center gap-1 whitespace-nowrap rounded-full py-0.5 pr-2 pl-1.5 font-medium text-xs ${look.text} ${look.fill}`}
    >
      <Icon name={look.icon} className="size-3" />
      {look.word}
    </span>
  )
}
