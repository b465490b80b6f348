import { X509Certificate } from 'node:crypto'
import { type Stats, statSync } from 'node:fs'
import type { MeshInfo } from '../../core/api/mesh-shape.ts'
import { parseAddress } from '../../core/model/address.ts'
import { toMeshError } from '../../core/model/errors.ts'
import { type Permit, parsePermit, parsePermitLink } from '../../core/model/permit.ts'
import { meshIdOf } from '../../pki/check.ts'
import { type Cli, pathOf } from '../context.ts'
import { moment, until } from '../output/words.ts'
import { readInput } from '../read-input.ts'
import { type Finding, faulty, fine } from './faults.ts'
import { isLocalHost, type RemoteHub } from './hub-checks.ts'

/** What looking at a permit gave. */
export interface PermitReport {
  readonly findings: Finding[]
  /** The hubs it names; not those of a link, which says no more of the mesh than its id. */
  readonly hubs: readonly RemoteHub[]
}

/** A permit that somebody wants to join with: file, rights, form, dates, hubs. */
export async function checkPermit(
  cli: Cli,
  word: string,
  meshes: readonly MeshInfo[],
): Promise<PermitReport> {
  if (word.startsWith('ztm:')) return checkLink(word, meshes)
  const findings: Finding[] = word === '-' ? [] : checkFile(cli, word)
  if (findings.some(({ state }) => state === 'failed')) return { findings, hubs: [] }
  let permit: Permit
  let rootEndsAtMs: number
  let mesh: string
  try {
    permit = parsePermit(await readInput(cli, word, 'permit'))
    mesh = meshIdOf(permit.ca)
    rootEndsAtMs = new X509Certificate(permit.ca).validToDate.getTime()
  } catch (thrown) {
    return { findings: [...findings, faulty(CHECK, 'permit-broken', toMeshError(thrown).message)], hubs: [] }
  }
  const now = cli.world.clock.now()
  const endsAtMs = Math.min(permit.expiresAtMs ?? Number.POSITIVE_INFINITY, keyEndsAtMs(permit), rootEndsAtMs)
  findings.push(
    endsAtMs <= now
      ? faulty(CHECK, 'permit-ended', `it ended ${moment(endsAtMs)}`)
      : fine(CHECK, `good; it ends ${until(cli, endsAtMs)}`),
    ...checkPlaces(permit.bootstraps, mesh, meshes),
  )
  return { findings, hubs: permit.bootstraps.map(bootstrap => ({ bootstrap, rootPem: permit.ca })) }
}

function checkFile(cli: Cli, word: string): Finding[] {
  const file = pathOf(cli, word)
  let stats: Stats
  try {
    stats = statSync(file)
  } catch (thrown) {
    const isMissing = (thrown as { code?: unknown }).code === 'ENOENT'
    const state = isMissing ? 'there is no such file' : 'it cannot be reached'
    return [faulty(CHECK, isMissing ? 'permit-missing' : 'permit-unreadable', `${file}: ${state}`, { file })]
  }
  if (!isReadable(stats)) {
    return [faulty(CHECK, 'permit-unreadable', `${file} belongs to user id ${stats.uid}`, { file })]
  }
  const isOpen = process.platform !== 'win32' && (stats.mode & 0o077) !== 0
  return isOpen ? [faulty('rights of the permit', 'permit-open', `others can read ${file}`, { file })] : []
}

function isReadable({ uid, gid, mode }: Stats): boolean {
  const self = process.getuid?.()
  if (self === undefined || self === 0) return true
  if (uid === self) return (mode & 0o400) !== 0
  return process.getgroups?.().includes(gid) ? (mode & 0o040) !== 0 : (mode & 0o004) !== 0
}

function checkLink(word: string, meshes: readonly MeshInfo[]): PermitReport {
  try {
    const link = parsePermitLink(word)
    return {
      findings: [fine(CHECK, 'a whole link'), ...checkPlaces(link.bootstraps, link.mesh, meshes)],
      hubs: [],
    }
  } catch (thrown) {
    return { findings: [faulty(CHECK, 'permit-broken', toMeshError(thrown).message)], hubs: [] }
  }
}

function checkPlaces(bootstraps: readonly string[], mesh: string, meshes: readonly MeshInfo[]): Finding[] {
  const local = bootstraps.filter(bootstrap => isLocalHost(parseAddress(bootstrap).host))
  return [
    ...(local.length === bootstraps.length
      ? [faulty('hubs of the permit', 'permit-local', `${local.join(', ')} means this computer alone`)]
      : []),
    ...(meshes.length > 0 && !meshes.some(({ id }) => id === mesh)
      ? [faulty('mesh of the permit', 'permit-other-mesh', `it is of mesh ${mesh}`)]
      : []),
  ]
}

/** When the key in a root permit ends; never, where there is none. */
function keyEndsAtMs({ agent }: Permit): number {
  if (agent.certificate === undefined) return Number.POSITIVE_INFINITY
  return new X509Certificate(agent.certificate).validToDate.getTime()
}

const CHECK = 'permit'
