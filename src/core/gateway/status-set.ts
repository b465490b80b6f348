import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'

/** Statuses of HTTP as people write them: `200`, `200-399`, `200,404`. */
export interface StatusSet {
  has(status: number): boolean
}

/** Read statuses. @throws MeshError `bad-input` */
export function parseStatusSet(text: string): StatusSet {
  const spans = text.split(',').map(part => {
    const [, first, last] = /^\s*(\d{3})(?:-(\d{3}))?\s*$/.exec(part) ?? []
    const [from, to] = [Number(first), Number(last ?? first)]
    if (first === undefined || from < 200 || to > 599 || from > to) {
      throw new MeshError('bad-input', `Cannot read statuses ${quote(text)}: write 200, 200-399 or 200,404`)
    }
    return [from, to] as const
  })
  return { has: status => spans.some(([from, to]) => from <= status && status <= to) }
}
