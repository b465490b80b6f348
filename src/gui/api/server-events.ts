/** One event that a server sent. */
export interface ServerEvent {
  readonly event: string
  /** Its data, read as JSON; undefined if it is none. */
  readonly data: unknown
}

/**
 * Make a reader of server-sent events: give it text as it comes, in any pieces.
 *
 * @returns the events that are complete with that piece
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html, "Interpreting an event stream"
 */
export function createEventReader(): (text: string) => ServerEvent[] {
  let rest = ''
  return text => {
    const blocks = (rest + text).split('\n\n')
    rest = blocks.pop() ?? ''
    return blocks.map(readEvent).filter(({ data }) => data !== undefined)
  }
}

function readEvent(block: string): ServerEvent {
  const lines = block.split('\n').map(line => /^(\w+): ?(.*)$/.exec(line) ?? [])
  const valuesOf = (name: string) => lines.flatMap(([, field, value = '']) => (field === name ? value : []))
  try {
    return { event: valuesOf('event')[0] ?? 'message', data: JSON.parse(valuesOf('data').join('\n')) }
  } catch {
    return { event: 'message', data: undefined }
  }
}
