import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { HUB_LOCAL_API } from '../../core/api/hub-local-api.ts'
import type { Answer } from '../../core/api/route.ts'
import { type Address, parseAddress } from '../../core/model/address.ts'
import { type MeshError, toMeshError } from '../../core/model/errors.ts'
import { formatSpan } from '../../core/model/time.ts'
import { type HubProbe, isPortFree, probeHub } from '../../net/probe-hub.ts'
import { callHub } from '../api-client.ts'
import { type Cli, dataFolderOf } from '../context.ts'
import { moment, until } from '../output/words.ts'
import { type FaultName, type Finding, faulty, fine, stepMs } from './faults.ts'

type HubStatus = Answer<typeof HUB_LOCAL_API.showStatus>

/** The hub of this state folder, if it ever had one. */
export async function checkLocalHub(
  cli: Cli,
): Promise<{ findings: Finding[]; status: HubStatus | undefined }> {
  if (!existsSync(join(dataFolderOf(cli), 'ztm-hub.db'))) return { findings: [], status: undefined }
  try {
    const status = await callHub(cli, HUB_LOCAL_API.showStatus, {}, { timeoutMs: stepMs(cli) })
    return { findings: checkHubStatus(cli, status), status }
  } catch (thrown) {
    const error = toMeshError(thrown)
    const down = faulty('hub', HUB_FAULTS[error.code] ?? 'hub-stuck', error.message)
    return {
      findings: [down, ...(error.code === 'agent-down' ? await checkHubPort() : [])],
      status: undefined,
    }
  }
}

const HUB_FAULTS: Partial<Record<MeshError['code'], FaultName>> = {
  'agent-down': 'hub-down',
  'not-permitted': 'hub-foreign',
}

function checkHubStatus(cli: Cli, hub: HubStatus): Finding[] {
  const findings = [fine('hub', `process ${hub.pid}, listens on ${hub.listen}`)]
  const { port } = parseAddress(hub.listen)
  for (const name of hub.names) {
    const outer = parseAddress(name)
    if (isLocalHost(outer.host)) {
      findings.push(faulty('names of the hub', 'hub-name-local', `${name} means this computer alone`))
    } else if (outer.port !== port) {
      findings.push(faulty('names of the hub', 'hub-port-differs', `${name}, but it listens on port ${port}`))
    }
  }
  if (hub.certificateExpiresAtMs <= cli.world.clock.now()) {
    const detail = `it ended ${moment(hub.certificateExpiresAtMs)}`
    findings.push(faulty('certificate of the hub', 'hub-certificate-late', detail))
  } else findings.push(fine('certificate of the hub', `it ends ${until(cli, hub.certificateExpiresAtMs)}`))
  return findings
}

async function checkHubPort(): Promise<Finding[]> {
  const isFree = await isPortFree({ host: '0.0.0.0', port: 8_888 }).catch(() => true)
  return isFree ? [] : [faulty('port of the hub', 'hub-port-taken', 'another program listens on port 8888')]
}

/** A hub somewhere, as a mesh or a permit names it. */
export interface RemoteHub {
  /** `host:port` */
  readonly bootstrap: string
  /** The mesh's root, PEM. */
  readonly rootPem: string
}

/** Name, port, certificate and clock of a hub, by going there. */
export async function checkRemoteHub(cli: Cli, { bootstrap, rootPem }: RemoteHub): Promise<Finding[]> {
  const now = cli.world.clock.now()
  const check = `hub ${bootstrap}`
  const address = addressOf(bootstrap)
  if (address === undefined) return [faulty(check, 'name-unknown', 'it is no HOST:PORT')]
  const probe = await probeHub(address, { rootPem, now, timeoutMs: stepMs(cli) })
  const clock = probe.clockMs === undefined ? undefined : checkSkew(bootstrap, now - probe.clockMs)
  // With a wrong clock every certificate looks wrong: then the clock is the cause.
  if (clock?.state === 'failed') return [clock]
  const reach =
    probe.failed === undefined
      ? fine(check, 'it answers, with the right certificate')
      : faulty(check, probeFault(probe.failed), probe.failed.error.message)
  return clock === undefined ? [reach] : [reach, clock]
}

function addressOf(bootstrap: string): Address | undefined {
  try {
    return parseAddress(bootstrap)
  } catch {
    return undefined
  }
}

function probeFault({ step, error, systemCode = '' }: NonNullable<HubProbe['failed']>): FaultName {
  switch (step) {
    case 'resolve':
      return systemCode === 'ENOTFOUND' ? 'name-unknown' : 'names-unanswered'
    case 'connect':
      return CONNECT_FAULTS[systemCode] ?? (error.code === 'timed-out' ? 'port-silent' : 'no-route')
    case 'handshake':
      return error.code === 'timed-out' ? 'handshake-silent' : 'not-tls'
    case 'certificate':
      if (error.code === 'certificate-expired') return 'hub-certificate-ended'
      return error.message.includes(' of kind ') ? 'not-a-hub' : 'other-mesh'
    case 'answer':
      return 'hub-mute'
  }
}

const CONNECT_FAULTS: Readonly<Record<string, FaultName>> = {
  ECONNREFUSED: 'port-refused',
  ETIMEDOUT: 'port-silent',
  EHOSTUNREACH: 'no-route',
  ENETUNREACH: 'no-route',
}

/** @param skewMs  how far this computer is ahead of the hub */
function checkSkew(bootstrap: string, skewMs: number): Finding {
  const check = `clock, by hub ${bootstrap}`
  const off = formatSpan(Math.abs(skewMs))
  const detail = `this computer is ${off} ${skewMs > 0 ? 'ahead' : 'behind'}`
  if (Math.abs(skewMs) > MAX_SKEW_MS)
    return faulty(check, skewMs > 0 ? 'clock-ahead' : 'clock-behind', detail)
  if (Math.abs(skewMs) > DRIFT_MS) return faulty(check, 'clock-drifting', detail)
  return fine(check, 'in step')
}

/** An address that means the computer that uses it. */
export function isLocalHost(host: string): boolean {
  return /^(?:localhost|127\..*|0\.0\.0\.0|::1?|\[?::1\]?)$/.test(host)
}

/** From here on hubs refuse: docs/errors.md, `clock-skew`. */
const MAX_SKEW_MS = 300_000
/** The hub's date has whole seconds, and an answer takes a while. */
const DRIFT_MS = 30_000
