// `node bench/fuzz.ts [--inputs N] [--seed S] [--only PART]`: feed every reader of what comes from outside with spoilt inputs.
// It fails on an error that is no refusal, on an input that takes too long, and on memory that grows.
import { parseArgs } from 'node:util'
import { createSeededRandom, type SeededRandom } from '../src/testing/seeded-random.ts'
import { FUZZED_PARSERS, type FuzzedParser, isRefusal } from './fuzz-parsers.ts'

/** What was found of one reader. */
export interface FuzzResult {
  readonly name: string
  readonly inputCount: number
  readonly refusedCount: number
  readonly slowestMs: number
  readonly grownBytes: number
  /** Inputs, in hex, and what came of them. */
  readonly finds: readonly string[]
}

/** Feed one reader. @param gc  collects garbage, so that growth can be seen */
export function fuzz(parser: FuzzedParser, inputCount: number, seed: number, gc?: () => void): FuzzResult {
  const random = createSeededRandom(seed)
  const finds: string[] = []
  let [refusedCount, slowestMs] = [0, 0]
  gc?.()
  const heapBefore = process.memoryUsage().heapUsed
  for (let count = 0; count < inputCount && finds.length < MAX_FINDS; count++) {
    const input = spoil(parser.seeds, random)
    const startedMs = performance.now()
    try {
      parser.read(input)
    } catch (error) {
      if (isRefusal(error)) refusedCount += 1
      else finds.push(`${String(error)}: ${Buffer.from(input).toString('hex').slice(0, 400)}`)
    }
    const tookMs = performance.now() - startedMs
    slowestMs = Math.max(slowestMs, tookMs)
    if (tookMs > MAX_INPUT_MS) finds.push(`${tookMs} ms: ${Buffer.from(input).toString('hex').slice(0, 400)}`)
  }
  gc?.()
  const grownBytes = process.memoryUsage().heapUsed - heapBefore
  if (gc !== undefined && grownBytes > MAX_GROWN_BYTES) finds.push(`memory grew by ${grownBytes} bytes`)
  return { name: parser.name, inputCount, refusedCount, slowestMs, grownBytes, finds }
}

/** A seed changed in one to eight places: bits, bytes, pieces cut out, doubled, or taken from another seed. */
function spoil(seeds: readonly Uint8Array[], random: SeededRandom): Uint8Array {
  const below = (end: number) => Math.floor(random() * end)
  const choose = () => seeds[below(seeds.length)] ?? new Uint8Array(0)
  let bytes = [...choose()]
  for (let change = 1 + below(8); change > 0; change--) {
    const at = below(bytes.length + 1)
    const length = below(Math.min(16, bytes.length + 1))
    switch (below(7)) {
      case 0:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))
        break
      case 1:
        bytes[at] = ODD_BYTES[below(ODD_BYTES.length)] ?? 0
        break
      case 2:
        bytes.splice(at, length)
        break
      case 3:
        bytes.splice(at, 0, ...bytes.slice(at, at + length))
        break
      case 4:
        bytes.splice(at, 0, ...Array.from({ length }, () => below(256)))
        break
      case 5: {
        const other = choose()
        bytes = [...bytes.slice(0, at), ...other.slice(below(other.length + 1))]
        break
      }
      default:
        if (below(4) === 0) bytes = bytes.slice(0, at)
    }
  }
  return Uint8Array.from(bytes)
}

function main(): void {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: '100000' },
      seed: { type: 'string' },
      only: { type: 'string' },
    },
  })
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed)
  console.log(
    `seed ${seed}\n\n| Reader | Inputs | Refused | Slowest, ms | Grown, KiB | Finds |\n| --- | ---: | ---: | ---: | ---: | ---: |`,
  )
  let findCount = 0
  for (const parser of FUZZED_PARSERS.filter(({ name }) => name.includes(values.only ?? ''))) {
    const result = fuzz(parser, Number(values.inputs), seed, globalThis.gc)
    const { name, inputCount, refusedCount, slowestMs, grownBytes, finds } = result
    const share = `${((100 * refusedCount) / inputCount).toFixed(0)} %`
    console.log(
      `| ${name} | ${inputCount} | ${share} | ${slowestMs.toFixed(1)} | ${(grownBytes / 1_024).toFixed(0)} | ${finds.length} |`,
    )
    for (const find of finds) console.log(`    ${find}`)
    findCount += finds.length
  }
  process.exitCode = findCount === 0 ? 0 : 1
}

const MAX_FINDS = 5
/** On a machine that does other things beside. */
const MAX_INPUT_MS = 1_000
const MAX_GROWN_BYTES = 16 * 1_048_576
const ODD_BYTES = [0, 1, 0x7f, 0x80, 0xff, 10, 13, 32, 0x22, 0x5c, 0x2f, 0x2e, 0x3a, 0x25]

if (import.meta.main) main()
