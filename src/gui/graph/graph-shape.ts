/** A step of a graph: a value, or null where nothing is known. */
export type Step = number | null

/**
 * Join steps, so that a graph has no more points than can be told apart.
 *
 * @param count  how many there are after it; the last ones may hold fewer steps
 * @param join  of the steps that are known; those where none is stay unknown
 */
export function joinSteps(steps: readonly Step[], count: number, join: (known: number[]) => number): Step[] {
  const size = Math.max(1, Math.ceil(steps.length / count))
  return Array.from({ length: Math.ceil(steps.length / size) }, (_, index) => {
    const known = steps.slice(index * size, (index + 1) * size).filter(step => step !== null)
    return known.length === 0 ? null : join(known)
  })
}

/** The least round number that is not below any step, so that the axis says something: 1, 2 or 5 times a power of ten. */
export function topOf(steps: readonly Step[]): number {
  const most = Math.max(...steps.map(step => step ?? 0), 1e-9)
  const power = 10 ** Math.floor(Math.log10(most))
  const top = [1, 2, 5, 10].find(times => times * power >= most) ?? 10
  return top * power
}

/**
 * The line of a graph as the data of an SVG path: broken where nothing is known; a step between two unknown ones is a dot.
 *
 * @param size  of the picture, in its own units; the first step is at the left edge, the last at the right one
 */
export function lineOf(
  steps: readonly Step[],
  top: number,
  { width, height }: { readonly width: number; readonly height: number },
): string {
  const x = (index: number) => round((width * index) / Math.max(1, steps.length - 1))
  const y = (value: number) => round(height - (height * Math.min(value, top)) / top)
  let isOpen = false
  const parts: string[] = []
  for (const [index, step] of steps.entries()) {
    if (step !== null) parts.push(`${isOpen ? 'L' : 'M'}${x(index)} ${y(step)}${isOpen ? '' : 'h0'}`)
    isOpen = step !== null
  }
  return parts.join('')
}

const round = (value: number) => Math.round(value * 10) / 10

/** Everything together; 0 of nothing. */
export function sum(values: readonly Step[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0)
}

/** What is usual; null of nothing. */
export function mean(values: readonly Step[]): Step {
  const known = values.filter(value => value !== null)
  return known.length === 0 ? null : sum(known) / known.length
}
