import type { ProxyChange, ProxyConfig } from '../../apps/proxy/messages.ts'
import { formatAddress, parseAddress } from '../../core/model/address.ts'
import { ERRORS, MeshError } from '../../core/model/errors.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import type { Cli } from '../context.ts'
import { remark, showThing } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { readInput } from '../read-input.ts'
import { changeProxy, chooseProxy } from './proxy-place.ts'

/** What `proxy config` was told. */
export interface ConfigWords {
  readonly listen?: string
  readonly clients?: string
  readonly exit?: 'on' | 'off'
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
  readonly open?: readonly string[]
  readonly close?: readonly string[]
}

/** `ztm proxy config …`: change what was said, then show all. */
export async function configureProxy(cli: Cli, words: ConfigWords): Promise<void> {
  const place = await chooseProxy(cli)
  const change = await readChange(cli, words, place.config)
  const isChanged = Object.keys(change).length > 0
  const config = isChanged ? await changeProxy(cli, place, change) : place.config
  await showConfig(cli, config)
  if (config.listen?.error === undefined) return
  remark(cli, `ztm: ${visible(config.listen.error)}`)
  cli.exitCode = ERRORS['port-in-use'].exit
}

async function readChange(cli: Cli, words: ConfigWords, { exit }: ProxyConfig): Promise<ProxyChange> {
  const { listen, clients, users, groups, open, close } = words
  const speaksOfExit = [users, groups, open, close].some(word => word !== undefined)
  if (words.exit === 'off' && speaksOfExit) {
    throw new MeshError('bad-usage', 'Cannot close the exit and change it: leave --exit off out, or the rest')
  }
  const opens = new Set([...(exit?.opens ?? []), ...(open ?? [])])
  for (const target of close ?? []) {
    if (!opens.delete(target))
      throw new MeshError('not-found', `Cannot close ${JSON.stringify(target)}: it is not open`)
  }
  const changed = {
    ...(users && { users: users.filter(user => user !== 'none') as UserName[] }),
    ...(groups && { groups: groups.filter(group => group !== 'none') as Name[] }),
    ...((open ?? close) && { opens: [...opens] }),
  }
  return {
    ...(listen !== undefined && { listen: listen === 'off' ? null : readListen(listen) }),
    ...(clients !== undefined && { clients: clients === 'off' ? [] : await readClients(cli, clients) }),
    ...(words.exit === 'off' ? { exit: null } : (words.exit === 'on' || speaksOfExit) && { exit: changed }),
  }
}

function readListen(text: string): { ip: string; port: number } {
  const { host, port } = parseAddress(text)
  return { ip: host, port }
}

/** `NAME:PASSWORD` lines: on a command line everybody could read them. A name alone keeps its password. */
async function readClients(cli: Cli, file: string): Promise<{ name: string; password?: string }[]> {
  const text = await readInput(cli, file, 'clients')
  const lines = text.split('\n').filter(line => line.trim() !== '' && !line.startsWith('#'))
  return lines.map((line, index) => {
    const [, name, password] = /^([^:\r]+)(?::(.+?))?\r?$/.exec(line) ?? []
    if (name !== undefined) return { name, ...(password !== undefined && { password }) }
    throw new MeshError('bad-input', `Cannot read clients: line ${index + 1} is not NAME:PASSWORD`)
  })
}

async function showConfig(cli: Cli, config: ProxyConfig): Promise<void> {
  const { listen, exit } = config
  const where = listen && formatAddress({ host: listen.ip, port: listen.port })
  const groups = exit?.groups?.map(group => `group ${group}`) ?? []
  const named = ['its owner', ...(exit?.users ?? []), ...groups].join(', ')
  const whose = exit?.users.includes('*') ? 'everybody in the mesh' : named
  await showThing(cli, config, {
    name: where ?? 'off',
    fields: [
      ['Listens', listen === undefined ? 'no' : listen.isOpen ? where : `not on ${where}`],
      ['Clients', listen && (config.clients.join(', ') || 'all on this computer')],
      ['PAC', listen?.isOpen ? `http://${where}/proxy.pac` : undefined],
      ['Rules', listen && config.rules.length],
      ['Exit', exit === undefined ? 'no' : `for ${whose}`],
      ['Not listed', exit?.error],
      ['Opens', exit && (exit.opens.join(', ') || 'nothing of this computer and its networks')],
      ['Exit rules', exit?.rules.length],
      [
        'Connections',
        `${config.connectionCount} in, ${config.exitConnectionCount} out, ${config.totalCount} in all, ${config.failedCount} failed`,
      ],
      ['Last error', config.lastError],
    ],
  })
}
