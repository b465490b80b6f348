import { fileURLToPath } from 'node:url'
import type { AppMesh } from '../sdk/app-mesh.ts'
import { createAppLab } from './app-lab.ts'

/** Make a mesh without endpoints. @param folder  of the app: `import.meta.dirname` */
export async function createAppMesh(folder: string | URL): Promise<AppMesh> {
  const lab = await createAppLab()
  const path = folder instanceof URL ? fileURLToPath(folder) : folder
  return {
    async start(name, user = 'root') {
      const endpoint = lab.mesh.addEndpoint(name, user)
      const app = await lab.start(path, endpoint)
      const put = async (change: object) => {
        const body = JSON.stringify(change)
        const { status, text } = await app.ask('/.settings', { method: 'PUT', body })
        if (status !== 200) throw new Error(text)
      }
      return {
        async fetch(target, init) {
          const { status, headers, body } = await app.ask(target, init)
          return new Response(status === 204 || status === 304 ? null : Buffer.from(body), {
            status,
            headers,
          })
        },
        set: values => put({ values }),
        share: users => put({ access: { users } }),
        get log() {
          return endpoint.log.events.map(({ event, fields }) => [event, ...Object.values(fields)].join(' '))
        },
        [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
      }
    },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  }
}
