import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { TUNNEL_API } from '../../apps/tunnel/messages.ts'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import type { Answer } from '../../core/api/route.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { isPortFree } from '../../net/probe-hub.ts'
import { callAgent } from '../api-client.ts'
import { type Cli, dataFolderOf, selectionOf } from '../context.ts'
import { defaultMesh } from '../mesh-choice.ts'
import { describeMeshState } from '../mesh-state.ts'
import { moment, plural, until } from '../output/words.ts'
import { formatApiTarget, formatListen } from '../tunnel/tunnel-lists.ts'
import { callTunnel, formatTunnelName } from '../tunnel/tunnel-place.ts'
import { VERSION } from '../version.ts'
import { type FaultName, type Finding, faulty, fine, skipped, stepMs } from './faults.ts'

type AgentStatus = Answer<typeof AGENT_API.showStatus>

/** Whether the agent runs and answers, as this program expects. */
export async function checkAgent(
  cli: Cli,
): Promise<{ findings: Finding[]; status: AgentStatus | undefined }> {
  const check = 'agent'
  try {
    const status = await callAgent(cli, AGENT_API.showStatus, {}, { timeoutMs: stepMs(cli) })
    const { version } = await callAgent(cli, AGENT_API.showVersion, {}, { timeoutMs: stepMs(cli) })
    const detail = `process ${status.pid}, version ${version}`
    const isOther = version !== VERSION
    const finding = isOther
      ? faulty(check, 'agent-other-version', `${detail}; this program is ${VERSION}`)
      : fine(check, detail)
    return { findings: [finding], status }
  } catch (thrown) {
    const error = toMeshError(thrown)
    if (error.code === 'bad-input') {
      return { findings: [skipped(check, 'the settings do not say where it is')], status: undefined }
    }
    if (error.code === 'agent-down' && isHubAlone(cli)) {
      return { findings: [skipped(check, 'only a hub was started on this folder')], status: undefined }
    }
    const down = faulty(check, AGENT_FAULTS[error.code] ?? 'agent-strange', error.message)
    const isPortAsked = error.code === 'agent-down' && !cli.world.env.ZTM_AGENT
    return { findings: [down, ...(isPortAsked ? await checkWebPort() : [])], status: undefined }
  }
}

/** The port at the router, where the agent was told to ask for one. */
export function checkPortMapping({ portMapping }: AgentStatus): Finding[] {
  if (portMapping === undefined) return []
  const check = 'port mapping'
  const { state, error, tcp, udp } = portMapping
  if (state === 'opening') return [skipped(check, 'the router is being asked')]
  if (state === 'failed' || error !== undefined)
    return [faulty(check, 'port-mapping-failed', error ?? 'the router did not give both ports')]
  return [fine(check, `TCP ${tcp}, UDP ${udp}`)]
}

/** A folder with a hub's state and none of an agent is not one whose agent is missing. */
function isHubAlone(cli: Cli): boolean {
  const folder = dataFolderOf(cli)
  return existsSync(join(folder, 'ztm-hub.db')) && !existsSync(join(folder, 'ztm.db'))
}

const AGENT_FAULTS: Partial<Record<MeshError['code'], FaultName>> = {
  'agent-down': 'agent-down',
  'timed-out': 'agent-stuck',
  'not-permitted': 'agent-foreign',
  'not-logged-in': 'agent-not-logged-in',
  'wrong-origin': 'agent-not-logged-in',
}

async function checkWebPort(): Promise<Finding[]> {
  const at = { host: '127.0.0.1', port: 7_777 }
  const isFree = await isPortFree(at).catch(() => true)
  return isFree ? [] : [faulty('web page', 'web-port-taken', 'another program listens on 127.0.0.1:7777')]
}

/** The meshes that are joined: state and certificate of each. */
export async function checkMeshes(cli: Cli, meshes: readonly MeshInfo[]): Promise<Finding[]> {
  const wanted = selectionOf(cli).mesh ?? (await defaultMesh(cli).catch(() => undefined))
  const findings: Finding[] = []
  if (wanted !== undefined && !meshes.some(({ name }) => name === wanted)) {
    findings.push(faulty('chosen mesh', 'mesh-unknown', `no mesh ${quote(wanted)} is joined`))
  }
  if (meshes.length === 0) findings.push(faulty('meshes', 'no-mesh', 'the agent has joined none'))
  for (const mesh of meshes) findings.push(checkMesh(cli, mesh), await checkCertificate(cli, mesh))
  return findings
}

