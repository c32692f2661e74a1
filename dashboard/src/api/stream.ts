// Server-sent events as text, taken apart (WHATWG HTML, section 9.2.6). Pure.

export interface Sent {
  id: string | null
  event: string
  data: string
}

/** Takes chunks of a stream; gives the events that are whole. One per stream. */
export function parser(): (chunk: string) => Sent[] {
  let rest = ''
  let id: string | null = null
  let event = ''
  let data: string[] = []
  // A line may end with two characters, and a chunk between them.
  let half = false
  return chunk => {
    const lines = (rest + (half && chunk.startsWith('\n') ? chunk.slice(1) : chunk)).split(/\r\n|\n|\r/)
    if (chunk !== '') half = chunk.endsWith('\r')
    rest = lines.pop() ?? ''
    const whole: Sent[] = []
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0 || id !== null) whole.push({ id, event: event || 'message', data: data.join('\n') })
        id = null
        event = ''
        data = []
        continue
      }
      const colon = line.indexOf(':')
      const name = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (name === 'id') id = value
      else if (name === 'event') event = value
      else if (name === 'data') data.push(value)
    }
    return whole
  }
}
