import type { Access } from '../../core/api/shapes.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import type { Host, Hosting, Incoming } from '../app.ts'

/** The hidden service by which an app is found at this endpoint: there or not, as the app says. Disposing it ends the hosting. */
export interface OwnHosting extends AsyncDisposable {
  /** Why others cannot find it, though it should be there. */
  readonly error: MeshError | undefined
  /** Be found by those, or by nobody if absent. @throws MeshError `name-taken`, `bad-name`; it is kept as `error`, too */
  open(access: Access | undefined): Promise<void>
}

/** Make it; nothing is hosted before `open`. @param serviceOf  the service of the app at endpoints of a user */
export function createOwnHosting(
  host: Host,
  serviceOf: (user: UserName) => ServiceName,
  onStream: (incoming: Incoming) => void,
): OwnHosting {
  let hosting: Hosting | undefined
  let error: MeshError | undefined
  return {
    get error() {
      return error ?? hosting?.error
    },
    async open(access) {
      error = undefined
      if (access === undefined) {
        await hosting?.[Symbol.asyncDispose]()
        hosting = undefined
        return
      }
      try {
        if (hosting !== undefined) return await hosting.update(access)
        hosting = await host.serve(serviceOf(host.endpoint.user), { access, onStream })
        hosting.report('up')
      } catch (thrown) {
        error = toMeshError(thrown)
        throw error
      }
    },
    [Symbol.asyncDispose]: async () => hosting?.[Symbol.asyncDispose](),
  }
}
