import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Command } from 'commander'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { parsePermitLink } from '../../core/model/permit.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, refuseEndpoint } from '../context.ts'
import { addExamples } from '../examples.ts'
import { print, remark, report } from '../output/show.ts'
import { installedPlace } from '../packages/app-place.ts'
import type { World } from '../world.ts'

/** `ztm gui [APP|LINK]` */
export function defineGui(command: Command, cli: Cli): void {
  command
    .description(
      "Open the agent's web page in a browser, logged in. The link printed is good once.\n\n" +
        'With `-o json` it also gives the token that ZTM_TOKEN takes to reach this agent from elsewhere.',
    )
    .argument(
      '[app|link]',
      "[PROVIDER/]NAME of an installed app: open its own page instead of the agent's; or a ztm:// link, to join with",
    )
    .option('--no-open', 'print the link alone')
    .action(async (app: string | undefined, { open }: { open: boolean }) => {
      refuseEndpoint(cli, 'open the web page')
      const login = await linkOf(cli, app)
      if (cli.options.output === 'table') print(cli, `${login.url}\n`)
      else await report(cli, '', { name: login.url, data: login })
      const opener = open ? openerOf(cli.world) : undefined
      if (opener !== undefined) await openLink(cli, opener, login.url)
    })
  addExamples(
    command,
    'ztm gui',
    'ztm gui --no-open',
    'ztm gui alice/notes',
    "ztm gui 'ztm://example.com:8888/abc#token'",
  )
}

async function linkOf(cli: Cli, word: string | undefined): Promise<{ url: string }> {
  const permit = word?.replace(/^web\+ztm:/, 'ztm:')
  if (word !== undefined && !permit?.startsWith('ztm://')) return linkOfApp(cli, word)
  if (permit !== undefined) parsePermitLink(permit)
  const { url, ...rest } = await callAgent(cli, AGENT_API.makeLoginCode, {})
  // In the fragment: browsers keep it to themselves, and the page asks before it is used.
  return { url: permit === undefined ? url : `${url}#${encodeURIComponent(permit)}`, ...rest }
}

async function linkOfApp(cli: Cli, word: string): Promise<{ url: string }> {
  const { mesh, provider, app } = await installedPlace(cli, word)
  return callAgent(cli, AGENT_API.openAppPage, { params: { mesh, provider, app } })
}

/** The program that opens a link in the browser; none on a computer without a screen. */
export function openerOf({ platform, env }: Pick<World, 'platform' | 'env'>): readonly string[] | undefined {
  if (platform === 'darwin') return ['open']
  // Not `cmd /c start`: the shell would read the link's `&`.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler']
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ['xdg-open'] : undefined
}

async function openLink(cli: Cli, [program = '', ...args]: readonly string[], url: string): Promise<void> {
  const child = spawn(program, [...args, url], { detached: true, stdio: 'ignore' })
  child.unref()
  try {
    await once(child, 'spawn')
  } catch {
    remark(cli, `ztm: no browser could be opened (${program}): open the link yourself`)
  }
}
