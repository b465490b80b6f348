import { APP_SETTINGS_API, type AppSettingsInfo } from '../../core/api/app-settings-api.ts'
import { parseAppRef } from '../../core/app/manifest.ts'
import { MeshError } from '../../core/model/errors.ts'
import { parseName, parseUserName } from '../../core/model/names.ts'
import { quote } from '../../core/model/quote.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, refuseEndpoint } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { print, printData } from '../output/show.ts'
import { visible } from '../output/text-width.ts'

/** `ztm app settings PROVIDER/NAME [KEY=VALUE…] [--users …] [--groups …]` */
export async function showSettings(
  cli: Cli,
  typed: string,
  words: readonly string[],
  { users, groups }: { users?: string[]; groups?: string[] },
): Promise<void> {
  refuseEndpoint(cli, 'set what an app reads')
  const { provider, name } = parseAppRef(typed)
  const { mesh } = await choosePlace(cli)
  const below = `/api/meshes/${encodeURIComponent(mesh.name)}/apps/${provider}/${name}`
  const access = {
    ...(users !== undefined && {
      users: users.filter(one => one !== '').map(one => (one === '*' ? one : parseUserName(one))),
    }),
    ...(groups !== undefined && { groups: groups.filter(one => one !== '').map(one => parseName(one)) }),
  }
  const isChange = words.length > 0 || Object.keys(access).length > 0
  const shown = isChange
    ? await callAgent(
        cli,
        APP_SETTINGS_API.changeSettings,
        { body: { values: Object.fromEntries(words.map(readWord)), access } },
        { below },
      )
    : await callAgent(cli, APP_SETTINGS_API.showSettings, {}, { below })
  if (cli.options.output !== 'table') return printData(cli, shown)
  print(cli, describe(shown))
}

/** `KEY=VALUE`; numbers, `true` and `false` are what they say, all else is text. */
function readWord(word: string): [string, string | number | boolean | null] {
  const at = word.indexOf('=')
  if (at < 1) throw new MeshError('bad-usage', `Cannot set ${quote(word)}: write KEY=VALUE, or KEY= to unset`)
  const [key, value] = [word.slice(0, at), word.slice(at + 1)]
  if (value === '') return [key, null]
  if (value === 'true' || value === 'false') return [key, value === 'true']
  return [key, /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : value]
}

function describe({ values = {}, access = {} }: AppSettingsInfo): string {
  const lines = Object.entries(values).map(([key, value]) => `${key}=${value}`)
  const others = [...(access.users ?? []), ...(access.groups ?? []).map(group => `group ${group}`)]
  lines.push(`Reached by: ${['your own endpoints', ...others].join(', ')}`)
  return lines.map(line => `${visible(line)}\n`).join('')
}
