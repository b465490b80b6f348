import { appSettingsShape, SETTINGS_PATH } from '../../core/api/app-settings-api.ts'
import type { Access } from '../../core/api/shapes.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Json } from '../../core/model/store.ts'
import type { AppStorage } from '../../sdk/app.ts'
import type { AppRequest, AppResponse } from '../app-runner.ts'

/** What the person at an endpoint has set for an app: values that it reads, and who reaches it from other endpoints. */
export interface AppSettings {
  values(): Promise<Json>
  access(): Promise<Access>
  /** Answer a request to `SETTINGS_PATH`; undefined if it is another, which the app answers itself. */
  answer(request: AppRequest): Promise<AppResponse | undefined>
}

/** Keep settings in a storage. @param onAccess  who may open streams has changed */
export function createAppSettings(
  storage: AppStorage,
  onAccess: (access: Access) => Promise<void> | undefined,
): AppSettings {
  const read = async () => appSettingsShape.catch({}).parse((await storage.get('set')) ?? {})
  const access = async (): Promise<Access> => {
    const { users = [], groups } = (await read()).access ?? {}
    return { users, entrances: [], ...(groups !== undefined && { groups }) }
  }
  return {
    values: async () => ((await read()).values ?? {}) as Json,
    access,
    async answer({ method, path, body }) {
      if (path.split('?')[0] !== SETTINGS_PATH) return undefined
      try {
        if (method === 'PUT') {
          const change = appSettingsShape.safeParse(parseJson(body))
          if (!change.success)
            throw new MeshError('bad-input', `Cannot set: ${change.error.issues[0]?.message}`)
          const before = await read()
          const values = Object.entries({ ...before.values, ...change.data.values })
          const next = {
            values: Object.fromEntries(values.filter(([, value]) => value !== null)),
            access: { ...before.access, ...change.data.access },
          }
          await storage.put('set', next as unknown as Json)
          if (change.data.access !== undefined) await onAccess(await access())
        } else if (method !== 'GET') {
          throw new MeshError('bad-input', `Cannot ${method} settings: read them, or PUT`)
        }
        return answerJson(200, await read())
      } catch (thrown) {
        const error = toMeshError(thrown)
        return answerJson(error.kind.http, error.toBody())
      }
    },
  }
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    throw new MeshError('bad-input', 'Cannot set: the body is not JSON')
  }
}

function answerJson(status: number, value: unknown): AppResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: new TextEncoder().encode(JSON.stringify(value)),
  }
}
