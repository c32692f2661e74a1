// How two texts differ, word by word. Pure; loaded when a difference is looked at.
import { DIFF_DELETE, DIFF_EQUAL, diff_match_patch } from '@dmsnell/diff-match-patch'

export interface Part {
  kind: 'same' | 'removed' | 'added'
  text: string
}

/** Seconds after which what is left is told as replaced. */
const PATIENCE = 0.5
/** A character stands for a word while they are compared; so many are there for that. */
const MOST = 0xd800 - 1

/** Words with the space behind them, and signs. */
const WORD = /[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu

export function words(before: string, after: string): Part[] {
  const known = new Map<string, string>()
  const all = ['']
  const coded = (text: string): string | null => {
    let code = ''
    for (const word of text.match(WORD) ?? []) {
      let sign = known.get(word)
      if (sign === undefined) {
        if (all.length >= MOST) return null
        sign = String.fromCharCode(all.length)
        known.set(word, sign)
        all.push(word)
      }
      code += sign
    }
    return code
  }
  const [one, other] = [coded(before), coded(after)]
  if (one === null || other === null) return whole(before, after)
  const differ = new diff_match_patch()
  differ.Diff_Timeout = PATIENCE
  const found = differ.diff_main(one, other, false)
  differ.diff_cleanupSemantic(found)
  return (found as unknown as [number, string][]).map(([what, code]) => ({
    kind: what === DIFF_EQUAL ? 'same' : what === DIFF_DELETE ? 'removed' : 'added',
    text: Array.from(code, sign => all[sign.charCodeAt(0)] ?? '').join(''),
  }))
}

function whole(before: string, after: string): Part[] {
  const parts: Part[] = [
    { kind: 'removed', text: before },
    { kind: 'added', text: after },
  ]
  return parts.filter(part => part.text !== '')
}
