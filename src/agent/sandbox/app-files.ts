import { Readable } from 'node:stream'
import { z } from 'zod'
import { nameShape, userShape } from '../../core/api/shapes.ts'
import type { MeshFiles } from '../../core/files/mesh-files.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Json } from '../../core/model/store.ts'
import { duplexOver } from './bridge-duplex.ts'
import type { OperationsOptions } from './operations-options.ts'

const path = z.string().min(1).max(4_096)
/** Arguments of what this file does. */
export const FILES_SHAPES = {
  'files.find': z.strictObject({
    path: path.optional(),
    pattern: z.string().max(256).optional(),
    tag: nameShape.optional(),
    owner: userShape.optional(),
  }),
  'files.read': z.strictObject({ path, stream: z.int() }),
  'files.publish': z.strictObject({
    name: path,
    stream: z.int(),
    users: z.array(userShape).max(1_000),
    groups: z.array(nameShape).max(1_000),
    everyone: z.boolean(),
    tags: z.array(nameShape).max(32),
  }),
  'files.withdraw': z.strictObject({ name: path }),
} as const

type Doers = {
  readonly [K in keyof typeof FILES_SHAPES]: (args: z.output<(typeof FILES_SHAPES)[K]>) => Promise<Json>
}

/** Files of the mesh, as far as they were granted. @param ending  the process has ended */
export function createFilesDoers({ app, host, bridge }: OperationsOptions, ending: AbortSignal): Doers {
  const granted = (wanted: 'read' | 'write'): MeshFiles => {
    const { meshFiles } = app.grants
    if (meshFiles !== 'write' && meshFiles !== wanted)
      throw new MeshError('denied', `Cannot ${wanted} files of the mesh: not granted`)
    if (host.meshFiles !== undefined) return host.meshFiles
    throw new MeshError('unsupported', 'Cannot use files of the mesh: this agent has none')
  }
  return {
    'files.find': async query => (await granted('read').find(query)) as unknown as Json,
    async 'files.read'({ path: wanted, stream }) {
      const files = granted('read')
      const near = duplexOver(bridge().take(stream))
      near.resume()
      const given = new AbortController()
      near.once('close', () => given.abort(new MeshError('link-closed', 'It is not read any more')))
      try {
        const { sizeBytes, bytes } = await files.read(wanted, AbortSignal.any([ending, given.signal]))
        const from = Readable.from(bytes, { objectMode: false, highWaterMark: 0 })
        from.once('error', () => near.destroy())
        near.once('close', () => from.destroy())
        from.pipe(near)
        return { sizeBytes }
      } catch (error) {
        near.destroy()
        throw error
      }
    },
    async 'files.publish'({ name, stream, tags, ...access }) {
      const near = duplexOver(bridge().take(stream))
      try {
        return (await granted('write').publish(name, near, { access, tags })) as unknown as Json
      } finally {
        near.destroy()
      }
    },
    async 'files.withdraw'({ name }) {
      await granted('write').withdraw(name)
      return null
    },
  }
}
