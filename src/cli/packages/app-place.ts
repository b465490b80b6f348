import { AGENT_API } from '../../core/api/agent-api.ts'
import type { InstalledInfo } from '../../core/api/installed-api.ts'
import { appId } from '../../core/app/installed-app.ts'
import { type AppRef, parseAppName, parseAppRef } from '../../core/app/manifest.ts'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'

/** An app at an endpoint, as routes name it. */
export interface AppPlace {
  readonly mesh: string
  readonly endpoint: string
  readonly provider: AppRef['provider']
  readonly app: AppRef['name']
}

/**
 * The app that a word means: `PROVIDER/NAME`, or the `NAME` of one that is installed.
 *
 * @throws MeshError `bad-name`, `not-found`, `ambiguous`, and as `choosePlace`
 */
export async function installedPlace(cli: Cli, word: string): Promise<AppPlace> {
  const { mesh, endpoint } = await choosePlace(cli)
  const place = { mesh: mesh.name, endpoint }
  if (word.includes('/')) return { ...place, ...paramsOf(parseAppRef(word)) }
  const name = parseAppName(word)
  const { apps } = await callAgent(cli, AGENT_API.listApps, { params: place })
  const found = apps.flatMap(({ installed }) => (installed?.name === name ? [installed] : []))
  const [only, other] = found
  if (only === undefined)
    throw new MeshError('not-found', `Cannot find app ${quote(word)}: not installed: see \`ztm get app\``)
  if (other === undefined) return { ...place, ...paramsOf(only) }
  throw new MeshError('ambiguous', `Cannot choose app ${quote(word)}: write ${found.map(appId).join(' or ')}`)
}

/** The app of the catalogue that a word means: `PROVIDER/NAME`, or one's own `NAME`. @throws MeshError as `installedPlace` */
export async function cataloguePlace(cli: Cli, word: string): Promise<AppPlace> {
  const { mesh, endpoint } = await choosePlace(cli)
  const ref = word.includes('/')
    ? parseAppRef(word)
    : { provider: mesh.endpoint.user, name: parseAppName(word) }
  return { mesh: mesh.name, endpoint, ...paramsOf(ref) }
}

/** `alice/notes@beta` in two. */
export function splitWish(word: string): { app: string; wish: string | undefined } {
  const at = word.indexOf('@')
  return at === -1 ? { app: word, wish: undefined } : { app: word.slice(0, at), wish: word.slice(at + 1) }
}

/** How an installed app is, for a person: with why, where it is not well. */
export function stateText({ state, error }: Pick<InstalledInfo, 'state' | 'error'>): string {
  return error === undefined ? state : `${state}: ${error}`
}

function paramsOf({ provider, name }: AppRef): Pick<AppPlace, 'provider' | 'app'> {
  return { provider, app: name }
}
