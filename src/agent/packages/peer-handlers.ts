import type { InstalledInfo, PEER_INSTALLED_ROUTES } from '../../core/api/installed-api.ts'
import type { Handlers } from '../../core/api/route.ts'
import { type Packages, requirePackages } from './packages.ts'

/** An app in a list: one that ships with the agent, or an installed one. */
export interface ListedApp {
  readonly name: string
  readonly isBuiltin: boolean
  readonly isRunning: boolean
  readonly installed?: InstalledInfo
}

/**
 * Serve the management of apps from elsewhere.
 *
 * @param check  throws unless the caller may manage this endpoint
 */
export function createInstalledHandlers<C>(
  packages: () => Packages | undefined,
  check: (caller: C) => void,
): Handlers<typeof PEER_INSTALLED_ROUTES, C> {
  const of = (caller: C) => {
    check(caller)
    return requirePackages(packages())
  }
  const ref = ({ provider, app }: { provider: InstalledInfo['provider']; app: InstalledInfo['name'] }) => ({
    provider,
    name: app,
  })
  return {
    showInstalled: async ({ params, caller }) => of(caller).apps.show(ref(params)),
    offerInstall: async ({ params, query, caller }) => of(caller).apps.offer(ref(params), query.wish),
    installApp: async ({ params, body, caller }) => of(caller).apps.install(ref(params), body),
    showInstallProgress: async ({ params, caller }) => of(caller).apps.progress.show(ref(params)),
    changeInstalled: async ({ params, body, caller }) => of(caller).apps.change(ref(params), body),
    rollBack: async ({ params, caller }) => of(caller).apps.rollBack(ref(params)),
    async eraseInstalled({ params, query, caller }) {
      await of(caller).apps.erase(ref(params), query.data === 'keep')
      return undefined
    },
    showInstalledLog: async ({ params, query, caller }) => ({
      lines: await of(caller).apps.showLog(ref(params), query),
    }),
    publishApp: async ({ body, caller }) => of(caller).publish(body),
    unpublishApp: async ({ params, query, caller }) => of(caller).unpublish(ref(params), query),
  }
}

/** All apps of an endpoint: those that ship with it, then those from elsewhere. */
export async function listAllApps(
  builtin: readonly { readonly app: { readonly name: string } }[],
  packages: Packages | undefined,
): Promise<ListedApp[]> {
  const installed = (await packages?.apps.list()) ?? []
  return [
    ...builtin.map(({ app }) => ({ name: app.name, isBuiltin: true, isRunning: true })),
    ...installed.map(one => ({
      name: `${one.provider}/${one.name}`,
      isBuiltin: false,
      isRunning: one.state === 'running',
      installed: one,
    })),
  ]
}