function checkMesh(cli: Cli, mesh: MeshInfo): Finding {
  const check = `mesh ${mesh.name}`
  const values = { mesh: mesh.name }
  const detail = describeMeshState(cli, mesh)
  if (mesh.state === 'disabled') return faulty(check, 'mesh-disabled', detail, values)
  if (mesh.state === 'online') return fine(check, `online at ${mesh.hub ?? mesh.bootstraps.join(', ')}`)
  if (mesh.error?.code === 'evicted') return faulty(check, 'evicted', detail, values)
  if (mesh.error?.code === 'not-trusted') return faulty(check, 'certificate-refused', detail, values)
  return faulty(check, 'mesh-offline', detail, values)
}

/** A certificate is renewed at two thirds of its life: with much less left, something hinders it. */
async function checkCertificate(cli: Cli, mesh: MeshInfo): Promise<Finding> {
  const check = `certificate in ${mesh.name}`
  const now = cli.world.clock.now()
  const endsAtMs = mesh.certificateExpiresAtMs
  const values = { mesh: mesh.name }
  if (endsAtMs <= now) {
    return faulty(check, 'own-certificate-ended', `it ended ${moment(endsAtMs)}`, values)
  }
  const detail = `it ends ${moment(endsAtMs)}, ${until(cli, endsAtMs)}`
  try {
    const { certificate } = await callAgent(
      cli,
      AGENT_API.showMesh,
      { params: { mesh: mesh.name } },
      { timeoutMs: stepMs(cli) },
    )
    const { X509Certificate } = await import('node:crypto')
    const lifeMs = endsAtMs - new X509Certificate(certificate).validFromDate.getTime()
    if (mesh.state !== 'disabled' && endsAtMs - now < lifeMs / 6) {
      return faulty(check, 'own-certificate-late', detail, values)
    }
    return fine(check, detail)
  } catch (thrown) {
    return skipped(check, toMeshError(thrown).message)
  }
}

/** The tunnels of this endpoint: ports that are taken, targets that are down. */
export async function checkTunnels(cli: Cli, mesh: MeshInfo): Promise<Finding[]> {
  const check = `tunnels in ${mesh.name}`
  const params = { endpoint: mesh.endpoint.id }
  const limit = { timeoutMs: stepMs(cli) }
  try {
    const { inbounds } = await callTunnel(cli, mesh.name, TUNNEL_API.listInbounds, { params }, limit)
    const { outbounds } = await callTunnel(cli, mesh.name, TUNNEL_API.listOutbounds, { params }, limit)
    const findings = [...inbounds.flatMap(checkInbound), ...outbounds.flatMap(checkOutbound)]
    const all = `${plural(inbounds.length, 'inbound')}, ${plural(outbounds.length, 'outbound')}`
    return findings.length > 0 ? findings : [fine(check, all)]
  } catch (thrown) {
    return [skipped(check, toMeshError(thrown).message)]
  }
}

type Inbound = Answer<typeof TUNNEL_API.listInbounds>['inbounds'][number]
type Outbound = Answer<typeof TUNNEL_API.listOutbounds>['outbounds'][number]

function checkInbound(inbound: Inbound): Finding[] {
  const tunnel = formatTunnelName(inbound)
  return inbound.listens.flatMap(listen => {
    if (listen.isOpen) return []
    const detail = `${formatListen(listen)} is not open: ${listen.error ?? 'not tried yet'}`
    const fault = /in use/i.test(listen.error ?? '') ? 'inbound-port-taken' : 'inbound-closed'
    return [faulty(`inbound ${tunnel}`, fault, detail, { tunnel })]
  })
}

function checkOutbound(outbound: Outbound): Finding[] {
  const tunnel = formatTunnelName(outbound)
  const check = `outbound ${tunnel}`
  if (outbound.error !== undefined) return [faulty(check, 'service-not-hosted', outbound.error, { tunnel })]
  return outbound.targets.flatMap(({ target, health, lastError }) => {
    if (health !== 'down') return []
    return [
      faulty(check, 'target-down', `${formatApiTarget(target)}: ${lastError ?? 'no answer'}`, { tunnel }),
    ]
  })
}
