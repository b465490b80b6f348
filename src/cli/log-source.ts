import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AGENT_API } from '../core/api/agent-api.ts'
import { HUB_LOCAL_API } from '../core/api/hub-local-api.ts'
import type { LogLines } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { LogLevel } from '../core/model/log.ts'
import { readLogFile } from '../store/log-reader.ts'
import { callAgent, callHub } from './api-client.ts'
import { type Cli, dataFolderOf, remainingMs, selectionOf } from './context.ts'
import { choosePlace } from './mesh-choice.ts'
import { installedPlace } from './packages/app-place.ts'

/** Which lines are wanted; `limit` counts from the newest. */
export interface LogQuery {
  readonly level: LogLevel
  readonly limit: number
  readonly sinceMs?: number
}

/** Reads the newest lines of one log, oldest first. */
export type ReadLines = (query: LogQuery) => Promise<LogLines>

/**
 * Where the lines of a log come from: a daemon's API, or its file while it is down.
 *
 * @throws MeshError as `choosePlace`; reading throws as `callAgent`
 */
export async function sourceOf(
  cli: Cli,
  source: 'agent' | 'hub' | 'app',
  name: string | undefined,
): Promise<ReadLines> {
  if (source === 'hub') return name === undefined ? await nearestHub(cli) : await hubOfMesh(cli, name)
  if (source === 'app' && name?.includes('/') && !name.startsWith('ztm/'))
    return await installedLog(cli, name)
  const agent = await agentLog(cli, source === 'app' ? name : undefined)
  if (source === 'agent') return agent
  // The agent filters by one app; all apps together are the lines that name any.
  return async query => (await agent(query)).filter(line => line.fields.app !== undefined)
}

/** What an app from elsewhere logged: its agent keeps it apart. */
async function installedLog(cli: Cli, name: string): Promise<ReadLines> {
  const params = { ...(await installedPlace(cli, name)) }
  return async query =>
    (await callAgent(cli, AGENT_API.showInstalledLog, { params, query: { ...query } }, limitOf(cli))).lines
}

async function agentLog(cli: Cli, app: string | undefined): Promise<ReadLines> {
  const { mesh, endpoint } = selectionOf(cli)
  const fullName = app === undefined || app.includes('/') ? app : `ztm/${app}`
  if (endpoint !== undefined) {
    const place = await choosePlace(cli)
    const params = { mesh: place.mesh.name, endpoint: place.endpoint }
    return async query => {
      const { lines } = await callAgent(cli, AGENT_API.endpointLog, { params, query }, limitOf(cli))
      return fullName === undefined ? lines : lines.filter(line => line.fields.app === fullName)
    }
  }
  const only = { ...(fullName !== undefined && { app: fullName }), ...(mesh !== undefined && { mesh }) }
  const ask: ReadLines = async query =>
    (await callAgent(cli, AGENT_API.showLog, { query: { ...query, ...only } }, limitOf(cli))).lines
  return orFromFile(cli, 'agent', ask, line =>
    Object.entries(only).every(([field, value]) => line.fields[field] === value),
  )
}

/** The hub of this state folder if there is one, else the one that this endpoint's link goes to. */
async function nearestHub(cli: Cli): Promise<ReadLines> {
  const { mesh, endpoint } = selectionOf(cli)
  if (mesh === undefined && endpoint === undefined && existsSync(join(dataFolderOf(cli), 'hub.log'))) {
    const ask: ReadLines = async query =>
      (await callHub(cli, HUB_LOCAL_API.showLog, { query: { ...query } }, limitOf(cli))).lines
    return orFromFile(cli, 'hub', ask, () => true)
  }
  const place = await choosePlace(cli)
  const { hubs } = await callAgent(cli, AGENT_API.listHubs, { params: { mesh: place.mesh.name } })
  const hub = hubs.find(each => each.isAttached) ?? hubs[0]
  if (hub === undefined) throw new MeshError('not-found', 'Cannot show log of a hub: the mesh names none')
  return hubOfMesh(cli, hub.id)
}

async function hubOfMesh(cli: Cli, hub: string): Promise<ReadLines> {
  const { mesh } = await choosePlace(cli)
  const params = { mesh: mesh.name, hub }
  return async query =>
    (await callAgent(cli, AGENT_API.hubLog, { params, query: { ...query } }, limitOf(cli))).lines
}

/** A daemon that is down cannot answer, and just then its log matters: read the file itself. */
function orFromFile(
  cli: Cli,
  role: 'agent' | 'hub',
  ask: ReadLines,
  isWanted: (line: LogLines[number]) => boolean,
): ReadLines {
  const file = join(dataFolderOf(cli), `${role}.log`)
  return async query => {
    try {
      return await ask(query)
    } catch (thrown) {
      const isDown = thrown instanceof MeshError && thrown.code === 'agent-down'
      if (!isDown || cli.world.env.ZTM_AGENT || !existsSync(file)) throw thrown
      return (await readLogFile({ file, ...query })).map(toShape).filter(isWanted)
    }
  }
}

function toShape(line: Awaited<ReturnType<typeof readLogFile>>[number]): LogLines[number] {
  return { ...line, fields: { ...line.fields } }
}

/** A single question while following must not hang either. */
function limitOf(cli: Cli): { timeoutMs: number } {
  return { timeoutMs: remainingMs(cli, 10_000) }
}
