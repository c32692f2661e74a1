import { describe, expect, it } from 'vitest'
import { words } from './words'

const told = (before: string, after: string) =>
  words(before, after)
    .map(({ kind, text }) => (kind === 'same' ? text : kind === 'added' ? `{+${text}+}` : `[-${text}-]`))
    .join('')

describe('words of two texts', () => {
  it('marks whole words', () => {
    expect(told('the quick brown fox', 'the quick red fox')).toBe('the quick [-brown-]{+red+} fox')
  })

  it('takes letters of all scripts as letters', () => {
    expect(told('über die Brücke', 'über die Brücken')).toBe('über die [-Brücke-]{+Brücken+}')
  })

  it('gives both texts back', () => {
    const [before, after] = ['a <b>c</b> 💡 d\n\n e', 'a <i>c</i> 💡💡 f\n e']
    const parts = words(before, after)
    const side = (without: string) =>
      parts
        .filter(part => part.kind !== without)
        .map(part => part.text)
        .join('')
    expect([side('added'), side('removed')]).toEqual([before, after])
  })

  it('tells of more words than there are characters that the one is in place of the other', () => {
    const many = Array.from({ length: 60_000 }, (_, at) => `w${at}`).join(' ')
    expect(words(many, 'x').map(part => part.kind)).toEqual(['removed', 'added'])
    expect(words('', 'x')).toEqual([{ kind: 'added', text: 'x' }])
  })
})
