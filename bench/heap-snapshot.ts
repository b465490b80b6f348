import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** As much of a heap snapshot as is looked at: `nodes` has as many numbers for each thing as `node_fields` has names. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      readonly node_types: readonly [readonly string[]]
    }
  }
  readonly nodes: readonly number[]
  readonly strings: readonly string[]
}

/** Bytes of each kind of thing. */
export type Sizes = ReadonlyMap<string, number>

/** The flags of a Node process that writes snapshots into a folder of its own. */
export const snapshotFlags = (folder: string): readonly string[] => [
  '--heapsnapshot-signal=SIGUSR2',
  `--diagnostic-dir=${folder}`,
]

/** Have a process write a snapshot, which collects garbage first. @returns bytes of each kind of thing */
export async function takeSizes(pid: number, folder: string): Promise<Sizes> {
  process.kill(pid, 'SIGUSR2')
  for (;;) {
    await delay(500)
    const [file] = await readdir(folder)
    if (file === undefined) continue
    try {
      const snapshot = JSON.parse(await readFile(join(folder, file), 'utf8')) as Snapshot
      await rm(join(folder, file))
      return sizesIn(snapshot)
    } catch (error) {
      // It is not whole yet.
      if (!(error instanceof SyntaxError)) throw error
    }
  }
}

function sizesIn({ snapshot: { meta }, nodes, strings }: Snapshot): Sizes {
  const [type, name, size] = ['type', 'name', 'self_size'].map(field => meta.node_fields.indexOf(field))
  const [types] = meta.node_types
  const sizes = new Map<string, number>()
  for (let at = 0; at < nodes.length; at += meta.node_fields.length) {
    const kind = types[nodes[at + (type ?? 0)] ?? 0] ?? ''
    const isText = kind.includes('string') || kind === 'number'
    const title = isText ? kind : `${kind} ${strings[nodes[at + (name ?? 0)] ?? 0]}`
    sizes.set(title, (sizes.get(title) ?? 0) + (nodes[at + (size ?? 0)] ?? 0))
  }
  return sizes
}

/** Print what each of many takes, by kind, most first. */
export function printSizes(
  what: string,
  { before, after, count, top }: { before: Sizes; after: Sizes; count: number; top: number },
): void {
  const sum = (sizes: Sizes) => [...sizes.values()].reduce((total, each) => total + each, 0)
  console.log(`\n## ${what}: ${((sum(after) - sum(before)) / count).toFixed(0)} bytes each\n`)
  console.log('| bytes | kind |\n| ---: | --- |')
  const grown = [...after].map(
    ([title, bytes]) => [(bytes - (before.get(title) ?? 0)) / count, title] as const,
  )
  for (const [bytes, title] of grown.toSorted(([a], [b]) => b - a).slice(0, top))
    console.log(`| ${bytes.toFixed(0)} | ${title.slice(0, 80)} |`)
}
