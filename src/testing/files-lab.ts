import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createFilesApp } from '../apps/files/files.ts'
import { FILES_API, type FoundItem, type JobInfo } from '../apps/files/messages.ts'
import { makeScratchFolder } from './scratch-folder.ts'
import { createTestMesh, type TestApp, type TestEndpoint, type TestMesh } from './test-host.ts'

/** An endpoint with the files app, and a folder for its files. */
export interface FilesPlace {
  readonly endpoint: TestEndpoint
  readonly app: TestApp
  file(name: string): string
  publish(name: string, options?: Record<string, unknown>): Promise<JobInfo>
  get(path: string, file: string, options?: Record<string, unknown>): Promise<JobInfo>
  /** Without waiting for the end. */
  begin(path: string, file: string, options?: Record<string, unknown>): Promise<JobInfo>
  /** Wait for the end. @param stepMs  how far time goes between two looks; it stands still if absent */
  ended(job: JobInfo, stepMs?: number): Promise<JobInfo>
  find(query?: Record<string, string>): Promise<FoundItem[]>
  /** @param folder  where downloads go that are told no place */
  configure(folder: string): Promise<void>
}

/** A mesh in memory, to which endpoints are added. */
export interface FilesLab {
  readonly mesh: TestMesh
  /** @param user  `ann` if absent */
  add(name: string, user?: string): Promise<FilesPlace>
}

/** A mesh of hosts in memory with the files app, on real disks. */
export function openFilesLab(t: TestContext, mesh: TestMesh = createTestMesh()): FilesLab {
  t.after(() => mesh[Symbol.asyncDispose]())
  return {
    mesh,
    async add(name, user = 'ann') {
      const scratch = makeScratchFolder()
      t.after(() => scratch[Symbol.dispose]())
      const endpoint = mesh.addEndpoint(name, user)
      const app = await endpoint.start(createFilesApp())
      const params = { endpoint: name }
      const ended = async (job: JobInfo, stepMs = 0) => {
        for (let last = job; ; await setTimeout(2)) {
          last = await app.call(FILES_API.showJob, { params: { ...params, job: job.id } })
          if (last.endedAtMs !== undefined) return last
          if (stepMs > 0) mesh.timers.advance(stepMs)
        }
      }
      const begin: FilesPlace['begin'] = (path, file, options = {}) =>
        app.call(FILES_API.download, { params, body: { path, file: scratch.file(file), ...options } })
      return {
        endpoint,
        app,
        file: scratch.file,
        publish: async (one, options = {}) =>
          ended(
            await app.call(FILES_API.publish, { params, body: { source: scratch.file(one), ...options } }),
          ),
        begin,
        ended,
        get: async (path, file, options) => ended(await begin(path, file, options)),
        find: async query => (await app.call(FILES_API.findFiles, { query: query ?? {} })).items,
        configure: async folder =>
          void (await app.call(FILES_API.changeFilesConfig, { params, body: { folder } })),
      }
    },
  }
}

/** SHA-256 of a file. */
export function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
