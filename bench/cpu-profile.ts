/** What is read of a file that `node --cpu-prof` writes. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      /** From 0. */
      readonly lineNumber: number
    }
  }[]
  /** µs of the monotonic clock. */
  readonly startTime: number
  readonly samples: readonly number[]
  /** µs since the sample before. */
  readonly timeDeltas: readonly number[]
}

/** A function and the time spent in itself, without what it calls. */
export interface HotFunction {
  readonly name: string
  /** `net/splice.ts:26`, `node:internal/…:120`; empty for what is not JavaScript. */
  readonly place: string
  readonly seconds: number
  /** Of the time the process was not idle, 0 to 1. */
  readonly share: number
}

/** The functions of a profile by self time, most first; idle time is left out. */
export function hotFunctions(
  profile: CpuProfile,
  window: { readonly fromUs: number; readonly toUs: number },
): HotFunction[] {
  const selfUs = new Map<string, number>()
  const labels = new Map(profile.nodes.map(({ id, callFrame }) => [id, labelOf(callFrame)]))
  let nowUs = profile.startTime
  for (const [index, node] of profile.samples.entries()) {
    // A delta is the time from the sample before to this one; it is given to what this one saw.
    const deltaUs = profile.timeDeltas[index] ?? 0
    nowUs += deltaUs
    if (nowUs < window.fromUs || nowUs > window.toUs) continue
    const label = labels.get(node) ?? ''
    if (label !== '(idle)\n') selfUs.set(label, (selfUs.get(label) ?? 0) + deltaUs)
  }
  const busyUs = [...selfUs.values()].reduce((sum, each) => sum + each, 0)
  return [...selfUs]
    .map(([label, us]) => {
      const [name = '', place = ''] = label.split('\n')
      return { name, place, seconds: us / 1e6, share: us / busyUs }
    })
    .toSorted((a, b) => b.seconds - a.seconds)
}

function labelOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const name = frame.functionName === '' ? '(anonymous)' : frame.functionName
  const file = frame.url.replace(/^file:.*\/(?=src\/|node_modules\/|dist\/)/, '').replace(/^src\//, '')
  return `${name}\n${file === '' ? '' : `${file}:${frame.lineNumber + 1}`}`
}
